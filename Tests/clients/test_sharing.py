"""Albums that people of one server share, and what they see and may do of each other's things."""

import pytest

from harness import client, media


@pytest.fixture
def people(server, add_user):
    """Anna (the admin), Bert and Carla, each with a photo of their own; and sharing by the names of the roles."""
    anna, _ = client.log_in(server)
    made = {"anna": anna, "bert": add_user(server), "carla": add_user(server, "carla@example.org")}
    yield made
    for someone in made.values():
        someone.close()


def identity(someone):
    return someone.me()["id"]


def share(owner, album, someone, role):
    answer = owner.put(f"/api/albums/{album}/users", {"albumUsers": [{"userId": identity(someone), "role": role}]})
    assert answer.status == 200, answer
    return answer.json()


def album_of(owner, *assets, name="Holiday", **more):
    answer = owner.post("/api/albums", {"albumName": name, "assetIds": list(assets), **more})
    assert answer.status == 201, answer
    return answer.json()["id"]


def roles(someone, album):
    return {entry["user"]["email"].split("@")[0]: entry["role"]
            for entry in someone.get(f"/api/albums/{album}").json()["albumUsers"]}


def test_two_people_see_nothing_of_each_other(people):
    """Neither by session nor by key, whatever the key may do."""
    anna, bert = people["anna"], people["bert"]
    photo = anna.store(media.jpeg("mine"))
    album = album_of(anna, photo)
    assert anna.delete("/api/assets", {"ids": [anna.store(media.jpeg("trashed"))]}).status == 204
    for stranger in (bert, client.api_key(bert), client.api_key(bert, "asset.read", "asset.download", "asset.delete",
                                                               "album.read", "album.update", "albumAsset.create")):
        for method, target, body in [
                ("GET", f"/api/assets/{photo}", None), ("GET", f"/api/assets/{photo}/original", None),
                ("DELETE", "/api/assets", {"ids": [photo]}), ("DELETE", "/api/assets", {"ids": [photo], "force": True}),
                ("POST", "/api/trash/restore/assets", {"ids": [photo]}), ("GET", f"/api/albums/{album}", None),
                ("PATCH", f"/api/albums/{album}", {"albumName": "x"}),
                ("PUT", f"/api/albums/{album}/assets", {"ids": []}),
                ("POST", "/api/download/info", {"assetIds": [photo]}), ("POST", "/api/download/archive", {"assetIds": [photo]})]:
            answer = stranger.request(method, target, json_body=body)
            assert answer.status == 400 and answer.message.startswith("Not found or no "), (method, target, answer)
        assert stranger.get("/api/albums").json() == []
        assert stranger.get(f"/api/albums?assetId={photo}").json() == []
    assert bert.post("/api/trash/empty").json() == {"count": 0}
    assert bert.post("/api/trash/restore").json() == {"count": 0}
    assert bert.post("/api/download/info", {"userId": identity(bert)}).json() == {"totalSize": 0, "archives": []}
    assert anna.get("/api/assets/statistics?isTrashed=true").json()["total"] == 1


@pytest.mark.parametrize("permission, method, target, body", [
    ("albumUser.create", "PUT", "/api/albums/{album}/users", {"albumUsers": [{"userId": "{bert}"}]}),
    ("albumUser.update", "PUT", "/api/albums/{album}/user/{bert}", {"role": "viewer"}),
    ("albumUser.delete", "DELETE", "/api/albums/{album}/user/{bert}", None),
    ("asset.delete", "POST", "/api/trash/empty", None), ("asset.delete", "POST", "/api/trash/restore", None),
    ("asset.download", "POST", "/api/download/info", {"assetIds": []}),
    ("asset.download", "POST", "/api/download/archive", {"assetIds": []}),
    ("session.read", "GET", "/api/sessions", None), ("session.delete", "DELETE", "/api/sessions", None),
    ("adminUser.read", "GET", "/api/admin/users", None), ("job.read", "GET", "/api/jobs", None),
    ("job.create", "PUT", "/api/jobs/ocr", {"command": "pause"}), ("person.read", "GET", "/api/people", None),
    ("tag.read", "GET", "/api/tags", None), ("memory.read", "GET", "/api/memories", None),
])
def test_a_key_needs_its_permission(people, permission, method, target, body):
    anna, bert = people["anna"], people["bert"]
    names = {"{album}": album_of(anna), "{bert}": identity(bert)}
    if "/user/" in target:
        share(anna, names["{album}"], bert, "editor")
    text = str(body)
    for name, value in names.items():
        target, text = target.replace(name, value), text.replace(name, value)
    body = eval(text)
    other = client.api_key(anna, "asset.upload")
    refused = other.request(method, target, json_body=body)
    assert (refused.status, refused.message) == (403, f"Missing required permission: {permission}")
    granted = client.api_key(anna, permission)
    assert granted.request(method, target, json_body=body).status in (200, 201, 204)
    if target.startswith(("/api/admin", "/api/jobs")):
        mine = client.api_key(bert)
        assert mine.request(method, target, json_body=body).status == 403


