"""End to end: a client that sleeps and only listens is tickled, wakes, brings a photo by tus, and the page shows the tickle, its outcome and its latency."""

import re
import sqlite3

import pytest
from conftest import EMAIL, PASSWORD, PHONE
from harness import client, media
from harness.process import until
from harness.push import App, PushService
from harness.sleeper import bring, events, fall_asleep, register
from playwright.sync_api import expect

PIXEL = {"User_Agent": "immich-android/3.1.0", "deviceModel": "Pixel 8"}


@pytest.fixture
def service():
    made = PushService()
    yield made
    made.close()


@pytest.fixture
def options(service):
    return ["--push-allow-hosts", service.place], {}


@pytest.fixture
def phone(server, admin):
    """It has brought a photo before."""
    answer = client.Client(server, **PIXEL).post("/api/auth/login", {"email": EMAIL, "password": PASSWORD})
    made = client.Client(server, Authorization=f"Bearer {answer.json()['accessToken']}", **PIXEL)
    made.store(media.jpeg("an old one"), "old.jpg")
    yield made
    made.close()


def pixel(admin):
    return next(one for one in admin.get("/api/backup/devices").json()["devices"] if one["kind"] == "phone")


def tickles(page):
    return page.get_by_role("region", name="Tickles")


ANSWERED = re.compile(r"Answered in (under a second|\d+ s)")
SAFE = re.compile(r"The first photo was safe after (under a second|\d+ s)")


def test_a_listening_client_is_woken_from_the_page(phone, admin, inside):
    """By its event stream alone; the button is pressed with the keyboard."""
    place = f"#/devices/{pixel(admin)['id']}"
    visitor, page = inside(place)
    expect(tickles(page)).to_contain_text("Not tickled yet.")
    expect(tickles(page)).to_contain_text("nowhere at the moment")
    expect(page.get_by_role("button", name="Wake it now")).to_have_count(0)
    stream, wake = events(phone)
    until(lambda: admin.get(f"/api/backup/devices/{place[10:]}/push").json()["isListening"], 30, "the server knows of the stream")
    page.reload()
    expect(tickles(page)).to_contain_text("by its open connection")
    visitor.accessible()
    page.get_by_role("button", name="Wake it now").press("Enter")
    woken = wake()
    entry = tickles(page).locator(".happened")
    expect(entry).to_contain_text("Waiting for an answer")
    expect(page.get_by_role("button", name="Wake it now")).to_be_focused()
    expect(page.locator("#said")).to_have_text("Tickle: waiting for an answer.")

    bring(phone, media.jpeg("a new one"), "new.jpg", woken["tickle"])
    expect(entry).to_contain_text(ANSWERED)
    expect(entry).to_contain_text(SAFE)
    expect(entry).to_contain_text("by its open connection · by hand")
    expect(page.get_by_text("new.jpg")).to_be_visible()
    visitor.accessible()
    page.goto("/#/devices")
    expect(page.get_by_role("article").locator(".waking")).to_contain_text(re.compile("answered in (under a second|\\d+ s)"))
    visitor.accessible()

    # Android bears five a day; the page says when the next one may be sent.
    visitor.expected_statuses = {429}
    while admin.post(f"/api/backup/devices/{place[10:]}/tickle").status == 200:
        pass
    page.goto(f"/{place}")
    page.get_by_role("button", name="Wake it now").click()
    expect(tickles(page).get_by_role("alert")).to_contain_text(re.compile(r"bears no more now: the next one in \d+ (s|min|h)\."))
    stream.close()


def test_a_silent_one_is_woken_by_web_push_and_the_page_shows_it(server, phone, admin, service, inside):
    """By the server itself, because it was silent for three days; the message is decrypted by http_ece."""
    app = register(phone, service)
    identifier = pixel(admin)["id"]
    fall_asleep(server, phone, admin)
    for _ in range(20):
        # One of ten is held back: the page says so, and a day later it is another one's turn.
        server.start()
        last = until(lambda: pixel(admin)["tickle"]["last"], 60, "a tickle")
        if last["outcome"] != "held":
            break
        _, page = inside(f"#/devices/{identifier}")
        expect(tickles(page)).to_contain_text("Held back, to learn what happens without it")
        fall_asleep(server, admin)
    content = app.read(service.wait(2))
    assert content["action"] == "sync"
    visitor, page = inside(f"#/devices/{identifier}", **PHONE)
    expect(tickles(page)).to_contain_text(f"Web Push ({service.place}), confirmed")
    entry = tickles(page).locator(f"[data-id='{content['tickle']}']")
    expect(entry).to_contain_text("Waiting for an answer")
    bring(phone, media.jpeg("a new one"), "new.jpg", content["tickle"])
    expect(entry).to_contain_text(ANSWERED)
    expect(entry).to_contain_text(SAFE)
    expect(entry).to_contain_text("by Web Push · it was silent for long")
    visitor.accessible()


def test_a_push_address_that_is_gone_is_said_in_words(phone, admin, service, inside):
    register(phone, service)
    service.answers = [(410, {})]
    visitor, page = inside(f"#/devices/{pixel(admin)['id']}")
    page.get_by_role("button", name="Wake it now").click()
    expect(tickles(page)).to_contain_text("Its push address is gone")
    expect(tickles(page).locator(".happened")).to_contain_text("Not delivered: the push address is gone")
    expect(page.get_by_role("button", name="Wake it now")).to_have_count(0)
    visitor.accessible()
    page.goto("/#/devices")
    expect(page.get_by_role("article").locator(".waking")).to_contain_text("the app was removed or set up anew. Last tickle just now: not delivered")
    visitor.accessible()


def test_what_waking_brings_is_said_with_its_uncertainty(server, phone, admin, service, inside):
    """The page's numbers are the server's: half a year of trials is written into its memory, which no test can wait for."""
    register(phone, service)
    identifier = pixel(admin)["id"]
    phone.close()
    admin.close()
    server.stop()
    with sqlite3.connect(server.data / "nightstand.sqlite") as catalog:
        catalog.execute("INSERT OR REPLACE INTO tickle_device (device, sent, sent_contacts, held, held_contacts, cadence, unjudged, rung, unanswered, short_runs, nudged)"
                        " SELECT number, 90, 72, 10, 2, 2, 0, 0, 0, 0, 0 FROM device WHERE kind = 'phone'")
    catalog.close()
    server.start()
    lift = pixel(admin)["tickle"]["lift"]
    visitor, page = inside(f"#/devices/{identifier}")
    part = lambda share: round(share * 100)  # noqa: E731
    expect(tickles(page)).to_contain_text(f"of 100, 60 bring a contact that would not have come ({part(lift['low'])} to {part(lift['high'])})")
    expect(tickles(page)).to_contain_text("100 trials")
    assert lift["value"] == 0.6 and lift["low"] < 0.6 < lift["high"]
    expect(tickles(page)).to_contain_text("half as often as usual")
    visitor.accessible()


def test_an_address_that_nobody_confirmed_says_so(phone, admin, service, inside):
    phone.put("/api/backup/devices/me/push", {"kind": "webpush", "endpoint": service.endpoint(), "keys": App().keys})
    service.wait(1)
    visitor, page = inside(f"#/devices/{pixel(admin)['id']}")
    expect(tickles(page)).to_contain_text("not confirmed yet")
    expect(page.get_by_role("button", name="Wake it now")).to_have_count(0)
    visitor.accessible()
