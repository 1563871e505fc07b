"""What owners ask of their devices, and what is seen of them: policy, setup, old logins, the test photo, who holds a photo."""

import datetime

import pytest

from harness import catalog, client, media
from harness.client import base64_sha1
from harness.process import until
from harness.tus import MEDIA, Tus
from test_devices import PIXEL, activity, log_in, mine
from test_disk_full import free, small_disk  # noqa: F401 - a fixture

ME = "/api/backup/devices/me"
HOUR = 3_600_000


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


def test_a_policy_is_set_by_the_owner_and_heard_at_the_check_in(phone):
    assert mine(phone)["policy"] == {"network": None, "maxBytesOnCellular": None, "includeVideos": None}
    said = phone.post(ME + "/check-in", {"wifiOnly": True}).json()["policy"]
    assert (said["network"], said["maxBytesOnCellular"], said["includeVideos"]) == ("wifi", None, True), "as the device is set"
    wanted = {"network": "any", "maxBytesOnCellular": 5_000_000, "includeVideos": False}
    assert phone.patch(ME, {"policy": wanted}).json()["policy"] == wanted
    said = phone.post(ME + "/check-in", {"wifiOnly": True}).json()["policy"]
    assert {name: said[name] for name in wanted} == wanted
    phone.patch(ME, {"name": "Mine"})
    assert mine(phone)["policy"] == wanted, "what is absent stays"
    assert phone.patch(ME, {"policy": {}}).json()["policy"]["network"] is None
    for bad in [{"network": "fax"}, {"maxBytesOnCellular": -1}, {"includeVideos": "no"}]:
        assert phone.patch(ME, {"policy": bad}).status == 400, bad


def shift(server, column, hours):
    with catalog.opened(server.data, write=True) as db:
        db.execute(f"UPDATE device SET {column} = {column} - ? WHERE kind = 'phone'", (hours * HOUR,))


def test_setup_is_complete_when_a_photo_came_with_the_app_closed(server, phone):
    key = client.api_key(phone, "asset.upload", name="Scanner")
    assert key.get(ME).status == 403
    assert mine(phone)["setup"] == {"isComplete": None, "openedAt": None, "backgroundUploadAt": None}, "nobody can tell"
    phone.get("/api/users/me")
    phone.store(media.jpeg("in front of it"))
    until(lambda: mine(phone)["setup"]["openedAt"], 30, "it is known that the app was open")
    assert mine(phone)["setup"]["isComplete"] is False, "somebody looked on"
    shift(server, "opened_at", 1)
    phone.store(media.jpeg("at night"))
    setup = until(lambda: (seen := mine(phone)["setup"])["isComplete"] and seen, 30, "a photo came by itself")
    assert setup["backgroundUploadAt"] > setup["openedAt"]
    assert mine(phone)["nudge"] is None
    phone.post(ME + "/check-in", {"remaining": 5})
    assert mine(phone)["nudge"] is None, "it was open an hour ago"
    shift(server, "opened_at", 9 * 24)
    assert mine(phone)["nudge"].startswith("5 wait, and the app was not open for 9 days")


def test_an_old_app_is_told_of_a_newer_one_and_never_refused(server, phone):
    assert mine(phone)["recommendedVersion"] is None
    old = log_in(server, User_Agent="immich-android/2.9.7", deviceModel="Pixel 3")
    assert mine(old)["recommendedVersion"] == "3.1.0"
    assert old.post(ME + "/check-in", {}).json()["recommendedVersion"] == "3.1.0"
    old.store(media.jpeg("from the old app"))
    strange = log_in(server, User_Agent="immich-android/next", deviceModel="Pixel 4")
    assert mine(strange)["recommendedVersion"] is None
    old.close(), strange.close()