def test_a_viewer_looks_and_changes_nothing(people):
    anna, bert, carla = people.values()
    data = media.jpeg("shown")
    photo, private = anna.store(data), anna.store(media.jpeg("private"))
    album = album_of(anna, photo)
    assert share(anna, album, bert, "viewer")["shared"] is True
    seen = bert.get(f"/api/albums/{album}").json()
    assert seen["assetCount"] == 1 and seen["albumUsers"][0]["role"] == "owner"
    assert roles(bert, album) == {"anna": "owner", "bert": "viewer"}
    assert bert.original(photo).body == data
    assert bert.get(f"/api/assets/{photo}").json()["ownerId"] == identity(anna)
    assert bert.post("/api/download/info", {"albumId": album}).json()["archives"][0]["assetIds"] == [photo]
    assert bert.get(f"/api/assets/{private}").status == 400
    own = bert.store(media.jpeg("bert"))
    for method, target, body in [
            ("PATCH", f"/api/albums/{album}", {"albumName": "x"}), ("DELETE", f"/api/albums/{album}", None),
            ("PUT", f"/api/albums/{album}/assets", {"ids": [own]}), ("DELETE", f"/api/albums/{album}/assets", {"ids": [photo]}),
            ("PUT", f"/api/albums/{album}/users", {"albumUsers": [{"userId": identity(carla)}]}),
            ("PUT", f"/api/albums/{album}/user/{identity(bert)}", {"role": "editor"}),
            ("DELETE", f"/api/albums/{album}/user/{identity(anna)}", None),
            ("DELETE", "/api/assets", {"ids": [photo]}), ("DELETE", "/api/assets", {"ids": [photo], "force": True})]:
        answer = bert.request(method, target, json_body=body)
        assert answer.status == 400, (method, target, answer)
    assert carla.get(f"/api/albums/{album}").status == 400 and carla.original(photo).status == 400
    assert anna.original(photo).body == data


def test_an_editor_adds_and_removes_what_is_their_own(people):
    anna, bert, carla = people.values()
    hers, his, third = anna.store(media.jpeg("hers")), bert.store(media.jpeg("his")), carla.store(media.jpeg("third"))
    album = album_of(anna, hers)
    share(anna, album, bert, "editor")
    share(anna, album, carla, "viewer")
    change = bert.put(f"/api/albums/{album}/assets", {"ids": [his, hers, third]}).json()
    assert [entry.get("error") for entry in change] == [None, "no_permission", "no_permission"]
    # What Bert added is seen by everybody in the album.
    assert carla.get(f"/api/assets/{his}").status == 200 and anna.original(his).status == 200
    assert bert.patch(f"/api/albums/{album}", {"albumName": "Ours", "description": "both"}).json()["albumName"] == "Ours"
    gone = bert.delete(f"/api/albums/{album}/assets", {"ids": [hers, his]}).json()
    assert [entry.get("error") for entry in gone] == ["no_permission", None]
    assert anna.get(f"/api/assets/{his}").status == 400, "out of the album, out of sight"
    assert bert.put(f"/api/albums/{album}/assets", {"ids": [his]}).json()[0]["success"]
    # The owner takes out any; the photo itself stays Bert's.
    assert anna.delete(f"/api/albums/{album}/assets", {"ids": [his]}).json()[0]["success"]
    assert bert.get(f"/api/assets/{his}").status == 200


