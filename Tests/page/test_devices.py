"""Devices, activity and the overview: what the page says of what the server saw."""

import json
import re
import sqlite3
import time

import pytest
from conftest import EMAIL, PASSWORD, PHONE
from harness import client, media
from pictures import DAY
from playwright.sync_api import expect

PIXEL = {"User_Agent": "immich-android/3.1.0", "deviceModel": "Pixel 8"}


def log_in(server, **fields):
    answer = client.Client(server, **fields).post("/api/auth/login", {"email": EMAIL, "password": PASSWORD})
    return client.Client(server, Authorization=f"Bearer {answer.json()['accessToken']}", **fields)


@pytest.fixture
def phone(server, admin):
    phone = log_in(server, **PIXEL)
    yield phone
    phone.close()


def now():
    return time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime())


def make_quiet(server, days=20, silent=9):
    """As if the phone had been in contact every evening, and then not any more."""
    server.stop()
    catalog = sqlite3.connect(server.data / "nightstand.sqlite")
    (number,) = catalog.execute("SELECT number FROM device WHERE kind = 'phone'").fetchone()
    today = int(time.time() * 1000) // DAY
    last = (today - silent) * DAY + 20 * DAY // 24
    catalog.execute("DELETE FROM device_day WHERE device = ?", (number,))
    for day in range(today - silent - days, today - silent + 1):
        catalog.execute("INSERT INTO device_day (device, day, hours, stored, bytes) VALUES (?, ?, ?, 3, 9000000)", (number, day, 1 << 20))
    catalog.execute("UPDATE device SET first_contact = ?, last_contact = ?, last_upload = ?, stored = 60 WHERE number = ?",
                    (last - days * DAY, last, last, number))
    catalog.commit()
    catalog.close()
    server.start()


def test_the_canary_turns_green_when_a_photo_arrives(phone, inside):
    visitor, page = inside("#/connect")
    expect(page.get_by_role("img", name="QR code")).to_be_visible()
    visitor.accessible()
    page.get_by_role("button", name="Start the test").click()
    expect(page.get_by_text("Take a photo now", exact=True)).to_be_visible()
    phone.store(media.jpeg("old"), "old.jpg", fileCreatedAt="2020-01-01T00:00:00.000Z")
    expect(page.get_by_role("timer")).to_have_text(re.compile("0:0[1-9]"))
    taken = now()
    expect(page.locator(".arrived")).to_have_count(0)
    phone.store(media.jpeg("canary"), "canary.jpg", fileCreatedAt=taken)
    expect(page.locator(".arrived")).to_have_text(re.compile(r"It arrived, \d+ s after it was taken\."))
    expect(page.get_by_text("canary.jpg from Google Pixel 8")).to_be_visible()
    visitor.accessible()


def test_the_overview_says_in_one_sentence_what_is_wrong(server, phone, inside):
    phone.store(media.jpeg("one"))
    make_quiet(server)
    visitor, page = inside()
    person = page.locator(".person")
    expect(person).to_contain_text("Act")
    expect(person.locator(".sentence")).to_contain_text("Pixel")
    device = page.get_by_role("article").filter(has_text="Google Pixel 8")
    expect(device.get_by_role("img", name=re.compile("The last 30 days"))).to_be_visible()
    expect(page.get_by_text("There is no second copy")).to_be_visible()
    expect(page.get_by_text("The server talks to nobody")).to_be_visible()
    visitor.accessible()
    device.get_by_role("link").click()
    expect(page.get_by_role("heading", name="What helps")).to_be_visible()
    visitor.accessible()


def test_a_device_is_renamed_snoozed_ticked_and_revoked(server, phone, inside):
    phone.store(media.jpeg("one"))
    visitor, page = inside("#/devices")
    visitor.accessible()
    page.get_by_role("link", name="Google Pixel 8").click()
    page.get_by_role("button", name="Rename").click()
    page.get_by_role("dialog").get_by_label("Name").fill("Anna’s Pixel")
    page.get_by_role("dialog").get_by_role("button", name="Rename").click()
    expect(page.get_by_role("heading", name="Anna’s Pixel")).to_be_visible()

    page.get_by_role("checkbox").first.check()
    expect(page.get_by_text(re.compile(r"Done \d")).first).to_be_visible()
    page.reload()
    expect(page.get_by_role("checkbox").first).to_be_checked()

    page.get_by_role("button", name="Snooze").click()
    page.get_by_role("dialog").get_by_role("button", name="Snooze").click()
    expect(page.locator(".heading .badge")).to_have_text("Snoozed")
    page.get_by_role("button", name="End the snooze").click()
    expect(page.get_by_role("button", name="Snooze", exact=True)).to_be_visible()

    with page.expect_download() as waiting:
        page.get_by_role("button", name="Support bundle").click()
        page.get_by_role("dialog").get_by_role("button", name="Download").click()
    bundle = open(waiting.value.path()).read()
    assert json.loads(bundle) and phone.fields["Authorization"].split()[1] not in bundle

    visitor.expected_statuses = set()
    page.get_by_role("button", name="Revoke").click()
    visitor.accessible()
    page.get_by_role("dialog").get_by_role("button", name="Revoke").click()
    expect(page.get_by_role("heading", name="Devices", exact=True)).to_be_visible()
    expect(page.get_by_text("Anna’s Pixel")).to_have_count(0)
    assert phone.get("/api/users/me").status == 401
    page.get_by_label("Show revoked devices too").check()
    expect(page.get_by_role("article").filter(has_text="Anna’s Pixel")).to_contain_text("Revoked")


