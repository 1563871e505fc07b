"""Web Push: http-ece reads what was encrypted, py-vapid verifies who says so, and the rules of the registration hold."""

import json
import time

import pytest

from harness import client
from harness.push import App, PushService, url64

PIXEL = {"User_Agent": "immich-android/3.1.0", "deviceModel": "Pixel 8"}
ME = "/api/backup/devices/me/push"


def log_in(server, email="anna@example.org", **fields):
    answer = client.Client(server, **fields).post("/api/auth/login", {"email": email, "password": client.PASSWORD})
    assert answer.status == 201, answer
    return client.Client(server, Authorization=f"Bearer {answer.json()['accessToken']}", **fields)


@pytest.fixture
def service():
    made = PushService()
    yield made
    made.close()


@pytest.fixture
def home(launch, service):
    """A server that may send to the push service."""
    made = launch("--push-allow-hosts", service.place, founded=True)
    return made


@pytest.fixture
def phone(home):
    made = log_in(home, **PIXEL)
    yield made
    made.close()


def webpush(service, app, name="one"):
    return {"kind": "webpush", "endpoint": service.endpoint(name), "keys": app.keys}


def register(phone, service, app, name="one"):
    answer = phone.put(ME, webpush(service, app, name))
    assert answer.status == 200, answer
    return answer.json()["registration"]


def confirm(phone, app, message):
    answer = phone.post(ME + "/confirm", {"token": app.read(message)["token"]})
    assert answer.status == 200, answer
    return answer.json()["registration"]


def kinds(someone):
    return [item["kind"] for item in someone.get("/api/backup/activity").json()["items"]]


def test_a_device_proves_that_messages_arrive(home, phone, service):
    terms = phone.get(ME).json()
    assert terms["registration"] is None and terms["terms"]["kinds"] == ["webpush"]
    app = App()
    seen = register(phone, service, app)
    assert seen["state"] == "pending" and seen["host"] == service.place and seen["problem"] is None
    message = service.wait(1)
    # RFC 8030, 8188, 8291
    assert message.path == "/push/one" and message.fields["ttl"] == "300" and message.fields["urgency"] == "normal"
    assert message.fields["content-encoding"] == "aes128gcm" and "topic" not in message.fields
    content = app.read(message)
    assert content["action"] == "confirm" and len(content["token"]) == 32
    # RFC 8292
    claims = message.claims()
    assert claims["aud"] == f"http://{service.place}" and 0 < claims["exp"] - time.time() <= 24 * 3600
    assert claims["sub"].startswith(("mailto:", "https:"))
    assert message.fields["authorization"].endswith("k=" + terms["terms"]["vapidPublicKey"])

    assert phone.post(ME + "/confirm", {"token": "x" * 32}).status == 400
    assert confirm(phone, app, message)["state"] == "active"
    assert phone.post(ME + "/confirm", {"token": content["token"]}).status == 400, "a token is good once"
    # What is confirmed is refreshed without another message.
    assert register(phone, service, app)["state"] == "active"
    assert len(service.heard) == 1 and "push_confirmed" in kinds(phone)
    # Keys that changed are another app's, say: it has to prove itself.
    assert phone.put(ME, webpush(service, App())).json()["registration"]["state"] == "pending"
    assert len(service.heard) == 2


def test_an_unconfirmed_address_gets_one_message(phone, service):
    app = App()
    for _ in range(3):
        assert register(phone, service, app)["state"] == "pending"
    answer = phone.put(ME, webpush(service, App()))
    assert answer.status == 429 and 0 < int(answer.header("Retry-After")) <= 300, answer
    assert phone.delete(ME).status == 204
    assert phone.put(ME, webpush(service, app)).status == 429, "nor by starting over"
    assert len(service.heard) == 1


def test_the_key_is_the_owners_and_stays(home, phone):
    before = phone.get(ME).json()["terms"]["vapidPublicKey"]
    file = home.data / "keys" / "vapid.pem"
    assert file.stat().st_mode & 0o777 == 0o600 and file.parent.stat().st_mode & 0o777 == 0o700
    phone.close()
    home.restart()
    assert phone.get(ME).json()["terms"]["vapidPublicKey"] == before
    phone.close()
    home.stop()
    file.write_text("not a key")
    home.start()
    assert phone.get(ME).status == 500 and file.read_text() == "not a key", "a key is never replaced silently"