def test_what_its_owner_trashes_or_takes_back_is_out_of_sight(people):
    anna, bert, _ = people.values()
    photo = anna.store(media.jpeg("photo"))
    album = album_of(anna, photo)
    share(anna, album, bert, "viewer")
    assert anna.delete("/api/assets", {"ids": [photo]}).status == 204
    assert bert.original(photo).status == 400 and bert.get(f"/api/albums/{album}").json()["assetCount"] == 0
    assert bert.post("/api/trash/restore/assets", {"ids": [photo]}).status == 400
    assert anna.post("/api/trash/restore/assets", {"ids": [photo]}).json() == {"count": 1}
    assert bert.original(photo).status == 200
    assert anna.delete(f"/api/albums/{album}/user/{identity(bert)}").status == 204
    assert bert.original(photo).status == 400 and bert.get(f"/api/albums/{album}").status == 400


def test_leaving_and_roles(people):
    anna, bert, carla = people.values()
    album = album_of(anna, albumUsers=[{"userId": identity(bert), "role": "viewer"}])
    assert roles(anna, album) == {"anna": "owner", "bert": "viewer"}
    share(anna, album, carla, "editor")
    again = anna.put(f"/api/albums/{album}/users", {"albumUsers": [{"userId": identity(bert), "role": "editor"}]})
    assert (again.status, again.message) == (400, "User already added")
    assert anna.put(f"/api/albums/{album}/user/{identity(bert)}", {"role": "editor"}).status == 204
    assert roles(bert, album) == {"anna": "owner", "bert": "editor", "carla": "editor"}
    assert bert.delete(f"/api/albums/{album}/user/me").status == 204
    assert carla.delete(f"/api/albums/{album}/user/{identity(carla)}").status == 204
    assert roles(anna, album) == {"anna": "owner"}
    assert bert.delete(f"/api/albums/{album}/user/me").status == 400


def test_filters_and_statistics(people):
    anna, bert, _ = people.values()
    photo = anna.store(media.jpeg("photo"))
    shared, private = album_of(anna, photo, name="Shared"), album_of(anna, name="Private")
    foreign = album_of(bert, name="Foreign")
    share(anna, shared, bert, "viewer")
    share(bert, foreign, anna, "editor")

    def names(query=""):
        return {album["albumName"] for album in anna.get(f"/api/albums{query}").json()}

    assert names() == names("?shared=true") == {"Shared", "Private", "Foreign"}
    assert names("?isOwned=true") == {"Shared", "Private"} and names("?isOwned=false") == {"Foreign"}
    assert names("?isShared=true") == {"Shared", "Foreign"} and names("?isShared=false") == {"Private"}
    assert names("?isShared=true&isOwned=true") == {"Shared"}
    assert names(f"?assetId={photo}") == {"Shared"} and names(f"?id={private}") == {"Private"}
    assert names("?name=Foreign") == {"Foreign"}
    assert anna.get("/api/albums/statistics").json() == {"owned": 2, "shared": 2, "notShared": 1}
    assert bert.get("/api/albums/statistics").json() == {"owned": 1, "shared": 2, "notShared": 0}


def test_members_for_clients_of_version_2(people):
    """immich-go and kiosk look for `assets`, and cannot read a number for a video's duration."""
    anna, bert, _ = people.values()
    photo, video = anna.store(media.jpeg("photo")), anna.store(media.mp4("video"), "clip.mp4", duration="1500")
    album = album_of(anna, photo, video)
    share(anna, album, bert, "viewer")
    assert "assets" not in anna.get(f"/api/albums/{album}").json()
    for someone in (anna, bert):
        assets = someone.get(f"/api/albums/{album}?withoutAssets=false").json()["assets"]
        assert {asset["id"] for asset in assets} == {photo, video}
        assert all(asset["duration"] is None and asset["checksum"] for asset in assets)


def test_a_live_photo_is_shared_whole(people):
    anna, bert, _ = people.values()
    motion = anna.store(media.mov("motion"), "live.mov", visibility="hidden")
    still = anna.store(media.heic("still"), "live.heic", livePhotoVideoId=motion)
    album = album_of(anna, still)
    assert bert.original(motion).status == 400
    share(anna, album, bert, "viewer")
    assert bert.original(motion).body == media.mov("motion")
    plan = bert.post("/api/download/info", {"albumId": album}).json()
    assert plan["archives"][0]["assetIds"] == [still, motion]
