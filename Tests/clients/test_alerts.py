"""People are told of a device in trouble: by ntfy, a signed webhook, mail and the browser, once for each change."""

import sqlite3
import time

import pytest

from harness import client, media
from harness.people import Inbox, MailServer, verified
from harness.process import until
from harness.push import App, PushService

DAY = 86_400_000
PIXEL = {"User_Agent": "immich-android/3.1.0", "deviceModel": "Pixel 8"}
ALERTS = "/api/backup/alerts"


@pytest.fixture
def inbox():
    made = Inbox()
    yield made
    made.close()


@pytest.fixture
def mail():
    made = MailServer()
    yield made
    made.close()


@pytest.fixture
def service():
    made = PushService()
    yield made
    made.close()


@pytest.fixture
def home(launch, inbox, mail, service):
    made = launch(
        "--push-allow-hosts", f"{inbox.place},{service.place}", "--smtp-server", f"127.0.0.1:{mail.port}",
        "--smtp-security", "none", "--smtp-from", "nightstand@example.org", "--smtp-user", "nightstand",
        "--alert-admin-hours", "0", environment={"NIGHTSTAND_SMTP_PASSWORD": "mail secret"}, founded=True)
    return made


def log_in(server, email="anna@example.org", **fields):
    answer = client.Client(server, **fields).post("/api/auth/login", {"email": email, "password": client.PASSWORD})
    assert answer.status == 201, answer
    return client.Client(server, Authorization=f"Bearer {answer.json()['accessToken']}", **fields)


def add(someone, **channel):
    answer = someone.post(ALERTS + "/channels", channel)
    assert answer.status == 201, answer
    return answer.json()


def code(mail, channel):
    sender, recipients, letter = mail.wait()
    assert letter["Subject"] == "Nightstand: confirm this address" and recipients == [channel["target"]]
    return next(line for line in letter.get_content().splitlines() if len(line) == 32)


def confirm(someone, channel, mail):
    """Shows the code of the first mail."""
    token = code(mail, channel)
    path = f"{ALERTS}/channels/{channel['id']}/confirm"
    assert someone.post(path, {"token": token[::-1]}).status == 400
    answer = someone.post(path, {"token": token})
    assert answer.status == 200, answer
    return answer.json()


def pass_days(home, days, *people):
    """Days pass while the server is off; the alarm looks at every device at its start."""
    for someone in people:
        someone.close()
    home.stop()
    with sqlite3.connect(home.data / "nightstand.sqlite") as catalog:
        catalog.execute("UPDATE device SET first_contact = first_contact - ?1, last_contact = last_contact - ?1,"
                        " last_upload = last_upload - ?1, level = coalesce(level, 'green'), reason = coalesce(reason, 'ok')"
                        " WHERE kind = 'phone'", (days * DAY,))
        catalog.execute("UPDATE device_day SET day = day - ?", (days,))
    catalog.close()
    home.start()


def silent_phone(home, email="bert@example.org"):
    phone = log_in(home, email, **PIXEL)
    phone.store(media.jpeg(f"{email}'s photo"), "very private name.jpg")
    phone.close()
    return phone


