"""Every route of accounts, server facts, assets and albums, held against Immich's own description.

The client checks each answer by itself; this table makes sure that each described operation is really called, with
its success and its refusals.
"""

import re
import uuid

import pytest

from harness import client, contract, media
from harness.client import PASSWORD, base64_sha1

NOBODY = "11111111-1111-4111-8111-111111111111"


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    """One server for the table: an admin, and an asset and an album to ask for."""
    from harness import process
    server = process.Nightstand(tmp_path_factory.mktemp("contract") / "data").start()
    client.sign_up(server)
    session, login = client.log_in(server)
    house = Household(server, session, login)
    yield house
    server.close()


class Household:
    def __init__(self, server, session, login):
        self.server, self.session, self.login = server, session, login
        self.key = client.api_key(session)
        self.asset = session.store(media.jpeg("contract"), "Grün.jpg")
        self.album = session.post("/api/albums", {"albumName": "A", "assetIds": [self.asset]}).json()["id"]
        self.key_id = session.get("/api/api-keys").json()[0]["id"]
        self.me = login.json()["userId"]
        self.guest, self.other, self.leaver = (
            session.post("/api/admin/users", {
                "email": f"{name}@example.org", "name": name, "password": PASSWORD}).json()["id"]
            for name in ("guest", "other", "leaver"))

    def fill(self, value):
        """Puts the real ids where the table says {asset}, {album}, {key}, {nobody}, {new}."""
        if isinstance(value, str):
            for name, real in [("asset", self.asset), ("album", self.album), ("key", self.key_id), ("me", self.me),
                               ("guest", self.guest), ("other", self.other), ("leaver", self.leaver), ("nobody", NOBODY), ("new", str(uuid.uuid4()))]:
                value = value.replace("{%s}" % name, real)
            return value
        if isinstance(value, dict):
            return {key: self.fill(child) for key, child in value.items()}
        return [self.fill(child) for child in value] if isinstance(value, list) else value


