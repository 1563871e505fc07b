"""Devices: what the server knows of every login and key, and who may know it."""

import hashlib
import json
import re
import time

import pytest

from harness import client, media

PIXEL = {"User_Agent": "immich-android/3.1.0", "deviceModel": "Pixel 8"}


def log_in(server, email="anna@example.org", **fields):
    """A session of a device that says of itself what `fields` say."""
    answer = client.Client(server, **fields).post("/api/auth/login", {"email": email, "password": client.PASSWORD})
    assert answer.status == 201, answer
    return client.Client(server, Authorization=f"Bearer {answer.json()['accessToken']}", **fields)


def devices(someone, query=""):
    answer = someone.get("/api/backup/devices" + query)
    assert answer.status == 200, answer
    return answer.json()["devices"]


def mine(someone):
    answer = someone.get("/api/backup/devices/me")
    assert answer.status == 200, answer
    return answer.json()


def activity(someone, query=""):
    answer = someone.get("/api/backup/activity" + query)
    assert answer.status == 200, answer
    return answer.json()


def kinds(someone, query=""):
    return [item["kind"] for item in activity(someone, query)["items"]]


@pytest.fixture
def server(launch, request):
    """Without a login, for each is a device, unless the test speaks of the admin's."""
    if "admin" in request.fixturenames:
        return launch(founded=True)
    made = launch()
    client.sign_up(made)
    return made


@pytest.fixture
def phone(server):
    made = log_in(server, **PIXEL)
    yield made
    made.close()


@pytest.fixture
def bert(server, add_user):
    made = add_user(server)
    yield made
    made.close()


def test_every_login_and_key_is_a_device(server, phone):
    key = client.api_key(phone, "asset.upload", name="Scanner")
    seen = {device["name"]: device for device in devices(phone)}
    assert set(seen) == {"Google Pixel 8", "Scanner"}
    pixel, scanner = seen["Google Pixel 8"], seen["Scanner"]
    assert (pixel["kind"], pixel["os"], pixel["client"], pixel["clientVersion"]) == (
        "phone", "Android", "Immich for Android", "3.1.0")
    assert pixel["isCurrent"] and pixel["state"]["level"] == "new" and len(pixel["days"]) == 30
    assert [each["kind"] for each in pixel["credentials"]] == ["session"]
    assert scanner["credentials"][0]["permissions"] == ["asset.upload"] and scanner["state"]["level"] == "none"
    assert key.get("/api/backup/devices").status == 403, "an upload-only key reads nothing"
    key.store(media.jpeg("from the scanner"))
    scanner = phone.get(f"/api/backup/devices/{scanner['id']}").json()
    assert (scanner["stored"], scanner["state"]["level"]) == (1, "none"), "a program that was there once is not missed"
    assert scanner["storedBytes"] == len(media.jpeg("from the scanner"))
    assert scanner["days"][-1]["stored"] == 1 and scanner["days"][-1]["hours"] == 1 and scanner["lastUpload"]


def test_duplicates_and_refusals_count_for_their_device(phone):
    photo = media.jpeg("one")
    phone.store(photo, "one.jpg")
    assert phone.upload(photo, "one again.jpg").status == 200
    assert phone.upload(photo, fields={"x-immich-checksum": client.base64_sha1(photo)}).status == 200
    assert phone.upload(b"what is this", "virus.exe").status == 400
    assert phone.upload(media.jpeg("two"), "two.jpg", fields={"x-immich-checksum": client.base64_sha1(b"lie")}).status == 400
    items = activity(phone, "?kind=stored,duplicate,rejected")["items"]
    assert sorted((each["kind"], each["reason"]) for each in items) == [
        ("duplicate", None), ("duplicate", None), ("rejected", "checksum_mismatch"), ("rejected", "unsupported_type"),
        ("stored", None)]
    assert {each["name"] for each in items if each["kind"] == "rejected"} == {"virus.exe", "two.jpg"}
    assert all(each["deviceName"] == "Google Pixel 8" for each in items)
    device = mine(phone)
    assert (device["stored"], device["duplicates"], device["rejected"]) == (1, 2, 2)