def test_the_test_photo_s_result_stays_with_its_device(server, phone):
    now = datetime.datetime.now(datetime.UTC)
    since = {"since": (now - datetime.timedelta(seconds=5)).isoformat()}
    assert phone.post("/api/backup/canary", since).json() == {"stored": None, "latencySeconds": None}
    assert mine(phone)["canary"] is None
    asset = phone.store(media.jpeg("canary"), "canary.jpg", fileCreatedAt=now.isoformat())
    for _ in range(2):
        seen = phone.post("/api/backup/canary", since).json()
        assert seen["stored"]["assetId"] == asset and 0 <= seen["latencySeconds"] < 60
    assert mine(phone)["canary"]["latencySeconds"] == seen["latencySeconds"]
    (entry,) = activity(phone, "?kind=canary")["items"]
    assert entry["assetId"] == asset and entry["seconds"] == seen["latencySeconds"]
    assert phone.post("/api/backup/canary", {"since": "yesterday"}).status == 400


def test_a_device_that_goes_on_with_an_ended_login_is_counted(server, phone):
    old = log_in(server, User_Agent="immich-ios/3.1.0", deviceModel="iPhone15,2")
    device = mine(old)["id"]
    key = client.api_key(phone, "asset.upload", name="Scanner")
    scanner = next(one for one in phone.get("/api/backup/devices").json()["devices"] if one["name"] == "Scanner")["id"]
    assert old.post("/api/auth/logout").status == 200
    for _ in range(3):
        assert old.get("/api/users/me").status == 401
    seen = until(
        lambda: (one := phone.get(f"/api/backup/devices/{device}").json())["refusedLogins"]["count"] == 3 and one, 30, "three refusals")
    assert seen["refusedLogins"]["lastAt"] > seen["lastContact"], "a refusal is no contact"
    (made,) = phone.get("/api/api-keys").json()
    phone.delete(f"/api/api-keys/{made['id']}")
    assert key.upload(media.jpeg("late"), "late.jpg").status == 401
    until(lambda: phone.get(f"/api/backup/devices/{scanner}").json()["refusedLogins"]["count"] == 1, 30, "the key's, too")
    stranger = client.Client(server, x_api_key="x" * 43)
    assert stranger.get("/api/users/me").status == 401
    for each in (old, key, stranger):
        each.close()


def test_a_photo_tells_by_which_ways_it_came(server, phone, bert):
    data = media.jpeg("by several ways")
    asset = phone.store(data)
    key = client.api_key(phone, "asset.upload", name="Laptop")
    assert key.upload(data, "again.jpg").json()["status"] == "duplicate"
    tablet = log_in(server, User_Agent="immich-android/3.1.0", deviceModel="Tablet")
    tablet.post(ME + "/check-in", {"hashes": [base64_sha1(data)]})
    path = f"/api/backup/assets/{asset}/devices"
    held = until(lambda: len(found := phone.get(path).json()["devices"]) == 3 and found, 30, "three ways")
    assert [one["name"] for one in held][0] == "Google Pixel 8" and {one["name"] for one in held[1:]} == {"Laptop", "Tablet"}
    assert [one["isFirst"] for one in held] == [True, False, False] and held[0]["client"] == "Immich for Android 3.1.0"
    phone.upload(data, "mine.jpg")
    assert bert.get(path).status in (400, 404)
    assert key.get(path).status == 403
    phone.post(f"/api/backup/devices/{held[0]['id']}/merge", {"from": held[1]["id"]})
    assert len(phone.get(path).json()["devices"]) == 2, "two that are one now"
    key.close(), tablet.close()


def test_who_asks_for_a_hash_has_the_photo(server, phone, bert):
    """What apps ask at every start: the answer waits for nothing, and the way is noted behind it."""
    data = media.jpeg("asked for")
    asset = phone.store(data)
    tablet = log_in(server, User_Agent="immich-android/3.1.0", deviceModel="Tablet")
    for someone in (bert, phone, tablet, tablet):
        someone.check(base64_sha1(data), base64_sha1(b"never seen here"))
    path = f"/api/backup/assets/{asset}/devices"
    held = until(lambda: len(found := phone.get(path).json()["devices"]) > 1 and found, 30, "the tablet's way")
    assert [(one["name"], one["isFirst"]) for one in held] == [("Google Pixel 8", True), ("Tablet", False)]
    tablet.close()