def test_two_of_the_same_phone_are_merged(server, phone, inside):
    phone.store(media.jpeg("one"))
    other = log_in(server, **PIXEL)
    other.store(media.jpeg("two"))
    other.patch("/api/backup/devices/me", {"name": "New one"})
    _, page = inside("#/devices")
    page.get_by_role("link", name="New one").click()
    page.get_by_role("button", name="Merge").click()
    page.get_by_label("The other one").select_option(page.get_by_label("The other one").locator("option", has_text="Google Pixel 8").get_attribute("value"))
    page.get_by_role("dialog").get_by_role("button", name="Merge").click()
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page.locator("dd", has_text=re.compile("^2, "))).to_be_visible()


def test_only_the_checklist_is_printed(phone, inside):
    phone.store(media.jpeg("one"))
    visitor, page = inside("#/devices")
    page.get_by_role("link", name="Google Pixel 8").click()
    expect(page.get_by_role("heading", name="Checklist")).to_be_visible()
    page.emulate_media(media="print")
    expect(page.get_by_role("heading", name="Checklist")).to_be_visible()
    expect(page.get_by_role("heading", name="What it did")).to_be_hidden()
    expect(page.get_by_role("navigation", name="Main")).to_be_hidden()


def test_activity_is_live_and_filtered(phone, inside):
    phone.store(media.jpeg("one"), "first.jpg", fileCreatedAt=now())
    visitor, page = inside("#/activity")
    expect(page.get_by_text("first.jpg")).to_be_visible()
    visitor.accessible()
    phone.store(media.jpeg("old"), "old.jpg", fileCreatedAt="2019-05-05T00:00:00.000Z")
    expect(page.get_by_text("old.jpg")).to_be_visible()  # without a reload
    phone.upload(b"what is this", "virus.exe")
    expect(page.get_by_text("was rejected: not a photo or video")).to_be_visible()
    page.get_by_label("What").select_option(label="Failed")
    expect(page.get_by_text("first.jpg")).to_have_count(0)
    expect(page.get_by_text("virus.exe")).to_be_visible()
    page.get_by_label("What").select_option(label="Everything")
    page.get_by_label("Only older photos that came late").check()
    expect(page.get_by_text("old.jpg")).to_be_visible()
    expect(page.get_by_text("first.jpg")).to_have_count(0)
    page.reload()
    expect(page.get_by_text("1 older photo arrived today", exact=False)).to_be_visible()


def test_activity_has_pages(phone, inside):
    for number in range(60):
        phone.store(media.jpeg(f"page {number}"), f"page {number}.jpg")
    _, page = inside("#/activity?kind=stored")
    entries = page.locator(".happened")
    expect(entries).to_have_count(50)
    page.get_by_role("button", name="Older entries").click()
    expect(entries).to_have_count(60)
    expect(page.get_by_role("button", name="Older entries")).to_have_count(0)


def test_what_is_coming_in_is_shown_while_it_comes(phone, inside):
    film = media.mov("slow", 3_000_000)
    answer = phone.post("/api/backup/uploads", fields={"Tus-Resumable": "1.0.0", "Upload-Length": str(len(film)), "Upload-Metadata": "filename ZmlsbS5tb3Y="}, checked=False)
    phone.patch(answer.header("Location"), body=film[:1_000_000], checked=False,
                fields={"Tus-Resumable": "1.0.0", "Upload-Offset": "0", "Content-Type": "application/offset+octet-stream"})
    _, page = inside()
    expect(page.get_by_role("heading", name="Coming in")).to_be_visible()
    expect(page.get_by_text("film.mov")).to_be_visible()
    expect(page.get_by_text("1 MB of 3 MB")).to_be_visible()


def test_the_server_screen_lists_every_connection_that_goes_out(inside):
    visitor, page = inside("#/server")
    expect(page.get_by_text("None. This server opens no connection to anybody", exact=False)).to_be_visible()
    expect(page.get_by_role("heading", name="In the background")).to_be_visible()
    visitor.accessible()