def test_a_broken_transfer_is_seen(server, phone):
    import socket
    with socket.create_connection(("127.0.0.1", server.port)) as raw:
        raw.sendall(
            (f"POST /api/backup/assets?filename=film.mov HTTP/1.1\r\nHost: x\r\nContent-Length: 50000000\r\n"
             f"Authorization: {phone.fields['Authorization']}\r\nUser-Agent: immich-android/3.1.0\r\n\r\n").encode()
            + media.jpeg("beginning") + bytes(3 << 20))
        deadline = time.monotonic() + 20
        while not (uploads := phone.get("/api/backup/overview").json()["uploads"]) or uploads[0]["receivedBytes"] == 0:
            assert time.monotonic() < deadline, uploads
        assert uploads[0]["name"] == "film.mov" and uploads[0]["totalBytes"] == 50000000 and uploads[0]["isActive"]
    deadline = time.monotonic() + 20
    while "broken" not in kinds(phone):
        assert time.monotonic() < deadline
    assert mine(phone)["broken"] == 1 and phone.get("/api/backup/overview").json()["uploads"] == []


def test_a_phone_that_logs_in_again_is_the_same(server, phone):
    first = mine(phone)
    assert phone.post("/api/auth/logout").status == 200
    again = log_in(server, **PIXEL)
    assert mine(again)["id"] == first["id"]
    twin = log_in(server, **PIXEL)
    assert mine(twin)["id"] != first["id"], "two phones of one model at once are two"
    assert kinds(again).count("logout") == 1


def test_merge_keeps_counts_and_history(server, phone):
    other = log_in(server, User_Agent="immich-android/3.1.0", deviceModel="SM-S918B")
    phone.store(media.jpeg("a"))
    other.store(media.jpeg("b"))
    whole, part = mine(phone)["id"], mine(other)["id"]
    assert phone.post(f"/api/backup/devices/{whole}/merge", {"from": whole}).status == 400
    merged = phone.post(f"/api/backup/devices/{whole}/merge", {"from": part}).json()
    assert merged["stored"] == 2 and merged["days"][-1]["stored"] == 2 and len(merged["credentials"]) == 2
    other.store(media.jpeg("c"))
    assert mine(other)["id"] == whole and mine(other)["stored"] == 3
    assert phone.get(f"/api/backup/devices/{part}").json()["id"] == whole, "the old name leads there"
    assert len(devices(phone)) == 1
    assert kinds(phone, f"?deviceId={whole}&kind=stored") == ["stored"] * 3


def test_rename_snooze_tick_and_revoke(server, phone):
    other = log_in(server, User_Agent="immich-ios/3.1.0", deviceModel="iPhone15,2")
    id = mine(other)["id"]
    path = f"/api/backup/devices/{id}"
    changed = phone.patch(path, {"name": "Anna's iPhone", "ticked": {"ios-refresh": True}}).json()
    assert changed["name"] == "Anna's iPhone" and changed["isNamed"]
    assert [item["id"] for item in changed["checklist"]["items"] if item["tickedAt"]] == ["ios-refresh"]
    until = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(time.time() + 86400))
    assert phone.patch(path, {"snoozedUntil": until}).json()["state"]["level"] == "snoozed"
    assert phone.patch(path, {"snoozedUntil": None, "name": None}).json()["name"] == "iPhone15,2"
    for wrong in [{"name": "x" * 300}, {"name": "a\u0000b"}, {"snoozedUntil": "2020-01-01T00:00:00Z"}, {"snoozedUntil": "soon"},
                  {"snoozedUntil": "2999-01-01T00:00:00Z"}, {"ticked": {"no such": True}}, {"ticked": 3}, {"name": 7}]:
        assert phone.patch(path, wrong).status == 400, wrong
    assert phone.delete("/api/backup/devices/me").status == 400
    assert phone.delete(path).status == 204
    assert other.get("/api/users/me").status == 401
    assert id not in {device["id"] for device in devices(phone)}
    (gone,) = [device for device in devices(phone, "?withRevoked=true") if device["id"] == id]
    assert gone["state"]["level"] == "revoked" and gone["credentials"] == []


def test_an_update_reopens_the_checklist(server, phone):
    phone.store(media.jpeg("a photo"))
    phone.patch("/api/backup/devices/me", {"ticked": {"android-battery": True}})
    newer = phone.with_fields(**phone.fields | {"User_Agent": "immich-android/3.2.0"})
    checklist = mine(newer)["checklist"]
    assert checklist["reopenReason"] == "client_changed"
    assert all(item["tickedAt"] is None for item in checklist["items"])
    assert mine(newer)["state"]["reason"] == "os_updated"
    newer.post("/api/backup/devices/me/check-in", {"osVersion": "15"})
    newer.post("/api/backup/devices/me/check-in", {"osVersion": "16"})
    (change,) = activity(newer, "?kind=os_changed")["items"]
    assert change["detail"] == "15 → 16"


