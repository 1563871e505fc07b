"""The whole call sequences of clients that cannot run here: immich-go, the official command line, and the app from its
first look at the server to its first backup. Requests, order and fields are those of their sources."""

import datetime
import hashlib
import json

import pytest

from harness import client, media, multipart
from harness.client import PASSWORD, base64_sha1
from harness.phone import Phone
from harness.wire import Wire

PAUSED = ["thumbnailGeneration", "metadataExtraction", "videoConversion", "faceDetection", "smartSearch"]


def go_time(text):
    """As immich-go parses a time: any other shape becomes year 1 without a word."""
    return datetime.datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ") if len(text) == 24 else None


class ImmichGo:
    """`immich-go upload from-folder`, with the checks on which its Go code would panic or give up."""

    def __init__(self, server, key):
        self.server, self.http = server, client.Client(server, x_api_key=key, User_Agent="Go-http-client/1.1")

    def call(self, method, target, body=None, expected=range(200, 300)):
        answer = self.http.request(method, "/api" + target, json_body=body)
        assert answer.status in expected, (method, target, answer)
        return answer.json() if answer.body else None

    def connect(self):
        assert self.call("GET", "/server/ping") == {"res": "pong"}
        user = self.call("GET", "/users/me")
        types = self.call("GET", "/server/media-types")
        assert all(isinstance(value, list) for value in types.values())
        assert self.call("GET", "/server/about")["version"].startswith("v3.")
        return user

    def command(self, command):
        for name in PAUSED:
            queue = self.call("PUT", f"/jobs/{name}", {"command": command, "force": True})
            assert set(queue["jobCounts"]) == {"active", "completed", "failed", "delayed", "waiting", "paused"}
            assert queue["queueStatus"]["isPaused"] is (command == "pause"), (name, queue)
        assert set(PAUSED) <= set(self.call("GET", "/jobs"))

    def index(self):
        """Everything that is there, by checksum; two ids with one checksum make it panic."""
        self.call("GET", "/assets/statistics")
        found = {}
        for trashed in (False, True):
            for visibility in ("archive", "timeline", "hidden"):
                page = 1
                while page:
                    query = {"page": page, "size": 1000, "withExif": True, "order": "asc", "visibility": visibility}
                    if trashed:
                        query["trashedAfter"] = "0001-01-01T00:00:00.000Z"
                    assets = self.call("POST", "/search/metadata", query)["assets"]
                    assert assets["nextPage"] is None or isinstance(assets["nextPage"], str)
                    for asset in assets["items"]:
                        assert asset["id"] and asset["checksum"]
                        assert asset["checksum"] not in found or found[asset["checksum"]]["id"] == asset["id"]
                        assert asset["exifInfo"]["fileSizeInByte"] > 0
                        for name in ("fileCreatedAt", "fileModifiedAt", "localDateTime", "updatedAt"):
                            assert go_time(asset[name]).year > 1, (name, asset[name])
                        assert asset["isTrashed"] is trashed and asset["visibility"] == visibility
                        found[asset["checksum"]] = asset
                    page = assets["nextPage"] and int(assets["nextPage"])
        return found

    def albums(self):
        found = {}
        for album in self.call("GET", "/albums"):
            whole = self.call("GET", f"/albums/{album['id']}?withoutAssets=false")
            for asset in whole["assets"]:
                assert asset["duration"] is None or isinstance(asset["duration"], str)
            found[album["albumName"]] = (album["id"], {asset["id"] for asset in whole["assets"]})
        return found

    def upload(self, name, data, **more):
        parts = [multipart.field(*pair) for pair in {
            "visibility": "timeline", "duration": "00:00:00.000000", "isReadOnly": "false",
            "fileModifiedAt": "2023-05-06T07:08:09Z", "deviceAssetId": f"{name}-{len(data)}", "fileExtension": ".jpg",
            "isFavorite": "false", "assetType": "IMAGE", "fileCreatedAt": "2023-05-06T09:08:09+02:00",
            "deviceId": "gopher"}.items()]
        parts.append(multipart.file("assetData", name, data))
        boundary = hashlib.sha256(data).hexdigest()[:60]
        head = "\r\n".join([
            "POST /api/assets HTTP/1.1", f"Host: 127.0.0.1:{self.server.port}", "User-Agent: Go-http-client/1.1",
            "Transfer-Encoding: chunked", "Accept: application/json", f"Content-Type: multipart/form-data; boundary={boundary}",
            f"X-Api-Key: {self.http.fields['x_api_key']}", f"X-Immich-Checksum: {base64_sha1(data)}",
            "Accept-Encoding: gzip"])
        with Wire(self.server) as wire:
            return wire.send(head.encode() + b"\r\n\r\n" + multipart.chunked(multipart.encode(parts, boundary))).answer()


