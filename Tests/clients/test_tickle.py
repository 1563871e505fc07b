"""A sleeping client is woken, brings a photo, and its line says so: by its event stream, and by Web Push."""

import sqlite3
import time

import pytest

from harness import client, media
from harness.process import until
from harness.push import App, PushService
from harness.sleeper import bring, events, fall_asleep, register

PIXEL = {"User_Agent": "immich-android/3.1.0", "deviceModel": "Pixel 8"}


def log_in(server, **fields):
    answer = client.Client(server, **fields).post(
        "/api/auth/login", {"email": "anna@example.org", "password": client.PASSWORD})
    assert answer.status == 201, answer
    return client.Client(server, Authorization=f"Bearer {answer.json()['accessToken']}", **fields)


@pytest.fixture
def service():
    made = PushService()
    yield made
    made.close()


@pytest.fixture
def home(launch, service):
    made = launch("--push-allow-hosts", service.place, founded=True)
    return made


@pytest.fixture
def phone(home):
    made = log_in(home, **PIXEL)
    yield made
    made.close()


@pytest.fixture
def anna(home):
    made, _ = client.log_in(home)
    yield made
    made.close()


def device(someone, model="Google Pixel 8"):
    found = [item for item in someone.get("/api/backup/devices").json()["devices"] if item["name"] == model]
    assert len(found) == 1, found
    return found[0]


def last(someone):
    return device(someone)["tickle"]["last"]


def test_a_listening_client_wakes_and_brings_a_photo(home, phone, anna):
    phone.store(media.jpeg("an old one"), "old.jpg")
    line = device(anna)
    assert line["tickle"]["last"] is None and line["tickle"]["sentence"] == "Not tickled yet."
    address = f"/api/backup/devices/{line['id']}/tickle"
    answer = anna.post(address)
    assert answer.status == 400 and "can not be reached" in answer.json()["detail"], answer
    stream, wake = events(phone)
    sent = until(lambda: (answer := anna.post(address)).status == 200 and answer.json(), what="a tickle")
    assert (sent["channel"], sent["why"], sent["delivery"]) == ("stream", "hand", "accepted")
    woken = wake()
    assert woken["tickle"] == sent["id"]
    bring(phone, media.jpeg("a new one"), "new.jpg", woken["tickle"])
    seen = until(lambda: (tickle := last(anna))["outcome"] == "answered" and tickle, what="an answer")
    assert seen["id"] == sent["id"] and seen["isEchoed"]
    assert 0 <= seen["latencyMilliseconds"] <= seen["storedAfterMilliseconds"] < 20_000
    overview = anna.get("/api/backup/overview").json()
    assert overview["tickles"]["sentLastDay"] == 1 and overview["tickles"]["answeredLastDay"] == 1
    assert [item["tickle"]["last"]["id"] for item in overview["devices"] if item["id"] == line["id"]] == [sent["id"]]
    listed = anna.get(f"/api/backup/devices/{line['id']}/tickles").json()["tickles"]
    assert [item["id"] for item in listed] == [sent["id"]]
    # Android bears five a day.
    statuses = [anna.post(address).status for _ in range(5)]
    assert statuses == [200] * 4 + [429]
    stream.close()


def test_who_has_been_silent_is_woken_by_web_push(home, phone, anna, service):
    phone.store(media.jpeg("an old one"), "old.jpg")
    app = register(phone, service)
    fall_asleep(home, phone, anna)
    for attempt in range(20):
        # One of ten is held back, and noted as such: a day later it is another tickle's turn.
        home.start()
        held = until(lambda: last(anna), what="a tickle")["outcome"] == "held"
        if not held:
            break
        fall_asleep(home, anna)
    assert attempt < 19
    message = service.wait(2)
    assert message.fields["urgency"] == "normal" and message.fields["topic"] and 0 < int(message.fields["ttl"]) <= 4 * 3600
    content = app.read(message)
    assert content["action"] == "sync" and set(content) == {"action", "tickle"}, "it says nothing of what lies here"
    bring(phone, media.jpeg("a new one"), "new.jpg", content["tickle"])
    seen = until(lambda: (tickle := last(anna))["outcome"] == "answered" and tickle, what="an answer")
    assert (seen["id"], seen["channel"], seen["why"], seen["isEchoed"]) == (content["tickle"], "webpush", "stale", True)
    assert seen["latencyMilliseconds"] <= seen["storedAfterMilliseconds"] < 30_000
    assert device(anna)["tickle"]["trials"] >= 1
    # It is fresh now: nothing more is sent, whatever is restarted.
    phone.close()
    anna.close()
    home.restart()
    assert last(anna)["id"] == content["tickle"] and len(service.heard) == 2