def test_check_in(server, phone):
    photo = media.jpeg("known")
    asset = phone.store(photo)
    deleted = phone.store(media.jpeg("deleted"))
    phone.delete("/api/assets", {"ids": [deleted], "force": True})
    here, away = hashlib.sha1(photo).hexdigest(), client.base64_sha1(media.jpeg("deleted"))
    never = hashlib.sha1(b"never").hexdigest()
    report = {
        "total": 9012, "remaining": 3, "remainingVideos": 3, "remainingBytes": 5, "albumsSelected": 3, "albumsTotal": 9,
        "itemsOutside": 412, "permission": "full", "lowPower": False, "wifiOnly": True, "isBackgroundOn": True,
        "failures": [{"name": "IMG_1.HEIC", "reason": "cannot be read"}], "hashes": [here, away, never]}
    answer = phone.post("/api/backup/devices/me/check-in", report)
    assert answer.status == 200, answer
    reply = answer.json()
    assert (reply["wantedAgain"], reply["deleted"], reply["unknown"]) == ([], [away], [never])
    assert reply["policy"]["network"] == "wifi" and re.fullmatch(r"\d{4}-\d\d-\d\dT[\d:.]+Z", reply["nextCheckIn"])
    device = mine(phone)
    assert device["checkIn"]["failures"] == [{"name": "IMG_1.HEIC", "reason": "cannot be read"}]
    assert device["state"]["level"] == "deferred"
    # The server loses the file: it is wanted again.
    (original,) = [path for path in (server.data / "originals").rglob("*.jpg") if path.read_bytes() == photo]
    original.unlink()
    assert phone.original(asset).status >= 400
    assert phone.post("/api/backup/devices/me/check-in", {"hashes": [here]}).json()["wantedAgain"] == [here]
    for wrong in [{"remaining": -1}, {"total": "many"}, {"permission": "some"}, {"hashes": ["xyz"]}, {"hashes": [here] * 5001},
                  {"failures": [{"name": "a", "reason": "b"}] * 101}, {"failures": [{"name": 1}]}, [], {"total": 1 << 70}]:
        assert phone.post("/api/backup/devices/me/check-in", wrong).status == 400, str(wrong)[:50]
    other = log_in(server, User_Agent="immich-ios/3.1.0")
    assert other.post(f"/api/backup/devices/{device['id']}/check-in", {}).status == 403, "only by itself"
    key = client.api_key(phone, "asset.upload")
    assert key.post("/api/backup/devices/me/check-in", {"remaining": 0}).status == 200
    assert key.get("/api/backup/devices/me").status == 403


def test_two_people_never_mix(server, phone, bert):
    phone.store(media.jpeg("hers"), "hers.jpg")
    bert.store(media.jpeg("his"), "his.jpg")
    hers, his = mine(phone), mine(bert)
    assert {device["userId"] for device in devices(bert)} == {his["userId"]}
    assert {device["userId"] for device in devices(phone)} == {his["userId"], hers["userId"]}, "an admin sees everybody"
    for path, method, body in [
            ("", "GET", None), ("", "PATCH", {"name": "mine now"}), ("", "DELETE", None), ("/support", "GET", None),
            ("/merge", "POST", {"from": his["id"]}), ("/check-in", "POST", {})]:
        answer = bert.request(method, f"/api/backup/devices/{hers['id']}{path}", json_body=body)
        assert answer.status == 400, (method, path, answer)
    assert bert.post(f"/api/backup/devices/{his['id']}/merge", {"from": hers["id"]}).status == 400
    assert phone.post(f"/api/backup/devices/{hers['id']}/merge", {"from": his["id"]}).status == 400, "nor does an admin mix them"
    for query in [f"?userId={hers['userId']}"]:
        assert bert.get("/api/backup/devices" + query).status == 403
        assert bert.get("/api/backup/activity" + query).status == 403
        assert bert.get("/api/backup/activity/summary" + query).status == 403
    assert activity(bert, f"?deviceId={hers['id']}")["items"] == []
    assert "hers" not in json.dumps(activity(bert, "?limit=500")) and "his.jpg" in json.dumps(activity(bert, "?limit=500"))
    seen = bert.get("/api/backup/overview").json()
    assert [person["userId"] for person in seen["people"]] == [his["userId"]] and "hers" not in json.dumps(seen)
    assert [person["name"] for person in phone.get("/api/backup/overview").json()["people"]][0] == "Anna"
    assert phone.get("/api/users/me").status == 200