# request, JSON body, expected status, what the answer must contain
SUCCESSES = [
    ("GET /api/server/ping", None, 200, {"res": "pong"}),
    ("GET /api/server/version", None, 200, {"major": 3, "minor": 1, "patch": 0, "prerelease": None}),
    ("GET /api/server/features", None, 200, {
        "smartSearch": False, "facialRecognition": False, "duplicateDetection": False, "oauth": False,
        "oauthAutoLaunch": False, "ocr": False, "email": False, "configFile": False, "realtimeTranscoding": False,
        "importFaces": False, "reverseGeocoding": False, "passwordLogin": True, "trash": True}),
    ("GET /api/server/config", None, 200, {"isInitialized": True, "maintenanceMode": False}),
    ("GET /api/server/about", None, 200, {"version": "v3.1.0", "licensed": False}),
    ("GET /api/server/media-types", None, 200, {}),
    ("GET /api/server/storage", None, 200, {}),
    ("GET /api/server/statistics", None, 200, {}),
    ("GET /api/server/version-check", None, 200, {}),
    ("GET /api/server/version-history", None, 200, None),
    ("POST /api/auth/validateToken", None, 200, {"authStatus": True}),
    ("GET /api/auth/status", None, 200, {"password": True}),
    ("GET /api/users/me", None, 200, {"email": "anna@example.org", "isAdmin": True, "status": "active",
                                      "shouldChangePassword": False, "deletedAt": None}),
    ("PUT /api/users/me", {"name": "Anna B."}, 200, {"name": "Anna B."}),
    ("GET /api/users/me/preferences", None, 200, {}),
    ("PUT /api/users/me/preferences", {"memories": {"enabled": False}}, 200, {}),
    ("GET /api/api-keys", None, 200, None),
    ("POST /api/api-keys", {"name": "of the table", "permissions": ["asset.read"]}, 201, {}),
    ("GET /api/api-keys/{key}", None, 200, {"id": "{key}", "permissions": ["all"]}),
    ("PUT /api/api-keys/{key}", {"name": "renamed", "permissions": ["all"]}, 200, {"name": "renamed"}),
    ("POST /api/assets/bulk-upload-check",
     {"assets": [{"id": "anything at all", "checksum": base64_sha1(media.jpeg("contract"))}]}, 200,
     {"results": [{"id": "anything at all", "action": "reject", "reason": "duplicate", "assetId": "{asset}",
                   "isTrashed": False}]}),
    ("GET /api/assets/statistics", None, 200, {"images": 1, "videos": 0, "total": 1}),
    ("GET /api/assets/statistics?isTrashed=true", None, 200, {"total": 0}),
    ("GET /api/assets/statistics?isFavorite=true", None, 200, {"total": 0}),
    ("GET /api/assets/statistics?visibility=archive", None, 200, {"total": 0}),
    ("GET /api/assets/{asset}", None, 200, {
        "id": "{asset}", "type": "IMAGE", "originalFileName": "Grün.jpg", "originalMimeType": "image/jpeg",
        "isFavorite": False, "isArchived": False, "isTrashed": False, "isOffline": False, "visibility": "timeline",
        "duration": None, "livePhotoVideoId": None, "checksum": base64_sha1(media.jpeg("contract")), "people": [],
        "fileCreatedAt": "2024-07-05T13:14:15.000Z", "fileModifiedAt": "2024-07-06T01:02:03.456Z",
        "localDateTime": "2024-07-05T13:14:15.000Z"}),
    ("GET /api/assets/{asset}/original", None, 200, None),
    ("PUT /api/assets/{asset}", {"description": "am See", "rating": 4, "latitude": 47.6, "longitude": 9.4}, 200,
     {"id": "{asset}", "exifInfo": {"description": "am See", "rating": 4}}),
    ("GET /api/assets/{asset}/thumbnail?size=fullsize", None, 302, None),
    ("GET /api/timeline/buckets", None, 200, None),
    ("GET /api/timeline/bucket?timeBucket=2024-07-01", None, 200, None),
    ("POST /api/search/metadata", {"withExif": True}, 200, {"assets": {"nextPage": None}}),
    ("POST /api/search/random", {"size": 3}, 200, None),
    ("POST /api/search/statistics", {}, 200, None),
    ("GET /api/search/suggestions?type=camera-make", None, 200, None),
    ("GET /api/search/explore", None, 200, [{"fieldName": "exifInfo.city", "items": []}]),
    ("GET /api/search/cities", None, 200, []),
    ("GET /api/search/places?name=x", None, 200, []),
    ("GET /api/search/person?name=x", None, 200, []),
    ("GET /api/albums", None, 200, None),
    ("GET /api/albums?assetId={asset}", None, 200, None),
    ("GET /api/albums?shared=true", None, 200, None),
    ("POST /api/albums", {"albumName": "Empty", "description": "of everything"}, 201,
     {"albumName": "Empty", "description": "of everything", "assetCount": 0, "albumThumbnailAssetId": None}),
    ("POST /api/albums", {"albumName": "Foreign", "assetIds": ["{nobody}"]}, 201, {"assetCount": 0}),
    ("GET /api/albums/{album}", None, 200, {
        "id": "{album}", "albumName": "A", "assetCount": 1, "albumThumbnailAssetId": "{asset}", "shared": False,
        "hasSharedLink": False, "startDate": "2024-07-05T13:14:15.000Z", "endDate": "2024-07-05T13:14:15.000Z"}),
    ("PATCH /api/albums/{album}", {"description": "ü", "order": "asc", "isActivityEnabled": False}, 200,
     {"description": "ü", "order": "asc", "isActivityEnabled": False, "albumName": "A"}),
    ("PUT /api/albums/{album}/assets", {"ids": ["{asset}"]}, 200, None),
    ("DELETE /api/albums/{album}/assets", {"ids": ["{nobody}"]}, 200, None),
    ("POST /api/trash/restore/assets", {"ids": ["{asset}"]}, 200, {"count": 0}),
    ("POST /api/trash/restore", None, 200, {"count": 0}),
    ("POST /api/trash/empty", None, 200, {"count": 0}),
    ("GET /api/albums/statistics", None, 200, {}),
    ("PUT /api/albums/{album}/users", {"albumUsers": [{"userId": "{guest}", "role": "viewer"}]}, 200, {
        "id": "{album}", "shared": True}),
    ("GET /api/albums?isShared=true&isOwned=true", None, 200, None),
    ("PUT /api/albums/{album}/user/{guest}", {"role": "editor"}, 204, None),
    ("DELETE /api/albums/{album}/user/{guest}", None, 204, None),
    ("GET /api/albums/{album}?withoutAssets=false", None, 200, {"shared": False}),
    ("GET /api/users", None, 200, None),
    ("GET /api/users/{guest}", None, 200, {"id": "{guest}", "name": "guest"}),
    ("GET /api/admin/users", None, 200, None),
    ("GET /api/admin/users?withDeleted=true&id={guest}", None, 200, None),
    ("POST /api/admin/users", {
        "email": "new@example.org", "name": "New", "password": PASSWORD, "quotaSizeInBytes": 1000, "isAdmin": True,
        "storageLabel": "new-one", "avatarColor": "pink", "notify": True, "shouldChangePassword": False}, 201,
     {"email": "new@example.org", "quotaSizeInBytes": 1000, "isAdmin": True, "storageLabel": "new-one",
      "avatarColor": "pink", "shouldChangePassword": False}),
    ("GET /api/admin/users/{other}", None, 200, {"id": "{other}", "shouldChangePassword": True, "quotaSizeInBytes": None}),
    ("PUT /api/admin/users/{other}", {"quotaSizeInBytes": 5, "name": "Another", "isAdmin": True, "storageLabel": "other"},
     200, {"quotaSizeInBytes": 5, "name": "Another", "isAdmin": True}),
    ("PUT /api/admin/users/{other}", {"quotaSizeInBytes": None, "isAdmin": False}, 200,
     {"quotaSizeInBytes": None, "name": "Another", "isAdmin": False}),
    ("DELETE /api/admin/users/{leaver}", {}, 200, {"id": "{leaver}", "status": "deleted"}),
    ("POST /api/admin/users/{leaver}/restore", None, 200, {"id": "{leaver}", "status": "active", "deletedAt": None}),
    ("GET /api/sessions", None, 200, None),
    ("DELETE /api/sessions", None, 204, None),
    ("POST /api/download/info", {"assetIds": ["{asset}"]}, 201, {"archives": [{"assetIds": ["{asset}"]}]}),
    ("POST /api/download/info", {"albumId": "{album}", "archiveSize": 1}, 201, {}),
    ("POST /api/download/info", {"userId": "{me}"}, 201, {}),
    ("POST /api/download/archive", {"assetIds": ["{asset}"]}, 200, None),
    ("GET /api/jobs", None, 200, {}),
    ("PUT /api/jobs/faceDetection", {"command": "pause", "force": True}, 200, {
        "jobCounts": {"active": 0, "failed": 0}, "queueStatus": {"isActive": False, "isPaused": True}}),
    ("PUT /api/jobs/faceDetection", {"command": "resume"}, 200, {"queueStatus": {"isPaused": False}}),
    ("GET /api/people", None, 200, {"people": [], "total": 0, "hidden": 0, "hasNextPage": False}),
    ("GET /api/search/person?name=x", None, 200, None),
    ("GET /api/faces?id={asset}", None, 200, None),
    ("GET /api/tags", None, 200, None),
    ("GET /api/stacks", None, 200, None),
    ("GET /api/memories?for=2024-01-01T00:00:00.000Z", None, 200, None),
    ("GET /api/memories/statistics", None, 200, {"total": 0}),
    ("GET /api/partners?direction=shared-by", None, 200, None),
    ("GET /api/map/markers", None, 200, None),
    ("GET /api/activities?albumId={album}", None, 200, None),
    ("GET /api/activities/statistics?albumId={album}", None, 200, {"comments": 0, "likes": 0}),
    ("GET /api/shared-links", None, 200, None),
]

