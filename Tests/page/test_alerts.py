"""Where people are told: channels, quiet hours and holiday, each with a real other side; and that Chromium shows a Web Push.

**How the push reaches Chromium.** Its PushManager subscribes at Google's service alone, which no test can run: so subscribe()
is replaced by one that returns an endpoint of the test's own push service and real P-256 keys, made here. From there on
everything is real: the page registers what it got, Nightstand encrypts (RFC 8291) and sends, http_ece decrypts, and the plain
text is handed to the page's real service worker through DevTools (`ServiceWorker.deliverPushMessage`), as Chromium does after
its own decryption. What the worker shows is read back from the browser.
"""

import json
import re
import sqlite3
import time

import pytest
from conftest import EMAIL, PASSWORD, PHONE
from harness import client, media
from harness.people import Inbox, MailServer, verified
from harness.process import until
from harness.push import App, PushService
from pictures import DAY
from playwright.sync_api import expect

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
def options(inbox, mail, service):
    return ["--push-allow-hosts", f"{inbox.place},{service.place}", "--smtp-server", f"127.0.0.1:{mail.port}", "--smtp-security", "none",
            "--smtp-from", "nightstand@example.org", "--smtp-user", "nightstand"], {"NIGHTSTAND_SMTP_PASSWORD": "mail secret"}


def row(page, text):
    return page.locator("main li", has_text=text)


def send_test(page, name):
    """Presses the button until it is no longer too soon after the last one: so the server wants it."""
    button, line = page.get_by_role("button", name=f"Send a test: {name}"), row(page, name.split(",")[0])
    for _ in range(30):
        button.click()
        result = line.locator(".good-word:not(:empty), .problem.inline")
        expect(result).to_be_visible()
        if "Not so soon" not in result.inner_text():
            return result
        page.wait_for_timeout(1000)
    raise AssertionError("it stays too soon")


def code_of(letter):
    return next(line for line in letter.get_content().splitlines() if len(line) == 32)


def test_each_channel_is_added_tried_and_removed(admin, inbox, mail, inside):
    visitor, page = inside("#/account")
    visitor.expected_statuses = {400, 429}
    expect(page.get_by_text("Nobody tells you")).to_be_visible()
    page.get_by_role("link", name="Set it up").click()
    expect(page.get_by_text("Nowhere yet")).to_be_visible()
    expect(page.get_by_text("24 hours after their owners")).to_be_visible()
    visitor.accessible()

    page.get_by_role("button", name="Add ntfy").click()
    dialog = page.get_by_role("dialog", name="Tell me by ntfy")
    visitor.accessible()
    dialog.get_by_label("Address with the topic").fill(inbox.url("my-topic"))
    dialog.get_by_label("Access token").fill("tk_secret")
    dialog.get_by_role("button", name="Add").click()
    expect(row(page, "ntfy")).to_contain_text(f"http://{inbox.place}")
    expect(row(page, "ntfy")).to_contain_text("no message so far")
    assert "my-topic" not in page.locator("main").inner_text(), "a topic is a password"
    expect(send_test(page, f"ntfy, http://{inbox.place}")).to_contain_text("Sent")
    assert inbox.wait("my-topic").fields["authorization"] == "Bearer tk_secret"

    page.get_by_role("button", name="Add a webhook").click()
    page.get_by_role("dialog").get_by_label("Address").fill(inbox.url("hook"))
    page.get_by_role("dialog").get_by_role("button", name="Add").click()
    shown = page.get_by_role("dialog", name="The webhook’s secret")
    secret = shown.get_by_label("Secret", exact=True).input_value()
    visitor.accessible()
    shown.get_by_role("button", name="Done").click()
    expect(shown).to_have_count(0)
    assert secret not in page.content()
    hook = f"Webhook, http://{inbox.place}"
    expect(send_test(page, hook)).to_contain_text("Sent")
    assert verified(inbox.wait("hook"), secret, set())["event"] == "test"
    inbox.answers = [(500, {})]
    expect(send_test(page, hook)).to_have_text("Not delivered: it has a fault of its own.")
    visitor.accessible()

    page.get_by_role("button", name="Add mail").click()
    page.get_by_role("dialog").get_by_role("button", name="Add").click()
    # The first mail holds a code; the dialog for it can be left, and opened again.
    expect(page.get_by_role("dialog", name="Confirm the address")).to_be_visible()
    visitor.accessible()
    page.keyboard.press("Escape")
    expect(row(page, EMAIL)).to_contain_text("until you enter the code")
    expect(page.get_by_role("button", name="Add mail")).to_have_count(0)
    visitor.accessible()
    _, recipients, letter = mail.wait()
    assert recipients == [EMAIL]
    page.get_by_role("button", name="Enter the code").click()
    page.get_by_label("Code").fill("not this one")
    page.get_by_role("button", name="Confirm").click()
    expect(page.get_by_role("dialog").get_by_role("alert")).not_to_be_empty()
    page.get_by_label("Code").fill(code_of(letter))
    page.get_by_role("button", name="Confirm").click()
    expect(row(page, EMAIL)).not_to_contain_text("until you enter the code")
    expect(page.get_by_role("button", name=f"Send a test: Mail, {EMAIL}")).to_be_visible()
    page.goto("/#/account")
    expect(page.get_by_text("You hear of devices in trouble: by ntfy, by a webhook, by mail.")).to_be_visible()

    page.get_by_role("link", name="Change").click()
    for name in (hook, f"ntfy, http://{inbox.place}", f"Mail, {EMAIL}"):
        page.get_by_role("button", name=f"Remove {name}").click()
        page.get_by_role("dialog").get_by_role("button", name="Remove").click()
        expect(page.get_by_role("button", name=f"Remove {name}")).to_have_count(0)
    expect(page.get_by_text("Nowhere yet")).to_be_visible()
    assert admin.get(ALERTS).json()["channels"] == []