def test_names_of_files_are_their_owner_s_alone(server, phone, bert):
    """An admin sees that something came, when, how much and from where; not what it is called."""
    bert.store(media.jpeg("his"), "secret of his.jpg")
    bert.post("/api/backup/devices/me/check-in", {"failures": [{"name": "secret letter.heic", "reason": "unreadable"}]})
    device = mine(bert)["id"]
    rows = activity(phone, f"?userId={mine(bert)['userId']}&kind=stored")["items"]
    assert len(rows) == 1 and rows[0]["bytes"] and rows[0]["name"] is None and rows[0]["assetId"] is None
    for path in ["activity?limit=500", "overview", "devices", f"devices/{device}", f"devices/{device}/support?names=true",
                 f"canary?since=2020-01-01T00:00:00Z&deviceId={device}"]:
        answer = phone.get("/api/backup/" + path)
        assert answer.status == 200 and b"secret" not in answer.body, path
    assert b"secret of his" in bert.get("/api/backup/activity").body
    weak = client.api_key(bert, "session.read", name="Dashboard")
    assert weak.get("/api/backup/activity").status == 200 and b"secret" not in weak.get("/api/backup/activity").body
    able = client.api_key(bert, "session.read", "asset.read", name="Own dashboard")
    assert b"secret of his" in able.get("/api/backup/activity").body


def test_a_key_ends_only_what_it_may_end(server, phone):
    other = client.api_key(phone, "asset.upload", name="Scanner")
    scanner = next(device["id"] for device in devices(phone) if device["name"] == "Scanner")
    weak = client.api_key(phone, "session.delete", name="Janitor")
    assert weak.delete(f"/api/backup/devices/{scanner}").status == 403
    assert other.upload(media.jpeg("still there")).status == 201
    able = client.api_key(phone, "session.delete", "apiKey.delete", name="Head janitor")
    assert able.delete(f"/api/backup/devices/{scanner}").status == 204
    assert other.upload(media.jpeg("gone")).status == 401


def test_a_canary_is_one_s_own(server, phone, bert):
    fresh = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime())
    bert.store(media.jpeg("his"), fileCreatedAt=fresh)
    assert phone.get(f"/api/backup/canary?since={fresh}").json()["stored"] is None
    his = mine(bert)
    for query in [f"&deviceId={his['id']}", f"&userId={his['userId']}"]:
        assert phone.get(f"/api/backup/canary?since={fresh}{query}").json()["stored"] is not None, query
    assert bert.get(f"/api/backup/canary?since={fresh}").json()["stored"] is not None


def test_a_lost_file_is_red(server, phone):
    asset = phone.store(media.jpeg("precious"), "precious.jpg")
    assert phone.get("/api/backup/overview").json()["people"][0]["level"] == "green"
    next((server.data / "originals").rglob("precious.jpg")).unlink()
    assert phone.get(f"/api/assets/{asset}/original").status == 404
    person = phone.get("/api/backup/overview").json()["people"][0]
    assert (person["level"], person["reason"]) == ("red", "files_lost") and "1 photo" in person["sentence"]
    phone.upload(media.jpeg("precious"), "precious.jpg")
    assert phone.get("/api/backup/overview").json()["people"][0]["level"] == "green"


def test_a_snoozed_phone_is_not_forgotten(server, phone):
    phone.store(media.jpeg("one"))
    second = log_in(server, User_Agent="immich-android/3.1.0", deviceModel="Pixel 4")
    second.store(media.jpeg("two"))
    assert second.patch("/api/backup/devices/me", {
        "snoozedUntil": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 9 * 86400))}).status == 200
    sentence = phone.get("/api/backup/overview").json()["people"][0]["sentence"]
    assert "Pixel 4 is snoozed" in sentence and not sentence.startswith("Everything is safe"), sentence
    second.close()


def test_what_came_since_a_check_in_is_not_left_any_more(server, phone):
    phone.store(media.jpeg("first"))
    assert phone.post("/api/backup/devices/me/check-in", {"remaining": 2}).status == 200
    person = phone.get("/api/backup/overview").json()["people"][0]
    assert person["remaining"] == 2 and person["sentence"].startswith("On the way"), person
    for name in ["second", "third"]:
        phone.store(media.jpeg(name))
    person = phone.get("/api/backup/overview").json()["people"][0]
    assert person["remaining"] == 0 and person["sentence"].startswith("Everything is safe"), person