# request, JSON body, expected status, the message (a regular expression)
REFUSALS = [
    ("GET /api/assets/{nobody}", None, 400, "Not found or no asset.read access"),
    ("GET /api/assets/{nobody}/original", None, 400, "Not found or no asset.download access"),
    ("GET /api/assets/{nobody}/thumbnail", None, 400, "Not found or no asset.view access"),
    ("GET /api/assets/{nobody}/video/playback", None, 400, "Not found or no asset.view access"),
    ("GET /api/assets/{asset}/video/playback", None, 404, "Asset is not a video"),
    ("GET /api/assets/{asset}/thumbnail?size=huge", None, 400, "Validation failed"),
    ("PUT /api/assets/{nobody}", {"isFavorite": True}, 400, "Not found or no asset.update access"),
    ("PUT /api/assets", {"ids": ["{asset}", "{nobody}"], "isFavorite": True}, 400, "Not found or no asset.update access"),
    ("PUT /api/assets", {"isFavorite": True}, 400, "Validation failed"),
    ("POST /api/search/smart", {"query": "cats"}, 400, "Smart search is not enabled"),
    ("POST /api/search/metadata", {"size": 1001}, 400, "Validation failed"),
    ("POST /api/search/metadata", {"page": 0}, 400, "Validation failed"),
    ("POST /api/search/metadata", {"checksum": "short"}, 400, "Validation failed"),
    ("POST /api/search/metadata", {"takenAfter": "yesterday"}, 400, "Validation failed"),
    ("POST /api/search/metadata", {"visibility": "secret"}, 400, "Validation failed"),
    ("POST /api/search/metadata", {"albumIds": ["{nobody}"]}, 400, "Not found or no album.read access"),
    ("GET /api/search/suggestions?type=shoe-size", None, 400, "Validation failed"),
    ("GET /api/search/person", None, 400, "Validation failed"),
    ("GET /api/timeline/bucket", None, 400, "Validation failed"),
    ("GET /api/timeline/bucket?timeBucket=July", None, 400, "Validation failed"),
    ("GET /api/timeline/buckets?albumId={nobody}", None, 400, "Not found or no album.read access"),
    ("GET /api/timeline/buckets?userId={nobody}", None, 400, "Not found or no timeline.read access"),
    ("GET /api/timeline/buckets?personId={nobody}", None, 400, "Not found or no person.read access"),
    ("GET /api/timeline/buckets?tagId={nobody}", None, 400, "Not found or no tag.read access"),
    ("GET /api/timeline/buckets?bbox=1,2,3", None, 400, "Validation failed"),
    ("DELETE /api/assets", {"ids": ["{asset}", "{nobody}"]}, 400, "Not found or no asset.delete access"),
    ("POST /api/trash/restore/assets", {"ids": ["{nobody}"]}, 400, "Not found or no asset.delete access"),
    ("GET /api/albums/{nobody}", None, 400, "Not found or no album.read access"),
    ("PATCH /api/albums/{nobody}", {"albumName": "x"}, 400, "Not found or no album.update access"),
    ("DELETE /api/albums/{nobody}", None, 400, "Not found or no album.delete access"),
    ("PUT /api/albums/{nobody}/assets", {"ids": ["{asset}"]}, 400, "Not found or no albumAsset.create access"),
    ("DELETE /api/albums/{nobody}/assets", {"ids": ["{asset}"]}, 400, "Not found or no albumAsset.delete access"),
    ("PUT /api/albums/{nobody}/users", {"albumUsers": [{"userId": "{guest}"}]}, 400, "Not found or no album.share access"),
    ("PUT /api/albums/{album}/users", {"albumUsers": [{"userId": "{me}"}]}, 400, "Cannot be shared with owner"),
    ("PUT /api/albums/{album}/users", {"albumUsers": [{"userId": "{nobody}"}]}, 400, "User not found"),
    ("PUT /api/albums/{album}/users", {"albumUsers": []}, 400, "Validation failed"),
    ("PUT /api/albums/{album}/users", {"albumUsers": [{"userId": "{guest}", "role": "owner"}]}, 400, ".+"),
    ("PUT /api/albums/{album}/user/{guest}", {"role": "viewer"}, 400, "Album not shared with user"),
    ("PUT /api/albums/{album}/user/{guest}", {"role": "king"}, 400, "Validation failed"),
    ("DELETE /api/albums/{album}/user/{guest}", None, 400, "Album not shared with user"),
    ("DELETE /api/albums/{album}/user/me", None, 400, "Cannot remove album owner"),
    ("GET /api/users/{nobody}", None, 400, "User not found"),
    ("GET /api/users/{guest}/profile-image", None, 404, ".+"),
    ("GET /api/admin/users/{nobody}", None, 400, "User not found"),
    ("POST /api/admin/users", {"email": "guest@example.org", "name": "x", "password": "x"}, 400, "User exists"),
    ("POST /api/admin/users", {"email": "x@example.org", "name": "x", "password": ""}, 400, ".+"),
    ("POST /api/admin/users", {"email": "x@example.org", "name": "x", "password": "x", "storageLabel": "../x"}, 400, ".+"),
    ("POST /api/admin/users", {"email": "x@example.org", "name": "x", "password": "x", "pinCode": "123456"}, 400, ".+"),
    ("POST /api/admin/users", {"email": "x@example.org", "name": "x", "password": "x", "quotaSizeInBytes": -1}, 400, ".+"),
    ("PUT /api/admin/users/{guest}", {"storageLabel": "elsewhere"}, 400, ".+never changes"),
    ("PUT /api/admin/users/{guest}", {"email": "anna@example.org"}, 400, "User exists"),
    ("DELETE /api/admin/users/{me}", {}, 400, "Cannot delete own account"),
    ("DELETE /api/admin/users/{nobody}", {}, 400, "User not found"),
    ("DELETE /api/sessions/{nobody}", None, 400, ".+"),
    ("POST /api/download/info", {}, 400, ".+"),
    ("POST /api/download/info", {"assetIds": ["{asset}", "{nobody}"]}, 400, "Not found or no asset.download access"),
    ("POST /api/download/info", {"albumId": "{nobody}"}, 400, "Not found or no album.download access"),
    ("POST /api/download/info", {"userId": "{guest}"}, 400, "Not found or no timeline.download access"),
    ("POST /api/download/archive", {"assetIds": ["{nobody}"]}, 400, "Not found or no asset.download access"),
    ("PUT /api/jobs/nonsense", {"command": "pause"}, 400, "Validation failed"),
    ("PUT /api/jobs/ocr", {"command": "dance"}, 400, "Validation failed"),
    ("PUT /api/jobs/ocr", {"command": "start"}, 400, ".+"),
    ("GET /api/faces?id={nobody}", None, 400, "Not found or no asset.read access"),
    ("GET /api/tags/{nobody}", None, 400, "Not found or no tag.read access"),
    ("PUT /api/tags/{nobody}", {"color": "#fff"}, 400, "Not found or no tag.update access"),
    ("DELETE /api/tags/{nobody}", None, 400, "Not found or no tag.delete access"),
    ("PUT /api/tags/{nobody}/assets", {"ids": ["{asset}"]}, 400, "Not found or no tag.asset access"),
    ("DELETE /api/tags/{nobody}/assets", {"ids": ["{asset}"]}, 400, "Not found or no tag.asset access"),
    ("POST /api/stacks", {"assetIds": ["{asset}", "{nobody}"]}, 400, "Stacks are not supported.+"),
    ("POST /api/activities", {"albumId": "{album}", "type": "like"}, 400, ".+not supported.+"),
    ("POST /api/shared-links", {"type": "ALBUM", "albumId": "{album}"}, 400, ".+not supported.+"),
    ("GET /api/api-keys/{nobody}", None, 400, ".+"),
    ("PUT /api/api-keys/{nobody}", {"name": "x", "permissions": ["all"]}, 400, ".+"),
    ("DELETE /api/api-keys/{nobody}", None, 400, ".+"),
    ("GET /api/assets/not-a-uuid", None, 400, ".+"),
    ("GET /api/albums/not-a-uuid", None, 400, ".+"),
    ("POST /api/albums", {}, 400, "Validation failed"),
    ("POST /api/albums", {"albumName": 7}, 400, "Validation failed"),
    ("POST /api/assets/bulk-upload-check", {"assets": [{"id": "x"}]}, 400, "Validation failed"),
    ("POST /api/assets/bulk-upload-check", {"assets": [{"id": "x", "checksum": "short"}]}, 400, ".+"),
    ("POST /api/api-keys", {"name": "x", "permissions": ["asset.fly"]}, 400, ".+"),
    ("POST /api/auth/login", {"email": "anna@example.org"}, 400, "Validation failed"),
    ("POST /api/auth/admin-sign-up", {"email": "b@example.org", "name": "B", "password": PASSWORD}, 400, ".+"),
    ("GET /api/nothing/here", None, 404, ".+"),
    ("GET /nothing/here", None, 404, ".+"),
    ("PUT /api/server/ping", {}, 405, ".+"),
    ("PATCH /api/assets/{asset}/original", {}, 405, ".+"),
]