def test_quiet_hours_and_a_holiday_are_kept(admin, inside):
    visitor, page = inside("#/alerts", **PHONE)
    settings = lambda: admin.get(ALERTS).json()["settings"]  # noqa: E731
    expect(page.get_by_label("From")).to_be_hidden()
    page.get_by_label("Nothing rings at night").check()
    page.get_by_label("From").fill("21:30")
    page.get_by_label("To", exact=True).fill("06:45")
    expect(page.get_by_label("Time zone")).to_have_value("Europe/Berlin")
    page.get_by_label("Time zone").select_option("America/New_York")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Saved")).to_be_visible()
    visitor.accessible()
    kept = {"quietHours": {"from": "21:30", "to": "06:45"}, "timeZone": "America/New_York"}
    assert settings() == kept | {"snoozedUntil": None}

    back = time.strftime("%Y-%m-%d", time.localtime(time.time() + 10 * 86_400))
    page.get_by_label("Back on").fill(back)
    page.get_by_role("button", name="Start the holiday").click()
    expect(page.get_by_text("Nothing is sent before")).to_be_visible()
    expect(page.get_by_role("button", name="End the holiday")).to_be_focused()
    visitor.accessible()
    until_ = settings()
    # In Berlin, where the browser is, the day begins an hour or two earlier than in Greenwich.
    assert until_ | {"snoozedUntil": None} == kept | {"snoozedUntil": None} and re.search("T2[23]:00:00", until_["snoozedUntil"])

    page.reload()
    expect(page.get_by_label("From")).to_have_value("21:30")
    page.get_by_role("button", name="End the holiday").click()
    expect(page.get_by_label("Back on")).to_be_visible()
    page.get_by_label("Nothing rings at night").uncheck()
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Saved")).to_be_visible()
    assert settings() == {"quietHours": None, "timeZone": "America/New_York", "snoozedUntil": None}


def test_who_is_no_admin_hears_of_their_own_alone(server, admin, visit):
    admin.post("/api/admin/users", {"email": "ben@example.org", "name": "Ben", "password": PASSWORD})
    visitor = visit()
    visitor.expected_statuses = {400}
    page = visitor.enter("#/alerts", "ben@example.org")
    expect(page.get_by_role("heading", name="Quiet hours")).to_be_visible()
    expect(page.get_by_text("As an admin")).to_have_count(0)
    # An address inside the network that nobody allowed is refused in words.
    page.get_by_role("button", name="Add ntfy").click()
    page.get_by_label("Address with the topic").fill("http://10.1.2.3/topic")
    with page.expect_response(lambda answer: "channels" in answer.url and answer.status == 400):
        page.get_by_role("dialog").get_by_role("button", name="Add").click()
    expect(page.get_by_role("dialog").get_by_role("alert")).not_to_be_empty()