def test_a_registration_that_is_gone_says_so(home, phone, anna, service):
    phone.store(media.jpeg("an old one"), "old.jpg")
    register(phone, service)
    service.answers = [(410, {})]
    line = device(anna)
    sent = anna.post(f"/api/backup/devices/{line['id']}/tickle").json()
    assert (sent["outcome"], sent["delivery"]) == ("undelivered", "gone")
    tickle = device(anna)["tickle"]
    assert tickle["diagnosis"] == "uninstalled_or_reset" and "removed" in tickle["sentence"]
    assert anna.post(f"/api/backup/devices/{line['id']}/tickle").status == 400


    # Set up anew, it is well.
    service.answers = [(201, {})]
    app = App()
    phone.put("/api/backup/devices/me/push", {"kind": "webpush", "endpoint": service.endpoint("two"), "keys": app.keys})
    token = app.read(service.wait(3))["token"]
    assert phone.post("/api/backup/devices/me/push/confirm", {"token": token}).status == 200
    assert device(anna)["tickle"]["diagnosis"] is None


def test_a_registration_that_nobody_confirmed_says_so(home, phone, anna, service):
    phone.store(media.jpeg("an old one"), "old.jpg")
    phone.put("/api/backup/devices/me/push", {"kind": "webpush", "endpoint": service.endpoint(), "keys": App().keys})
    assert device(anna)["tickle"]["diagnosis"] is None, "it has five minutes"
    phone.close()
    anna.close()
    home.stop()
    with sqlite3.connect(home.data / "nightstand.sqlite") as catalog:
        catalog.execute("UPDATE push SET token_expires_at = token_expires_at - 3600000")
    catalog.close()
    home.start()
    assert device(anna)["tickle"]["diagnosis"] == "push_not_working"


def test_retry_after_is_obeyed(home, phone, anna, service):
    phone.store(media.jpeg("an old one"), "old.jpg")
    register(phone, service)
    service.answers = [(429, {"Retry-After": "1234"})]
    line = device(anna)
    sent = anna.post(f"/api/backup/devices/{line['id']}/tickle").json()
    assert sent["delivery"] == "throttled"
    answer = anna.post(f"/api/backup/devices/{line['id']}/tickle")
    assert answer.status == 429 and 1200 < int(answer.header("Retry-After")) <= 1235, answer
    assert len(service.heard) == 2


def test_a_check_in_with_a_backlog_hears_to_come_soon(home, phone):
    def seconds(remaining):
        answer = phone.post("/api/backup/devices/me/check-in", {"remaining": remaining, "tickle": "1"})
        assert answer.status == 200, answer
        moment = answer.json()["nextCheckIn"]
        return time.mktime(time.strptime(moment[:19], "%Y-%m-%dT%H:%M:%S")) - time.timezone - time.time()

    assert 0 < seconds(3) < 20 * 60 and seconds(0) > 5 * 3600


def test_nobody_tickles_what_is_not_theirs(home, phone, anna, add_user):
    bert = add_user(home)
    phone.store(media.jpeg("hers"), "hers.jpg")
    line = device(anna)
    for method, path in [("POST", "tickle"), ("GET", "tickles")]:
        answer = bert.request(method, f"/api/backup/devices/{line['id']}/{path}")
        assert answer.status == 400 and "session.read" in answer.json()["detail"], answer