def subset(expected, actual):
    if isinstance(expected, dict):
        return isinstance(actual, dict) and all(
            name in actual and subset(value, actual[name]) for name, value in expected.items())
    if isinstance(expected, list):
        return isinstance(actual, list) and len(expected) == len(actual) and all(map(subset, expected, actual))
    return expected == actual and type(expected) is type(actual)


@pytest.mark.parametrize("request_line, body, status, contains", SUCCESSES, ids=lambda value: str(value)[:50])
def test_success(house, request_line, body, status, contains):
    method, target = house.fill(request_line).split(" ", 1)
    answer = house.session.request(method, target, json_body=house.fill(body))
    assert answer.status == status, answer
    if contains is not None:
        assert subset(house.fill(contains), answer.json()), answer.json()


@pytest.mark.parametrize("request_line, body, status, message", REFUSALS, ids=lambda value: str(value)[:50])
def test_refusal(house, request_line, body, status, message):
    method, target = house.fill(request_line).split(" ", 1)
    answer = house.session.request(method, target, json_body=house.fill(body))
    assert answer.status == status, answer
    assert re.fullmatch(message, answer.message), answer.message
    if answer.message == "Validation failed":
        assert answer.json()["errors"]


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b'"x"', b"\xff\xfe", b'{"email":"a","email":"b"}',
                                  b"[" * 16_000, b'{"email":' * 1_800], ids=lambda body: repr(body[:20]))