def test_what_goes_out_is_listed_with_what_it_did_lately(inside):
    """The page's side alone: Tests/clients prove that the list is true."""
    visitor, page = inside("#/account", **PHONE)
    page.route("**/api/backup/outbound", lambda route: route.fulfill(json={
        "connections": [{"purpose": "push", "host": "push.example.org:443", "isOn": True, "setting": "push-allow-hosts"}],
        "recent": [{"at": "2026-11-21T10:00:00.000Z", "purpose": "push", "host": "push.example.org:443", "outcome": "2xx"}]}))
    page.goto("/#/server")
    expect(page.get_by_role("row", name=re.compile("^Push push.example.org:443 on; .*: taken push-allow-hosts"))).to_be_visible()
    expect(page.get_by_text("None. This server opens no connection")).to_have_count(0)
    page.get_by_text("What it did lately").first.click()
    expect(page.get_by_role("row", name=re.compile("21 Nov 2026.* Push push.example.org:443 taken"))).to_be_visible()
    visitor.accessible()


def facts(page):
    """What a device says of itself, as the page shows it."""
    return dict(page.locator("section", has=page.get_by_role("heading", name="What it says of itself")).evaluate(
        "section => [...section.querySelectorAll('dl div')].map(row => [...row.children].map(cell => cell.textContent))"))


def test_what_a_phone_does_not_say_is_no_promise(phone, inside):
    """Nothing left, and nothing said of it, are two things: who reads "nothing would be gone" throws the phone away."""
    def said(**report):
        phone.post("/api/backup/devices/me/check-in", report)
        page.reload()
        expect(page.get_by_role("heading", name="What it says of itself")).to_be_visible()
        found = facts(page)
        return found["Still to come"], found["If it were lost now"], found["Covers"]

    device = phone.get("/api/backup/devices/me").json()["id"]
    _, page = inside(f"#/devices/{device}")
    assert said(permission="full", albumsTotal=9) == ("not said", "not known: it did not say what is left", "not said")
    assert said(itemsOutside=412) == ("not said", "at least 412 items would be gone, 412 of them outside the chosen albums", "412 items outside")
    assert said(remaining=0, total=20, albumsSelected=3, albumsTotal=9) == ("0 of 20", "nothing would be gone of what it backs up", "3 of 9 albums")
    assert said(remaining=0, total=20, itemsOutside=0) == ("0 of 20", "nothing would be gone", "0 items outside")
    assert said(remaining=30, itemsOutside=12, remainingBytes=5_000_000) == ("30, 5 MB", "42 items would be gone, 12 of them outside the chosen albums", "12 items outside")
    phone.post("/api/backup/devices/me/check-in", {"remaining": 25})
    for number in range(24):
        phone.store(media.jpeg(f"rest {number}"), f"rest {number}.jpg")
    page.reload()
    expect(page.get_by_text("1, 25 then, the rest came since")).to_be_visible()
    page.goto("/#/devices")
    expect(page.get_by_text("1 still on it")).to_be_visible()


@pytest.mark.parametrize(("place", "choose"), [
    ("activity", lambda page: page.get_by_label("What").select_option("alarm,disk_level")),
    ("devices", lambda page: page.get_by_label("Show revoked devices too").check())])
def test_a_filter_that_gets_no_answer_shows_no_other_list(phone, inside, place, choose):
    phone.store(media.jpeg("seen"), "seen.jpg")
    visitor, page = inside(f"#/{place}")
    row = page.get_by_text("seen.jpg") if place == "activity" else page.get_by_text("Google Pixel 8").first
    expect(row).to_be_visible()
    visitor.context.set_offline(True)
    choose(page)
    expect(page.get_by_role("alert").filter(has_text="The server does not answer.")).to_be_visible()
    expect(row).to_have_count(0)
    visitor.context.set_offline(False)
    page.get_by_role("button", name="Try again").click()
    expect(page.get_by_text("Nothing that fits.") if place == "activity" else row).to_be_visible()


def test_a_file_that_goes_on_is_shown_once(admin, phone, inside):
    """It has one number while it waits and another while it moves."""
    tus = {"Tus-Resumable": "1.0.0"}
    answer = phone.post("/api/backup/uploads", fields=tus | {"Upload-Length": "100000", "Upload-Metadata": "filename c3VtbWVyLm1vdg=="}, checked=False)
    phone.patch(answer.header("Location"), body=b"x" * 100, checked=False,
                fields=tus | {"Upload-Offset": "0", "Content-Type": "application/offset+octet-stream"})
    _, page = inside()
    line = page.get_by_role("progressbar", name="Progress of summer.mov")
    expect(line).to_have_count(1)
    page.evaluate(
        """async () => {
          const { events } = await import('/core/events.js');
          const { call } = await import('/core/api.js');
          const [one] = (await call('GET', '/backup/overview')).uploads;
          const now = new Date().toISOString();
          events.dispatchEvent(new CustomEvent('progress', { detail: { uploads: [{ ...one, id: 'transfer-7', isActive: true, bytesPerSecond: 77_000, lastByteAt: now }] } }));
        }""")
    expect(page.get_by_text("77 kB/s")).to_be_visible()
    expect(line).to_have_count(1)
    expect(page.get_by_role("button", name="Discard")).to_have_count(0)