@pytest.mark.parametrize(("script", "words"), [
    ("Object.defineProperty(window, 'isSecureContext', { value: false })", "plain http"),
    ("delete window.PushManager", "takes no messages"),
    ("Object.defineProperty(Notification, 'permission', { value: 'denied' })", "are blocked"),
], ids=["plain http", "no push", "denied"])
def test_where_a_browser_cannot_be_told_it_says_why(admin, inside, script, words):
    visitor, page = inside("#/account")
    page.add_init_script(script)
    page.goto("about:blank")
    page.goto("/#/alerts")
    expect(page.get_by_text("Not in this browser.")).to_be_visible()
    expect(page.get_by_text(words)).to_be_visible()
    expect(page.get_by_role("button", name="Add this browser")).to_have_count(0)
    visitor.accessible()


def test_a_browser_without_a_push_service_says_so(admin, inside):
    """Chromium's own refusal where it does not reach Google's service, said at once here instead of after its patience."""
    visitor, page = inside("#/account")
    visitor.context.grant_permissions(["notifications"], origin=visitor.url)
    page.add_init_script("PushManager.prototype.subscribe = async () => { throw new DOMException('Registration failed - push service error', 'AbortError'); }")
    page.goto("about:blank")
    page.goto("/#/alerts")
    page.get_by_role("button", name="Add this browser").click()
    expect(page.get_by_text("push service does not answer")).to_be_visible()
    assert admin.get(ALERTS).json()["channels"] == []


SUBSCRIBE = """(app) => {
  const bytes = (text) => Uint8Array.from(atob(text.replaceAll('-', '+').replaceAll('_', '/')), (letter) => letter.charCodeAt(0)).buffer;
  const kept = () => JSON.parse(localStorage.getItem('test-subscription'));
  const make = ({ endpoint, keys, key }) => ({
    endpoint, options: { userVisibleOnly: true, applicationServerKey: bytes(key) }, toJSON: () => ({ endpoint, expirationTime: null, keys }),
    unsubscribe: async () => { localStorage.removeItem('test-subscription'); return true; },
  });
  PushManager.prototype.getSubscription = async () => (kept() ? make(kept()) : null);
  PushManager.prototype.subscribe = async ({ userVisibleOnly, applicationServerKey }) => {
    if (!userVisibleOnly || applicationServerKey.length !== 65 || Notification.permission !== 'granted') throw new DOMException('no', 'NotAllowedError');
    const key = btoa(String.fromCharCode(...applicationServerKey)).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
    localStorage.setItem('test-subscription', JSON.stringify({ ...app, key }));
    return make(kept());
  };
}"""


class Browser:
    """A visitor's window whose subscription lies at the test's push service, and the way of a message to its worker."""

    def __init__(self, visitor, page, service):
        self.visitor, self.page, self.service, self.app = visitor, page, service, App()
        self.registrations = {}
        visitor.context.grant_permissions(["notifications"], origin=visitor.url)
        page.add_init_script(f"({SUBSCRIBE})({json.dumps({'endpoint': service.endpoint('browser'), 'keys': self.app.keys})})")
        self.devtools = visitor.context.new_cdp_session(page)
        self.devtools.on("ServiceWorker.workerRegistrationUpdated", lambda event: self.registrations.update(
            {item["scopeURL"]: item["registrationId"] for item in event["registrations"] if not item["isDeleted"]}))
        self.devtools.send("ServiceWorker.enable")

    def deliver(self, count):
        """Takes the push of that number off the service, decrypts it, and hands it to the worker; what it held."""
        message = self.service.wait(count)
        assert message.path == "/push/browser" and message.claims()["aud"] == f"http://{self.service.place}"
        content = self.app.read(message)
        self.devtools.send("ServiceWorker.deliverPushMessage", {
            "origin": self.visitor.url, "registrationId": self.registrations[f"{self.visitor.url}/"], "data": json.dumps(content)})
        return content

    def shown(self):
        return self.page.evaluate(
            "async () => (await (await navigator.serviceWorker.ready).getNotifications()).map(({ title, body, tag, data }) => ({ title, body, tag, data }))")

    def wait(self, condition):
        """The first notification of which that is true."""
        for _ in range(300):
            if found := [one for one in self.shown() if condition(one)]:
                return found[0]
            self.page.wait_for_timeout(100)
        raise AssertionError(f"not shown: {self.shown()}")