def test_immich_go(server, admin):
    go = ImmichGo(server, admin.fields["x_api_key"])
    go.connect()
    go.command("pause")
    trashed, archived = admin.store(media.jpeg("trashed")), admin.store(media.jpeg("archived"), visibility="archive")
    video = admin.store(media.mp4("video"), "clip.mp4")
    assert admin.delete("/api/assets", {"ids": [trashed]}).status == 204
    known = go.index()
    assert {asset["id"] for asset in known.values()} == {trashed, archived, video}
    assert go.albums() == {}
    data = media.jpeg("fresh")
    assert base64_sha1(data) not in known
    answer = go.upload("IMG 1.jpg", data)
    assert answer.status == 201 and answer.json()["status"] == "created"
    asset = answer.json()["id"]
    go.call("PUT", f"/assets/{asset}", {
        "description": "On the beach", "rating": 4, "latitude": 54.5, "longitude": 13.25,
        "dateTimeOriginal": "2023-05-06T09:08:09+02:00"})
    album = go.call("POST", "/albums", {"albumName": "Beach", "description": "", "assetIds": [asset]})["id"]
    assert go.call("PUT", f"/albums/{album}/assets", {"ids": [asset, video]})[1]["success"]
    go.command("resume")
    # The second run finds everything.
    again = ImmichGo(server, admin.fields["x_api_key"])
    again.connect()
    again.command("pause")
    assert again.index()[base64_sha1(data)]["id"] == asset
    assert again.albums() == {"Beach": (album, {asset, video})}
    assert again.upload("IMG 1.jpg", data).json() == {"id": asset, "status": "duplicate"}
    again.command("resume")


def test_immich_go_with_a_key_of_somebody_who_is_no_admin(server, admin, add_user):
    """It may not pause the queues; immich-go says how to go on then, and needs a 403 for it."""
    key = client.api_key(add_user(server))
    answer = key.put("/api/jobs/thumbnailGeneration", {"command": "pause", "force": True})
    assert (answer.status, answer.message) == (403, "Forbidden")


def test_the_command_line_client(server, admin, tmp_path):
    """`immich upload --recursive --album`: check, upload, album."""
    key = admin.fields["x_api_key"]
    cli = client.Client(server, x_api_key=key, User_Agent="node", Accept="*/*")
    nobody = client.Client(server, User_Agent="node")
    assert nobody.get("/.well-known/immich").json()["api"]["endpoint"] == "/api"
    assert cli.get("/api/users/me").json()["email"] == "anna@example.org"
    assert "all" in cli.get("/api/api-keys/me").json()["permissions"]
    types = cli.get("/api/server/media-types").json()
    assert ".jpg" in types["image"] + types["video"]
    files = {f"/home/anna/Bilder/Grün {index} %20.jpg": media.jpeg(f"cli {index}") for index in range(12)}
    known = cli.store(next(iter(files.values())), "earlier.jpg")
    answer = cli.post("/api/assets/bulk-upload-check", {"assets": [
        {"id": path, "checksum": hashlib.sha1(data, usedforsecurity=False).hexdigest()} for path, data in files.items()]})
    results = answer.json()["results"]
    assert [result["id"] for result in results] == list(files)
    assert [result["action"] for result in results] == ["reject"] + ["accept"] * 11
    ids = [known]
    for path, data in list(files.items())[1:]:
        parts = [multipart.field(*pair) for pair in [
            ("fileCreatedAt", "2024-01-02T03:04:05.678Z"), ("fileModifiedAt", "2024-01-02T03:04:05.678Z"),
            ("fileSize", str(len(data))), ("isFavorite", "false")]]
        parts.append(multipart.file("assetData", path.rsplit("/", 1)[1], data))
        boundary = "----formdata-undici-034276452311"
        answer = cli.post("/api/assets", body=multipart.encode(parts, boundary), fields={
            "Content-Type": multipart.content_type(boundary)})
        assert answer.status == 201, answer
        ids.append(answer.json()["id"])
    assert cli.get("/api/albums").json() == []
    album = cli.post("/api/albums", {"albumName": "Bilder"}).json()["id"]
    added = cli.put(f"/api/albums/{album}/assets", {"ids": ids}).json()
    assert all(entry["success"] for entry in added)
    assert {entry["error"] for entry in cli.put(f"/api/albums/{album}/assets", {"ids": ids}).json()} == {"duplicate"}
    for path, data in files.items():
        assert cli.post("/api/assets/bulk-upload-check", {"assets": [{"id": path, "checksum": base64_sha1(data)}]}
                        ).json()["results"][0]["assetId"] in ids
    # A key that may only upload can do what the upload itself needs.
    limited = client.api_key(admin, "asset.upload", "user.read", "album.read", "album.create", "albumAsset.create")
    assert limited.get("/api/api-keys/me").json()["permissions"][0] == "asset.upload"
    assert limited.get("/api/users/me").status == 200 and limited.get("/api/albums").status == 200
    assert limited.get(f"/api/assets/{known}").status == 403