def test_what_is_no_proper_json_is_refused(house, body):
    """Also nesting deep enough to overflow a recursive parser's stack."""
    answer = house.session.post("/api/auth/login", body=body, fields={"Content-Type": "application/json"})
    assert answer.status == 400, answer
    assert house.session.get("/api/server/ping").status == 200


def test_each_described_operation_is_called_somewhere():
    """An operation that is added to the schema pieces needs a line above, or one of the tests named here."""
    elsewhere = {
        "POST /auth/login", "POST /auth/logout", "POST /auth/change-password", "POST /auth/admin-sign-up",
        "POST /assets", "PUT /assets", "GET /assets/{id}/video/playback", "DELETE /assets", "GET /api-keys/me",
        "DELETE /api-keys/{id}", "DELETE /albums/{id}",
        # Only ever refused.
        "GET /users/{id}/profile-image", "POST /stacks", "DELETE /sessions/{id}",
        # test_tags.py
        "POST /tags", "PUT /tags", "PUT /tags/assets", "GET /tags/{id}", "PUT /tags/{id}", "DELETE /tags/{id}",
        "PUT /tags/{id}/assets", "DELETE /tags/{id}/assets",
    }
    called = set()
    for request_line, *_ in SUCCESSES:
        method, target = request_line.split(" ", 1)
        called.add(contract.operation(method, target))
    assert set(contract.PIECES["operations"]) == called | elsewhere