def days_pass(server, days, *people):
    """For the phone, while the server is off. It looks at every device at its start, and comes back where the browser knows it."""
    for someone in people:
        someone.close()
    server.options += ["--port", str(server.port)]
    server.stop()
    with sqlite3.connect(server.data / "nightstand.sqlite") as catalog:
        catalog.execute("UPDATE device SET first_contact = first_contact - ?1, last_contact = last_contact - ?1, last_upload = last_upload - ?1,"
                        " level = coalesce(level, 'green'), reason = coalesce(reason, 'ok') WHERE kind = 'phone'", (days * DAY,))
        catalog.execute("UPDATE device_day SET day = day - ?", (days,))
    catalog.close()
    server.start()


def test_chromium_shows_what_nightstand_pushes(server, admin, service, inside):
    """By DevTools, see above. First a test by hand, then the real alarm of a phone that falls silent, then that all is well."""
    answer = client.Client(server, **PIXEL).post("/api/auth/login", {"email": EMAIL, "password": PASSWORD})
    phone = client.Client(server, Authorization=f"Bearer {answer.json()['accessToken']}", **PIXEL)
    phone.store(media.jpeg("one"), "very private name.jpg")
    pixel = lambda: next(one for one in admin.get("/api/backup/devices").json()["devices"] if one["kind"] == "phone")  # noqa: E731
    place = f"#/devices/{pixel()['id']}"

    visitor, page = inside("#/account")
    browser = Browser(visitor, page, service)
    page.goto("about:blank")
    page.goto("/#/alerts")
    page.get_by_role("button", name="Add this browser").click()
    expect(row(page, "This browser")).to_contain_text(f"http://{service.place}")
    assert [channel["kind"] for channel in admin.get(ALERTS).json()["channels"]] == ["webpush"]
    visitor.accessible()
    expect(send_test(page, "This browser")).to_contain_text("Sent")
    assert "device" not in browser.deliver(1)
    assert browser.wait(lambda one: "test" in one["title"])["body"] == "Messages of your photo backup arrive here."

    page.goto("about:blank")
    days_pass(server, 4, phone, admin)
    page.goto("/#/account")
    assert pixel()["state"]["level"] == "amber"
    assert browser.deliver(2)["device"] == place[10:]
    alarm = browser.wait(lambda one: one["tag"] == place)
    assert alarm["title"] == "Nightstand: a device needs a look" and alarm["data"] == {"place": place}
    assert "Google Pixel 8: Not heard from" in alarm["body"] and "private" not in alarm["body"]

    # Tapped. DevTools cannot tap; this is what the worker does then.
    visitor.context.service_workers[0].evaluate(f"lead('{place}')")
    expect(page.get_by_role("heading", name="Google Pixel 8", level=1)).to_be_visible()
    assert page.url.endswith(place)

    # The next state of the device takes the place of the last one.
    assert phone.get("/api/users/me").status == 200
    page.goto("about:blank")
    days_pass(server, 0, phone, admin)
    page.goto("/#/account")
    browser.deliver(3)
    browser.wait(lambda one: one["tag"] == place and one["title"] == "Nightstand: all is well again")
    assert [one["tag"] for one in browser.shown()].count(place) == 1

    # Whoever comes next at this browser hears nothing of Anna's.
    page.get_by_role("button", name="Log out").click()
    expect(page.get_by_role("heading", name="Log in")).to_be_visible()
    assert admin.get(ALERTS).json()["channels"] == [] and page.evaluate("localStorage.getItem('test-subscription')") is None


def test_a_browser_whose_address_changed_is_told_at_the_new_one(admin, service, inside):
    visitor, page = inside("#/account")
    Browser(visitor, page, service)
    page.goto("about:blank")
    page.goto("/#/alerts")
    page.get_by_role("button", name="Add this browser").click()
    expect(row(page, "This browser")).to_be_visible()
    before = admin.get(ALERTS).json()["channels"]
    app = App()
    fresh = {"endpoint": service.endpoint("fresh"), "keys": app.keys}
    page.evaluate("fresh => localStorage.setItem('test-subscription', JSON.stringify({ ...JSON.parse(localStorage.getItem('test-subscription')), ...fresh }))", fresh)
    page.goto("about:blank")
    page.goto("/#/account")
    until(lambda: (now := admin.get(ALERTS).json()["channels"]) != before and len(now) == 1, 60, "one channel, another one")
    page.goto("/#/alerts")
    expect(send_test(page, "This browser")).to_contain_text("Sent")
    message = service.wait(1)
    assert message.path == "/push/fresh" and app.read(message)["action"] == "alert"