class Application(client.Client):
    """The app: cookies and nothing else, as its jar got them."""

    def __init__(self, server):
        super().__init__(server, User_Agent="immich-android/3.1.0", deviceModel="Pixel 8", deviceType="Android")
        self.jar = {}

    def request(self, method, target, *, fields=None, **options):
        cookie = "; ".join(f"{name}={value}" for name, value in self.jar.items())
        answer = super().request(method, target, fields=({"Cookie": cookie} if cookie else {}) | (fields or {}), **options)
        for name, value in answer.fields:
            if name.lower() == "set-cookie":
                assert "domain=" not in value.lower() and "secure" not in value.lower()
                name, _, content = value.split(";")[0].partition("=")
                if "max-age=0" in value.lower():
                    self.jar.pop(name, None)
                else:
                    self.jar[name] = content
        return answer


def test_the_app_from_its_first_look_to_its_first_backup(server):
    app = Application(server)
    # Discovery.
    assert app.get("/.well-known/immich").json() == {"api": {"endpoint": "/api"}}
    assert app.get("/api/server/ping").json() == {"res": "pong"}
    version = app.get("/api/server/version").json()
    assert all(isinstance(version[part], int) for part in ("major", "minor", "patch")) and version["major"] == 3
    features, config = app.get("/api/server/features").json(), app.get("/api/server/config").json()
    assert len(features) == 16 and all(isinstance(value, bool) for value in features.values())
    assert isinstance(config["trashDays"], int) and config["isInitialized"] is True
    # Login: its answer's token is not used, the cookies are.
    login = app.post("/api/auth/login", {"email": "anna@example.org", "password": PASSWORD})
    assert login.status == 201 and set(app.jar) == {"immich_access_token", "immich_auth_type", "immich_is_authenticated"}
    assert isinstance(login.json()["profileImagePath"], str) and login.json()["shouldChangePassword"] is False
    me, preferences = app.get("/api/users/me").json(), app.get("/api/users/me/preferences").json()
    assert isinstance(preferences["download"]["archiveSize"], int) and preferences["emailNotifications"]
    # Start: server once more, a local scan, the sync that must succeed before anything is backed up.
    for route in ("version", "features", "config", "storage"):
        assert app.get(f"/api/server/{route}").status == 200
    assert app.post("/api/auth/validateToken").json() == {"authStatus": True}
    phone = Phone(app)
    phone.sync()
    assert phone.rows("SELECT id FROM auth_user") == [(me["id"],)]
    assert phone.rows("SELECT count(*) FROM asset") == [(0,)]
    # Backup: a live photo, motion part first.
    def store(name, data, **fields):
        form = {"deviceAssetId": "1000000033", "deviceId": "bd2e5a6ee30", "isFavorite": "false", "duration": "0"} | fields
        answer = app.upload(data, name, **form)
        assert answer.status == 201 and isinstance(answer.json()["id"], str)
        return answer.json()["id"]

    motion = store("IMG_1.MOV", media.mov("app"), visibility="hidden", duration="1500")
    metadata = [{"key": "mobile-app", "value": {"iCloudId": "x", "createdAt": "2024-07-05T13:14:15.000Z"}}]
    still = store("IMG_1.HEIC", media.heic("app"), livePhotoVideoId=motion, metadata=json.dumps(metadata))
    phone.sync()
    rows = {asset: (checksum, json.loads(data)) for asset, checksum, data in phone.rows("SELECT id, checksum, data FROM asset")}
    assert rows[still][0] == base64_sha1(media.heic("app")) and rows[still][1]["livePhotoVideoId"] == motion
    assert rows[motion][1]["visibility"] == "hidden" and rows[still][1]["ownerId"] == me["id"]
    # An album linked to one of the phone's, and what the app does with assets.
    album = app.post("/api/albums", {"albumName": "Camera", "assetIds": [still]})
    assert album.status == 201
    assert app.put(f"/api/albums/{album.json()['id']}/assets", {"ids": [still]}).json()[0]["error"] == "duplicate"
    assert app.delete("/api/assets", {"ids": [still], "force": False}).status == 204
    phone.sync()
    assert json.loads(phone.rows("SELECT data FROM asset WHERE id = ?", still)[0][0])["deletedAt"]
    assert app.post("/api/trash/restore/assets", {"ids": [still]}).json() == {"count": 1}
    assert app.delete("/api/assets", {"ids": [still], "force": True}).status == 204
    phone.sync()
    assert phone.rows("SELECT id FROM asset") == [], "the motion part went with it"
    # Logout takes the cookies back.
    assert app.post("/api/auth/logout").status == 200
    assert app.jar == {} and app.post("/api/auth/validateToken").status == 401