def test_nothing_is_sent_inside_unless_an_admin_lists_it(server, service, add_user):
    admin, bert = log_in(server), add_user(server)
    app = App()
    answer = bert.put(ME, webpush(service, app))
    assert answer.status == 400 and answer.json()["code"] == "host_not_allowed", answer
    for endpoint in ["https://127.0.0.1/x", "https://localhost/x", "https://[::1]/x"]:
        answer = bert.put(ME, webpush(service, app) | {"endpoint": endpoint})
        assert answer.json()["code"] == "host_not_allowed", (endpoint, answer)
    for endpoint in ["ftp://a.example/", "https://u:p@a.example/", "https://127.1/", "https://a.example/#f", "x", "https://" + "a" * 1000]:
        answer = bert.put(ME, webpush(service, app) | {"endpoint": endpoint})
        assert answer.status == 400 and answer.json().get("code") is None, (endpoint, answer)
    assert bert.get(ME).json()["registration"] is None and service.heard == []

    hosts = "/api/backup/outbound/hosts"
    assert bert.get(hosts).status == 403 and bert.put(hosts, {"hosts": []}).status == 403
    wanted = admin.get(hosts).json()
    assert wanted["added"] == [] and service.place in [item["host"] for item in wanted["wanted"]]
    assert admin.put(hosts, {"hosts": ["http://no"]}).status == 400
    listed = admin.put(hosts, {"hosts": [service.place]}).json()
    assert listed["added"] == [service.place] and service.place not in [item["host"] for item in listed["wanted"]]
    assert bert.put(ME, webpush(service, app)).json()["registration"]["state"] == "pending"
    assert confirm(bert, app, service.wait(1))["state"] == "active"
    sent = admin.get("/api/backup/outbound").json()
    assert sent["recent"][0]["host"] == service.place and sent["recent"][0]["outcome"] == "2xx"
    assert bert.get("/api/backup/outbound").json() == {
        "connections": [{"purpose": "push", "host": service.place, "isOn": True, "setting": "push-allow-hosts"}], "recent": []}
    # The list outlives the process.
    for someone in (admin, bert):
        someone.close()
    server.restart()
    assert admin.get(hosts).json()["added"] == [service.place]


def test_a_redirect_is_not_followed(phone, service):
    service.answers = [(307, {"Location": f"http://{service.place}/elsewhere"})]
    seen = register(phone, service, App())
    assert (seen["state"], seen["problem"]) == ("pending", "3xx") and len(service.heard) == 1


@pytest.mark.parametrize("status, fields, state, problem", [
    (404, {}, "gone", "gone"), (410, {}, "gone", "gone"), (507, {}, "pending", "distributor_offline"),
    (500, {}, "pending", "5xx"), (403, {}, "pending", "4xx"), (429, {"Retry-After": "90"}, "pending", "throttled"),
])
def test_what_an_answer_means(phone, service, status, fields, state, problem):
    service.answers = [(status, fields)]
    app = App()
    seen = register(phone, service, app)
    assert (seen["state"], seen["problem"]) == (state, problem)
    if state == "gone":
        assert "push_gone" in kinds(phone)
        assert phone.post(ME + "/confirm", {"token": app.read(service.heard[0])["token"]}).status == 400
    else:
        # It may have arrived all the same.
        assert confirm(phone, app, service.heard[0])["state"] == "active"


def test_who_is_not_there_is_no_answer(phone, service, launch):
    service.close()
    seen = register(phone, service, App())
    assert (seen["state"], seen["problem"]) == ("pending", "no_answer")


def test_an_address_belongs_to_whoever_proves_it(home, phone, service, add_user):
    app, bert = App(), add_user(home)
    register(phone, service, app)
    confirm(phone, app, service.wait(1))
    # Knowing the address is not having it.
    assert bert.put(ME, webpush(service, App())).json()["registration"]["state"] == "pending"
    assert phone.get(ME).json()["registration"]["state"] == "active"
    assert bert.delete(ME).status == 204
    assert phone.get(ME).json()["registration"]["state"] == "active"


def test_the_same_phone_with_another_person_moves(home, phone, service, add_user):
    app, bert = App(), add_user(home)
    register(phone, service, app)
    confirm(phone, app, service.wait(1))
    register(bert, service, app)
    confirm(bert, app, service.wait(2))
    assert phone.get(ME).json()["registration"] is None and "push_moved" in kinds(phone)
    assert bert.get(ME).json()["registration"]["state"] == "active"