def test_the_owner_hears_by_every_channel_and_the_admin_too(home, add_user, inbox, mail, service):
    anna, bert = log_in(home), add_user(home)
    phone = silent_phone(home)
    ntfy = add(bert, kind="ntfy", url=inbox.url("my-topic"), token="tk_secret")
    hook = add(bert, kind="webhook", url=inbox.url("hook"))
    address = add(bert, kind="mail")["channel"]
    assert address["confirmedAt"] is None
    assert confirm(bert, address, mail)["confirmedAt"]
    app = App()
    add(bert, kind="webpush", endpoint=service.endpoint("browser"), keys=app.keys)
    add(anna, kind="webhook", url=inbox.url("admin"), secret="the admin's own secret")
    assert len(hook["secret"]) == 43 and ntfy["secret"] is None
    told = bert.get(ALERTS).json()
    assert "tk_secret" not in str(told) and hook["secret"] not in str(told) and "my-topic" not in str(told)
    outbound = anna.get("/api/backup/outbound").json()["connections"]
    assert {(item["purpose"], item["host"]) for item in outbound} == {
        ("ntfy", inbox.place), ("webhook", inbox.place), ("webpush", service.place), ("mail", f"127.0.0.1:{mail.port}")}
    # Whoever has none hears that there are some, and not where.
    carl = add_user(home, "carl@example.org")
    others = carl.get("/api/backup/outbound").json()["connections"]
    assert [(item["purpose"], item["host"]) for item in others] == [("mail", None), ("ntfy", None), ("webhook", None), ("webpush", None)]
    carl.close()
    assert [item["kind"] for item in told["channels"]] == ["ntfy", "webhook", "mail", "webpush"]
    assert told["channels"][0]["target"] == f"http://{inbox.place}" and told["channels"][2]["target"] == "bert@example.org"

    pass_days(home, 4, anna, bert)
    seen = set()
    heard = verified(inbox.wait("hook"), hook["secret"], seen)
    assert (heard["event"], heard["level"], heard["reason"], heard["audience"]) == ("device.state", "amber", "quiet", "owner")
    assert heard["device"]["name"] == "Google Pixel 8" and heard["steps"] and "Not heard from" in heard["sentence"]
    admin = verified(inbox.wait("admin"), "the admin's own secret", seen)
    assert admin["audience"] == "admin" and admin["person"]["name"]
    topic = inbox.wait("my-topic")
    assert topic.fields["authorization"] == "Bearer tk_secret" and topic.fields["title"] == "Nightstand: a device needs a look"
    assert topic.fields["priority"] == "3" and topic.fields["tags"] == "warning"
    assert b"Pixel" not in topic.body and b"ert" not in topic.body.replace(b"alert", b""), "ntfy's server reads along"
    sender, recipients, letter = mail.wait(2)
    assert (sender, recipients) == ("nightstand@example.org", ["bert@example.org"])
    assert letter["Subject"] == "Nightstand: a device needs a look" and letter["Auto-Submitted"] == "auto-generated"
    assert "Google Pixel 8: Not heard from" in letter.get_content()
    shown = app.read(service.wait(1))
    assert shown["action"] == "alert" and "Google Pixel 8" in shown["text"]
    for message in [*inbox.heard, letter.get_content()]:
        assert "very private" not in str(getattr(message, "body", message)), "no names of photos leave the house"

    # One message for each change: nothing new on the next day, one for red, one when all is well.
    pass_days(home, 1, anna, bert)
    assert until(lambda: bert.get(ALERTS).status == 200)
    pass_days(home, 4, anna, bert)
    assert verified(inbox.wait("hook", 2), hook["secret"], seen)["level"] == "red"
    assert inbox.wait("my-topic", 2).fields["priority"] == "4"
    # A stop drops what is on its way when the next change has come.
    mail.wait(3)
    service.wait(2)
    inbox.wait("admin", 2)
    assert phone.get("/api/users/me").status == 200
    phone.close()
    pass_days(home, 0, anna, bert)
    fine = verified(inbox.wait("hook", 3), hook["secret"], seen)
    assert fine["level"] not in ("amber", "red") and fine["steps"] == []
    assert verified(inbox.wait("admin", 3), "the admin's own secret", seen)["audience"] == "admin"
    mail.wait(4)
    assert len(inbox.at("hook")) == 3 and len(mail.letters) == 4


def test_quiet_hours_hold_back_what_is_shown_and_nothing_else(home, inbox, add_user):
    anna, bert = log_in(home), add_user(home)
    silent_phone(home)
    add(bert, kind="ntfy", url=inbox.url("topic"))
    hook = add(bert, kind="webhook", url=inbox.url("hook"))
    minute = int(time.time() // 60) % 1440
    clock = lambda minutes: f"{minutes % 1440 // 60:02}:{minutes % 60:02}"
    settings = {"quietHours": {"from": clock(minute - 60), "to": clock(minute + 120)}, "timeZone": "UTC"}
    set_ = bert.put(ALERTS, settings)
    assert set_.status == 200 and set_.json()["quietHours"] == settings["quietHours"], set_
    pass_days(home, 4, anna, bert)
    assert verified(inbox.wait("hook"), hook["secret"], set())["level"] == "amber"
    with sqlite3.connect(home.data / "nightstand.sqlite") as catalog:
        (waiting,) = catalog.execute(
            "SELECT next_at FROM alert_delivery JOIN alert_channel ON number = channel WHERE kind = 'ntfy'").fetchall()
    catalog.close()
    assert 100 * 60 < waiting[0] / 1000 - time.time() <= 121 * 60 and inbox.at("topic") == []


def test_a_holiday_is_quiet_until_it_ends(home, inbox, add_user):
    anna, bert = log_in(home), add_user(home)
    silent_phone(home)
    hook = add(bert, kind="webhook", url=inbox.url("hook"))
    until_ = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 86_400))
    assert bert.put(ALERTS, {"snoozedUntil": until_}).status == 200
    pass_days(home, 4, anna, bert)
    assert bert.put(ALERTS, {}).json()["snoozedUntil"] is None and inbox.heard == []
    assert verified(inbox.wait("hook"), hook["secret"], set())["level"] == "amber"


def test_a_test_message_says_what_is_wrong_in_a_word(home, inbox):
    anna = log_in(home)
    hook = add(anna, kind="webhook", url=inbox.url("hook"))

    def test(id):
        return until(lambda: (answer := anna.post(f"{ALERTS}/channels/{id}/test")).status != 429 and answer, limit=15)

    assert test(hook["channel"]["id"]).json() == {"isDelivered": True, "problem": None}
    assert verified(inbox.wait("hook"), hook["secret"], set())["event"] == "test"
    inbox.answers = [(500, {})]
    assert test(hook["channel"]["id"]).json() == {"isDelivered": False, "problem": "5xx"}
    assert anna.delete(f"{ALERTS}/channels/{hook['channel']['id']}").status == 204
    assert anna.delete(f"{ALERTS}/channels/{hook['channel']['id']}").status == 400
    assert anna.get(ALERTS).json()["channels"] == []