def test_media_types_fit_every_reader(house):
    """immich-go decodes a map of string lists and nothing else; the CLI builds a glob of lower-case extensions."""
    types = house.session.get("/api/server/media-types").json()
    assert set(types) >= {"image", "video", "sidecar"}
    for extensions in types.values():
        assert all(re.fullmatch(r"\.[a-z0-9]+", extension) for extension in extensions)
    assert {".jpg", ".jpeg", ".png", ".heic", ".dng", ".webp", ".gif", ".avif", ".jxl"} <= set(types["image"])
    assert {".mov", ".mp4", ".m4v", ".3gp", ".webm", ".mkv"} <= set(types["video"])
    assert types["sidecar"] == [".xmp"]


def test_public_facts_need_no_credential(house):
    nobody = client.Client(house.server)
    for route in ("ping", "version", "features", "config", "media-types", "version-history"):
        assert nobody.get(f"/api/server/{route}").status == 200, route
    for route in ("about", "storage", "statistics", "version-check"):
        assert nobody.get(f"/api/server/{route}").status == 401, route
    known = nobody.get("/.well-known/immich")
    assert (known.status, known.json()) == (200, {"api": {"endpoint": "/api"}})


def test_ids_are_taken_in_either_case(house):
    assert house.session.get(f"/api/assets/{house.asset.upper()}").json()["id"] == house.asset
    answer = house.session.put(f"/api/albums/{house.album.upper()}/assets", {"ids": [house.asset.upper()]})
    assert answer.json() == [{"id": house.asset, "success": False, "error": "duplicate"}]