def test_a_person_has_ten(home, service):
    phones = [log_in(home, User_Agent="immich-android/3.1.0", deviceModel=f"Pixel {number}") for number in range(11)]
    answers = [phone.put(ME, webpush(service, App(), str(number))) for number, phone in enumerate(phones)]
    assert [answer.status for answer in answers] == [200] * 10 + [400]
    assert len(service.heard) == 10
    for phone in phones:
        phone.close()


def test_it_ends_with_the_login(home, phone, service):
    app = App()
    register(phone, service, app)
    confirm(phone, app, service.wait(1))
    admin = log_in(home)
    device = phone.get("/api/backup/devices/me").json()["id"]
    assert admin.get(f"/api/backup/devices/{device}/push").json()["registration"]["state"] == "active"
    assert phone.post("/api/auth/logout").status == 200
    assert admin.get(f"/api/backup/devices/{device}/push").json()["registration"] is None


def test_whose_it_is(home, phone, service, add_user):
    app, bert = App(), add_user(home)
    register(phone, service, app)
    device = phone.get("/api/backup/devices/me").json()["id"]
    path = f"/api/backup/devices/{device}/push"
    assert bert.get(path).status == 400 and bert.put(path, webpush(service, app)).status == 400
    assert bert.delete(path).status == 400 and bert.post(path + "/confirm", {"token": "x"}).status == 400
    # Its own owner from elsewhere: only the device itself knows where it can be reached.
    other = log_in(home)
    assert other.put(path, webpush(service, app)).status == 403
    assert other.post(path + "/confirm", {"token": "x"}).status == 403
    # A key that only uploads is a device too; it ends its own registration, not another one's.
    key = client.api_key(other, "asset.upload", name="Scanner")
    assert key.put(ME, webpush(service, App(), "scanner")).status == 200
    assert key.delete(path).status == 403 and key.delete(ME).status == 204
    assert other.delete(path).status == 204 and phone.get(ME).json()["registration"] is None


@pytest.mark.parametrize("change", [
    {"kind": "carrier pigeon"}, {"keys": {"p256dh": "AAAA", "auth": "AAAA"}}, {"keys": None}, {"endpoint": 7},
    {"keys": {"p256dh": url64(b"\4" + bytes(64)), "auth": url64(bytes(16))}}, {"timeZone": "../etc/passwd"},
    {"quietHours": {"from": "25:00", "to": "07:00"}}, {"quietHours": {"from": "07:00", "to": "07:00"}},
    {"kind": "apns", "token": "ab" * 32}, {"kind": "fcm", "token": "abc"},
])
def test_what_is_no_registration(phone, service, change):
    answer = phone.put(ME, webpush(service, App()) | change)
    assert answer.status == 400 and json.loads(answer.body)["status"] == 400, answer
    assert service.heard == []


def test_an_app_says_what_it_can_do(phone, service):
    app = App()
    assert register(phone, service, app)["capabilities"] == ["sync", "nudge"], "as long as it says nothing"
    confirm(phone, app, service.wait(1))
    seen = phone.put(ME, webpush(service, app) | {"capabilities": ["sync", "levitate"]}).json()["registration"]
    assert (seen["state"], seen["capabilities"]) == ("active", ["sync"]), "no other message is needed for that"
    assert phone.get(ME).json()["registration"]["capabilities"] == ["sync"]
    for wrong in [["nudge"], "sync", ["sync"] * 17, [7]]:
        assert phone.put(ME, webpush(service, app) | {"capabilities": wrong}).status == 400, wrong
    assert len(service.heard) == 1


def test_quiet_hours_are_taken(phone, service):
    body = webpush(service, App()) | {"timeZone": "Europe/Berlin", "quietHours": {"from": "22:00", "to": "07:00"}}
    assert phone.put(ME, body).status == 200


def test_a_push_service_in_trouble_pauses_the_registration_and_ends_nothing(home, phone, service):
    app = App()
    register(phone, service, app)
    confirm(phone, app, service.wait(1))
    service.answers = [(503, {})]
    anna = log_in(home)
    device = phone.get("/api/backup/devices/me").json()["id"]
    assert anna.post(f"/api/backup/devices/{device}/tickle").json()["delivery"] == "503"
    seen = phone.get(ME).json()["registration"]
    assert (seen["state"], seen["problem"]) == ("backoff", "5xx") and seen["retryAt"] > seen["refreshedAt"]
    # Until then nothing is sent, also where somebody asks for it; the client's refresh keeps it as it is.
    again = anna.post(f"/api/backup/devices/{device}/tickle")
    assert again.status == 429 or again.json()["delivery"] == "throttled", again
    assert register(phone, service, app)["state"] == "backoff" and len(service.heard) == 2
