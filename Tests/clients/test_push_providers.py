"""APNs and FCM over HTTP/2 and TLS, with their own answers: hypercorn and h2 are the other side."""

import json
import socket
import subprocess
import time

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, utils

from harness import client, process
from harness.push import App, Provider, Pushed, form, unurl64

PHONE = {"User_Agent": "immich-ios/3.1.0", "deviceModel": "iPhone 15"}
ME = "/api/backup/devices/me/push"
TOKEN = "ab" * 32


def parts(token):
    head, claims, signature = token.split(".")
    return json.loads(unurl64(head)), json.loads(unurl64(claims)), f"{head}.{claims}".encode(), unurl64(signature)


@pytest.fixture
def certificate(tmp_path):
    return process.Certificate(tmp_path)


@pytest.fixture
def open_provider(certificate):
    made = []

    def open(answer):
        made.append(Provider(answer, certificate))
        return made[-1]

    yield open
    for provider in made:
        provider.close()


def log_in(server):
    answer = client.Client(server, **PHONE).post("/api/auth/login", {"email": "anna@example.org", "password": client.PASSWORD})
    return client.Client(server, Authorization=f"Bearer {answer.json()['accessToken']}", **PHONE)


@pytest.fixture
def apple(open_provider, launch, certificate, tmp_path):
    """(server, key, provider, answers): a server with a team's key, and an APNs that says what `answers` say, in turn."""
    key = ec.generate_private_key(ec.SECP256R1())
    file = tmp_path / "AuthKey.p8"
    file.write_bytes(key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
    answers = []
    provider = open_provider(lambda *_: answers.pop(0) if answers else (200, {}, None))
    server = launch(
        "--apns-key-file", file, "--apns-key-id", "KEY1234567", "--apns-team-id", "TEAM123456",
        "--apns-topic", "org.example.photos", "--apns-server", provider.url, "--outbound-ca-file", certificate.certificate, founded=True)
    return server, key, provider, answers


def register(phone, **more):
    answer = phone.put(ME, {"kind": "apns", "token": TOKEN} | more)
    assert answer.status == 200, answer
    return answer.json()["registration"]


def test_apns_as_apple_wants_it(apple):
    server, key, provider, _ = apple
    phone = log_in(server)
    assert phone.get(ME).json()["terms"]["kinds"] == ["webpush", "apns"]
    assert register(phone)["state"] == "pending"
    method, path, fields, body = provider.heard[0]
    assert (method, path) == ("POST", f"/3/device/{TOKEN}") and provider.versions == {"2"}
    assert fields["apns-topic"] == "org.example.photos" and fields["apns-push-type"] == "background"
    assert fields["apns-priority"] == "5" and 0 < int(fields["apns-expiration"]) - time.time() <= 300
    message = json.loads(body)
    assert message["aps"] == {"content-available": 1} and message["action"] == "confirm"
    head, claims, signed, signature = parts(fields["authorization"].removeprefix("bearer "))
    assert head == {"alg": "ES256", "kid": "KEY1234567"} and claims["iss"] == "TEAM123456"
    r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
    key.public_key().verify(utils.encode_dss_signature(r, s), signed, ec.ECDSA(hashes.SHA256()))
    answer = phone.post(ME + "/confirm", {"token": message["token"]})
    assert answer.json()["registration"]["state"] == "active"
    # One token for many messages.
    other = log_in_another(server)
    other.put(ME, {"kind": "apns", "token": "cd" * 32})
    assert provider.heard[1][2]["authorization"] == fields["authorization"]


def log_in_another(server):
    fields = PHONE | {"deviceModel": "iPad"}
    answer = client.Client(server, **fields).post("/api/auth/login", {"email": "anna@example.org", "password": client.PASSWORD})
    return client.Client(server, Authorization=f"Bearer {answer.json()['accessToken']}", **fields)


@pytest.mark.parametrize("answer, state, problem", [
    ((410, {}, {"reason": "Unregistered", "timestamp": 4102444800000}), "gone", "gone"),
    # Older than the registration: the app has got the same token again since.
    ((410, {}, {"reason": "Unregistered", "timestamp": 1577836800000}), "pending", None),
    ((400, {}, {"reason": "BadDeviceToken"}), "pending", "4xx"),
    ((403, {}, {"reason": "ExpiredProviderToken"}), "pending", "4xx"),
    ((429, {"retry-after": "30"}, {"reason": "TooManyRequests"}), "pending", "throttled"),
    ((503, {}, {"reason": "ServiceUnavailable"}), "pending", "5xx"),
    ((503, {"retry-after": "30"}, {"reason": "Shutdown"}), "pending", "throttled"),
])
def test_what_apns_answers(apple, answer, state, problem):
    server, _, _, answers = apple
    answers.append(answer)
    seen = register(log_in(server))
    assert (seen["state"], seen["problem"]) == (state, problem)


def test_a_key_that_apple_refuses_makes_no_storm_of_tokens(apple):
    """Apple asks for patience where provider tokens change more often than every 20 minutes."""
    server, _, provider, answers = apple
    answers += [(403, {}, {"reason": "InvalidProviderToken"}), (403, {}, {"reason": "ExpiredProviderToken"})]
    assert register(log_in(server))["problem"] == "4xx"
    other = log_in_another(server)
    other.put(ME, {"kind": "apns", "token": "cd" * 32})
    assert len(provider.heard) == 2 and len({fields["authorization"] for _, _, fields, _ in provider.heard}) == 1


def test_a_provider_with_another_certificate_is_not_believed(tmp_path, apple):
    server, _, provider, _ = apple
    stranger = tmp_path / "other"
    stranger.mkdir()
    server.stop()
    place = server.options.index("--outbound-ca-file")
    server.options[place + 1] = str(process.Certificate(stranger, "second").certificate)
    server.start()
    seen = register(log_in(server))
    assert seen["problem"] == "no_answer" and provider.heard == []
    session, _ = client.log_in(server)
    assert session.get("/api/backup/outbound").json()["recent"][0]["outcome"] == "tls"


@pytest.fixture
def google(open_provider, launch, certificate, tmp_path):
    """(server, key file, provider, answers): a Firebase project of one's own, its token endpoint beside it."""
    pem = tmp_path / "account.pem"
    subprocess.run(["openssl", "genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", pem],
                   check=True, capture_output=True, timeout=60)
    answers = []

    def answer(method, path, fields, body):
        if path == "/token":
            return 200, {}, {"access_token": "ya29.test", "expires_in": 3599, "token_type": "Bearer"}
        return answers.pop(0) if answers else (200, {}, {"name": "projects/home-1/messages/1"})

    provider = open_provider(answer)
    account = tmp_path / "account.json"
    account.write_text(json.dumps({
        "type": "service_account", "project_id": "home-1", "private_key_id": "k1", "private_key": pem.read_text(),
        "client_email": "push@home-1.iam.gserviceaccount.com", "token_uri": provider.url + "/token"}))
    server = launch(
        "--fcm-account-file", account, "--fcm-server", provider.url, "--outbound-ca-file", certificate.certificate, founded=True)
    return server, pem, provider, answers


def test_fcm_as_google_wants_it(google):
    server, pem, provider, _ = google
    phone = log_in(server)
    assert phone.put(ME, {"kind": "fcm", "token": "device:token_1"}).json()["registration"]["state"] == "pending"
    (_, path, fields, body), message = provider.heard
    asked = form(body)
    assert path == "/token" and asked["grant_type"] == "urn:ietf:params:oauth:grant-type:jwt-bearer"
    head, claims, signed, signature = parts(asked["assertion"])
    assert head == {"alg": "RS256", "typ": "JWT", "kid": "k1"} and claims["exp"] - claims["iat"] == 3600
    assert claims["aud"] == provider.url + "/token" and claims["iss"].startswith("push@")
    key = serialization.load_pem_private_key(pem.read_bytes(), None)
    key.public_key().verify(signature, signed, padding.PKCS1v15(), hashes.SHA256())

    method, path, fields, body = message
    assert (method, path) == ("POST", "/v1/projects/home-1/messages:send") and fields["authorization"] == "Bearer ya29.test"
    sent = json.loads(body)["message"]
    assert sent["token"] == "device:token_1" and sent["android"]["priority"] == "normal" and sent["android"]["ttl"] == "300s"
    assert sent["data"]["action"] == "confirm" and set(sent) == {"token", "data", "android"}
    assert phone.post(ME + "/confirm", {"token": sent["data"]["token"]}).json()["registration"]["state"] == "active"
    # The bearer token is kept.
    other = log_in_another(server)
    other.put(ME, {"kind": "fcm", "token": "device:token_2"})
    assert [path for _, path, _, _ in provider.heard].count("/token") == 1


def error(status, name, code=None):
    details = [{"@type": "type.googleapis.com/google.firebase.fcm.v1.FcmError", "errorCode": code}] if code else []
    return {"error": {"code": status, "message": "…", "status": name, "details": details}}


@pytest.mark.parametrize("answer, state, problem", [
    ((404, {}, error(404, "NOT_FOUND", "UNREGISTERED")), "gone", "gone"),
    ((404, {}, error(404, "NOT_FOUND")), "pending", "4xx"),
    ((400, {}, error(400, "INVALID_ARGUMENT", "INVALID_ARGUMENT")), "pending", "4xx"),
    ((429, {"retry-after": "60"}, error(429, "RESOURCE_EXHAUSTED", "QUOTA_EXCEEDED")), "pending", "throttled"),
    ((503, {"retry-after": "60"}, error(503, "UNAVAILABLE", "UNAVAILABLE")), "pending", "throttled"),
    ((503, {}, error(503, "UNAVAILABLE", "UNAVAILABLE")), "pending", "5xx"),
])
def test_what_fcm_answers(google, answer, state, problem):
    server, _, _, answers = google
    answers.append(answer)
    seen = log_in(server).put(ME, {"kind": "fcm", "token": "device:token"}).json()["registration"]
    assert (seen["state"], seen["problem"]) == (state, problem)


def test_half_a_configuration_is_an_error(launch, tmp_path, certificate):
    for options, hint in [
        (("--apns-key-file", certificate.key), "--apns-key-id"), (("--fcm-account-file", tmp_path / "none"), "--fcm-account-file"),
        (("--fcm-account-file", certificate.key), "holds no key"), (("--push-allow-hosts", "http://x"), "--push-allow-hosts"),
        (("--push-contact", "anna"), "--push-contact"),
    ]:
        server = launch(*options, ready=False).spawn()
        assert server.wait(20) in (64, 78) and hint in server.tail(), (options, server.tail())


def test_web_push_by_tls_and_http2_with_an_authority_at_home(launch, open_provider, certificate):
    provider = open_provider(lambda *_: (201, {"location": "/message/1"}, None))
    place = f"127.0.0.1:{provider.port}"
    server = launch(
        "--outbound-ca-file", certificate.certificate, environment={"NIGHTSTAND_PUSH_ALLOW_HOSTS": f"ntfy.lan, {place}"}, founded=True)
    phone, app = log_in(server), App()
    answer = phone.put(ME, {"kind": "webpush", "endpoint": f"https://{place}/up?a=1", "keys": app.keys})
    assert answer.json()["registration"] | {"state": "pending", "problem": None} == answer.json()["registration"]
    method, path, fields, body = provider.heard[0]
    assert (method, path, provider.versions) == ("POST", "/up", {"2"})
    message = Pushed(path, fields.items(), body)
    assert message.claims()["aud"] == f"https://{place}"
    assert phone.post(ME + "/confirm", {"token": app.read(message)["token"]}).json()["registration"]["state"] == "active"


def test_a_push_service_that_says_nothing_is_not_waited_for_long(launch):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        place = f"127.0.0.1:{silent.getsockname()[1]}"
        server = launch("--push-allow-hosts", place, founded=True)
        begun = time.monotonic()
        answer = log_in(server).put(ME, {"kind": "webpush", "endpoint": f"http://{place}/", "keys": App().keys})
        assert answer.json()["registration"]["problem"] == "no_answer" and 9 < time.monotonic() - begun < 20
        session = client.session(server)
        assert session.get("/api/backup/outbound").json()["recent"][0]["outcome"] == "timed_out"