def test_a_superset_for_newer_generated_clients(house):
    """immichpy 9.2.4 raises without clusterGroupId, and reads a key's fields at the top level of its creation."""
    assert contract.UUID4.fullmatch(house.session.me()["clusterGroupId"])
    made = house.session.post("/api/api-keys", {"name": "twice", "permissions": ["all"]}).json()
    assert {name: made[name] for name in made["apiKey"]} == made["apiKey"]


def test_the_file_size_is_known_at_once(house):
    facts = house.session.get(f"/api/assets/{house.asset}").json()
    assert facts["exifInfo"]["fileSizeInByte"] == len(media.jpeg("contract"))


def test_album_changes_are_answered_one_by_one(house):
    extra = house.session.store(media.jpeg("album extra"), "extra.jpg")
    album = house.session.post("/api/albums", {"albumName": "B"}).json()["id"]
    answer = house.session.put(f"/api/albums/{album}/assets", {"ids": [extra, extra, NOBODY, house.asset]}).json()
    assert [(entry["id"], entry["success"], entry.get("error")) for entry in answer] == [
        (extra, True, None), (extra, False, "duplicate"), (NOBODY, False, answer[2].get("error")),
        (house.asset, True, None)]
    assert answer[2]["error"] in ("no_permission", "not_found") and answer[2]["success"] is False
    answer = house.session.delete(f"/api/albums/{album}/assets", {"ids": [house.asset, house.asset, NOBODY]}).json()
    assert [entry["success"] for entry in answer] == [True, False, False]
    assert [entry.get("error") for entry in answer][1:] == ["not_found", "not_found"]
    album_now = house.session.get(f"/api/albums/{album}").json()
    assert album_now["assetCount"] == 1
    assert album_now["albumUsers"][0]["role"] == "owner"
    assert album_now["albumUsers"][0]["user"]["email"] == "anna@example.org"
    assert house.session.delete(f"/api/albums/{album}").status == 204
    assert house.session.get(f"/api/albums/{album}").status == 400
    assert house.session.get(f"/api/assets/{extra}").status == 200, "deleting an album keeps its photos"