@pytest.mark.parametrize("number", ["remaining", "remainingBytes", "total", "itemsOutside"])
def test_a_report_beyond_all_bounds_is_refused(phone, number):
    """Added up over devices it would be no number any more."""
    for value, status in ((10**15, 200), (10**15 + 1, 400), (2**63 - 1, 400), (-1, 400)):
        assert phone.post(ME + "/check-in", {number: value}).status == status


def test_what_is_left_is_what_was_said_without_all_that_came(phone):
    phone.post(ME + "/check-in", {"remaining": 60, "total": 100})
    for index in range(50):
        phone.store(media.jpeg(f"left {index}"), f"{index}.jpg")
    device = phone.get(ME).json()
    assert device["remaining"] == 10 and device["checkIn"]["remaining"] == 60
    assert phone.get("/api/backup/overview").json()["people"][0]["remaining"] == 10


def test_names_turn_no_text_around(phone):
    for name in ("\u202egpj.exe", "a\u2066b", "a\u0007b"):
        assert phone.patch(ME, {"name": name}).status == 400
    assert phone.patch(ME, {"name": "👩‍👧 Telefon עברית"}).json()["name"] == "👩‍👧 Telefon עברית"
    assert phone.patch(ME, {"name": "  "}).json()["isNamed"] is False
    phone.post(ME + "/check-in", {"model": "Pixel\u202e 8", "failures": [{"name": "\u202ea.jpg", "reason": "x\u2069"}]})
    device = phone.get(ME).json()
    assert device["model"] == "Pixel 8" and device["checkIn"]["failures"] == [{"name": "a.jpg", "reason": "x"}]


def test_the_echo_counts_what_arrived(phone):
    for size in (0, 1, 3_000_000):
        answer = phone.request("POST", "/api/backup/diag/echo", body=bytes(size), fields={"Content-Type": "application/octet-stream"})
        assert answer.status == 200 and answer.json() == {"bytes": size}


def test_an_admin_discards_somebody_else_s_stuck_upload(server, phone, bert, add_user):
    key = client.api_key(bert).fields["x_api_key"]
    tus = Tus(server, key)
    address = tus.create(1000)
    assert tus.request("PATCH", address, b"x" * 10, Upload_Offset=0, Content_Type=MEDIA).status == 204
    (waiting,) = phone.get("/api/backup/overview").json()["uploads"]
    assert waiting["receivedBytes"] == 10 and waiting["name"] is None, "an admin sees no names"
    path = f"/api/backup/overview/uploads/{waiting['id']}"
    carl = add_user(server, "carl@example.org")
    assert carl.delete(path).status == 404
    assert phone.delete(path).status == 204
    assert phone.delete(path).status == 404
    assert phone.get("/api/backup/overview").json()["uploads"] == []
    assert tus.request("HEAD", address).status in (404, 410)
    carl.close()


def test_the_disk_s_level_is_told_once(launch, small_disk):  # noqa: F811
    server = launch("--reserve", str(16 << 20), data=small_disk / "data", founded=True)

    def levels():
        session = client.session(server)
        try:
            return [item["reason"] for item in activity(session, "?kind=disk_level")["items"]]
        finally:
            session.close()

    assert levels() == []
    server.stop()
    balloon = small_disk / "balloon"
    balloon.write_bytes(bytes(free(small_disk) - (8 << 20)))  # 92 % of 96 MiB
    server.start()
    until(lambda: levels() == ["amber"], 30, "that it gets full")
    server.restart()
    assert levels() == ["amber"], "once"
    server.stop()
    balloon.unlink()
    server.start()
    until(lambda: levels() == ["green", "amber"], 30, "that there is room again")