def test_nothing_is_sent_where_nobody_allowed_it(launch, inbox):
    home = launch(founded=True)
    anna = log_in(home)
    for kind, path in [("ntfy", "topic"), ("webhook", "hook")]:
        answer = anna.post(ALERTS + "/channels", {"kind": kind, "url": inbox.url(path)})
        assert answer.status == 400 and answer.json()["code"] == "host_not_allowed", answer
    answer = anna.post(ALERTS + "/channels", {"kind": "webpush", "endpoint": inbox.url("x"), "keys": App().keys})
    assert answer.status == 400 and answer.json()["code"] == "host_not_allowed", answer
    answer = anna.post(ALERTS + "/channels", {"kind": "mail"})
    assert answer.status == 400 and "smtp-server" in answer.json()["detail"], answer
    for wrong in [{"kind": "pigeon"}, {"kind": "ntfy"}, {"kind": "webhook", "url": "x"},
                  {"kind": "ntfy", "url": "https://ntfy.example/t", "token": "a\r\nb"},
                  {"kind": "webhook", "url": "https://a.example/", "secret": "short"}]:
        assert anna.post(ALERTS + "/channels", wrong).status == 400, wrong
    for index in range(10):
        add(anna, kind="ntfy", url=f"https://ntfy.example/topic{index}")
    assert anna.post(ALERTS + "/channels", {"kind": "ntfy", "url": "https://ntfy.example/more"}).status == 400
    assert inbox.heard == [] and anna.get(ALERTS).json()["kinds"] == ["ntfy", "webhook", "webpush"]


def test_the_mail_servers_password_never_goes_anywhere_in_the_clear(launch, mail):
    mine = ("--smtp-security", "none", "--smtp-from", "nightstand@example.org", "--smtp-user", "nightstand")
    password = {"NIGHTSTAND_SMTP_PASSWORD": "mail secret"}
    for place in ["mail.example.org", "192.0.2.7:25", "localhost.example.org", "127.0.0.1.example.org:2525"]:
        refused = launch("--smtp-server", place, *mine, environment=password, ready=False).spawn()
        assert refused.wait(20) == 64, refused.tail()
        assert "in the clear" in refused.tail() and "starttls or tls" in refused.tail()
        assert "mail secret" not in refused.tail()
    # Half of a login is none.
    refused = launch("--smtp-server", "mail.example.org", *mine, ready=False).spawn()
    assert refused.wait(20) == 64 and "belong together" in refused.tail()
    # By itself, or with TLS, it may.
    launch("--smtp-server", f"127.0.0.1:{mail.port}", *mine, environment=password)
    launch("--smtp-server", "mail.example.org", *mine[2:], environment=password)


def test_a_receiver_that_fails_is_tried_again_and_one_that_is_gone_is_not(home, inbox, add_user):
    anna, bert = log_in(home), add_user(home)
    silent_phone(home)
    add(bert, kind="webhook", url=inbox.url("hook"))
    inbox.answers = [(410, {})]
    pass_days(home, 4, anna, bert)
    inbox.wait("hook")
    channel = until(lambda: (found := bert.get(ALERTS).json()["channels"][0])["isDisabled"] and found)
    assert channel["problem"] == "gone" and channel["deliveredAt"] is None


def test_mail_goes_to_nobody_who_did_not_ask_for_it(home, mail, add_user):
    anna, bert = log_in(home), add_user(home)
    silent_phone(home)
    channel = add(bert, kind="mail")["channel"]
    path = f"{ALERTS}/channels/{channel['id']}/confirm"
    token = code(mail, channel)
    assert bert.put("/api/users/me", {"email": "carl@example.org"}).status == 200
    assert bert.post(path, {"token": token}).status == 400, "a code is good for the address that it was sent to"
    assert bert.put("/api/users/me", {"email": "bert@example.org"}).status == 200
    assert bert.post(path, {"token": token}).json()["confirmedAt"]
    assert bert.put("/api/users/me", {"email": "carl@example.org"}).status == 200
    assert bert.get(ALERTS).json()["channels"][0]["confirmedAt"] is None
    assert bert.put("/api/users/me", {"email": "bert@example.org"}).status == 200
    assert bert.delete(f"{ALERTS}/channels/{channel['id']}").status == 204
    add(bert, kind="mail")
    mail.wait(2)
    channel = bert.get(ALERTS).json()["channels"][0]
    for _ in range(3):
        assert bert.delete(f"{ALERTS}/channels/{channel['id']}").status == 204
        channel = add(bert, kind="mail")["channel"]
        assert bert.post(f"{ALERTS}/channels/{channel['id']}/test").status == 429
    pass_days(home, 4, anna, bert)
    assert until(lambda: bert.get(ALERTS).status == 200)
    assert len(mail.letters) == 2, "one letter asks, and nothing follows"