def test_activity_pages_filters_and_summary(server, phone):
    for index in range(7):
        phone.store(media.jpeg(f"photo {index}"), f"{index}.jpg", fileCreatedAt="2021-05-05T05:05:05.000Z")
    fresh = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime())
    newest = phone.store(media.jpeg("fresh"), "fresh.jpg", fileCreatedAt=fresh)
    seen, cursor = [], ""
    while True:
        page = activity(phone, f"?kind=stored&limit=3{cursor}")
        seen += [item["name"] for item in page["items"]]
        if not page["next"]:
            break
        cursor = f"&cursor={page['next']}"
    assert seen == ["fresh.jpg"] + [f"{index}.jpg" for index in reversed(range(7))]
    assert len(activity(phone, "?olderCaptures=true")["items"]) == 7
    assert activity(phone, "?to=2020-01-01T00:00:00Z")["items"] == []
    summary = phone.get("/api/backup/activity/summary").json()
    assert (summary["stored"], summary["olderCaptures"]) == (8, 7)
    phone.delete("/api/assets", {"ids": [newest]})
    phone.post("/api/trash/restore/assets", {"ids": [newest]})
    assert kinds(phone)[:2] == ["restored", "trashed"]
    canary = phone.get(f"/api/backup/canary?since={fresh}").json()
    assert canary["stored"]["assetId"] == newest and canary["latencySeconds"] < 60
    assert phone.get("/api/backup/canary?since=2999-01-01T00:00:00Z").json()["stored"] is None
    for wrong in ["?limit=0", "?limit=501", "?limit=x", "?cursor=-1", "?cursor=a", "?kind=nothing", "?from=yesterday", "?userId=1",
                  "?deviceId=../..", "?olderCaptures=maybe"]:
        assert phone.get("/api/backup/activity" + wrong).status == 400, wrong
    assert phone.get("/api/backup/canary").status == 400


def test_logins_that_fail_are_seen_by_whom_they_concern(server, phone, bert):
    stranger = client.Client(server)
    stranger.post("/api/auth/login", {"email": "bert@example.org", "password": "wrong"})
    stranger.post("/api/auth/login", {"email": "nobody@example.org", "password": "hunter2"})
    assert kinds(bert).count("login_failed") == 1
    everything = json.dumps(activity(phone, "?kind=login_failed"))
    assert everything.count("login_failed") == 2 and "hunter2" not in everything and "nobody" not in everything


def test_support_bundle_tells_no_secrets(server, phone):
    phone.store(media.jpeg("x"), "diary.jpg")
    phone.patch("/api/backup/devices/me", {"name": "Anna's secret phone"})
    phone.post("/api/backup/devices/me/check-in", {"failures": [{"name": "letter.heic", "reason": "unreadable"}]})
    answer = phone.get("/api/backup/devices/me/support")
    text = answer.body.decode()
    token = phone.fields["Authorization"].split()[1]
    for secret in ["diary", "letter", "secret", "Anna", "127.0.0.1", token, "example.org"]:
        assert secret not in text, secret
    assert {"stored", "login"} <= {item["kind"] for item in answer.json()["activity"]}
    assert "diary.jpg" in phone.get("/api/backup/devices/me/support?names=true").body.decode()


def test_overview_pairing_and_outbound(server, phone, admin):
    seen = phone.get("/api/backup/overview").json()
    assert {"tls", "second_copy"} <= {item["code"] for item in seen["missing"]}
    assert seen["disk"]["daysUntilFull"] is None and seen["disk"]["freeBytes"] > 0
    assert seen["people"][0]["level"] == "new" and "Pixel 8" in seen["people"][0]["sentence"]
    phone.store(media.jpeg("safe"))
    person = phone.get("/api/backup/overview").json()["people"][0]
    assert person["level"] == "green" and person["sentence"].startswith("Everything is safe") and person["assets"] == 1
    assert phone.get("/api/backup/outbound").json() == {"connections": [], "recent": []}
    pairing = phone.get("/api/backup/pairing").json()
    assert pairing["addresses"][0] == f"http://127.0.0.1:{server.port}" and pairing["uploadKeyPermissions"] == ["asset.upload"]
    evil = phone.get("/api/backup/pairing", fields={"Host": "a\"><script>"}, checked=False)
    assert "script" not in evil.body.decode()


def test_devices_survive_a_restart(server, phone):
    phone.store(media.jpeg("before"))
    before = mine(phone)
    phone.close()
    server.restart()
    after = mine(phone)
    for key in ["id", "stored", "storedBytes", "firstContact", "days"]:
        assert after[key] == before[key], key
