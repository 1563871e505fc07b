"""Every screen, in light and dark, on a desk and on a phone: it fits, it can be read, it does not jump; and its picture for the documentation."""

import os

import pytest
from conftest import DESK, EMAIL, PHONE
from harness import client, media
from harness.process import REPOSITORY, Nightstand, until
from harness.push import PushService
from household import fill
from pictures import landscape
from playwright.sync_api import expect

from conftest import Visitor

BROWSER = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/147.0.0.0 Safari/537.36"
SCREENS = ["overview", "photos", "devices", "device", "activity", "connect", "proxy", "upload", "albums", "people", "keys", "server", "account", "alerts", "tickles",
           "care", "viewer", "details"]


@pytest.fixture(scope="module")
def household(tmp_path_factory):
    """A family's server after sixty days."""
    push = PushService()
    server = Nightstand(tmp_path_factory.mktemp("household") / "data", "--resources", REPOSITORY, "--push-allow-hosts", push.place)
    server.start()
    try:
        client.sign_up(server, EMAIL)
        anna = client.log_in(server, EMAIL, User_Agent=BROWSER)[0]
        fill(server, anna, EMAIL, push=push, share=1 if os.environ.get("UPDATE_SCREENSHOTS") else 0.1)
        until(lambda: all(queue["jobCounts"]["waiting"] + queue["jobCounts"]["active"] == 0 for queue in anna.get("/api/jobs").json().values()),
              240, "small pictures of everything")
        yield server
    finally:
        server.close()
        push.close()


@pytest.mark.timeout(400)
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", ["desk", "phone"])
def test_it_fits_and_can_be_read(household, chromium, tmp_path, scheme, size):
    visitor = Visitor(chromium, household, color_scheme=scheme, **(PHONE if size == "phone" else DESK))
    try:
        page = visitor.enter()
        expect(page.locator(".device").first).to_be_visible()
        for screen in SCREENS:
            go(page, screen)
            if screen == "upload":
                choose(page, tmp_path)
            visitor.accessible()
            big_enough(page, size)
            visitor.picture(f"{screen}-{scheme}{'-phone' if size == 'phone' else ''}")
    finally:
        visitor.close()


def go(page, screen):
    """Opens the screen and waits for what it shows last."""
    last = {
        "overview": ".device", "devices": ".device", "device": ".checklist, .state-card", "activity": ".happened", "connect": ".code", "upload": ".drop",
        "albums": ".album", "people": ".person-row", "keys": ".entry", "server": ".advice", "account": ".entry", "alerts": ".entry", "tickles": "[aria-label=Tickles] .happened", "photos": ".photo img.there",
        "viewer": ".viewer img.full", "proxy": ".code", "care": ".facts-list", "details": ".viewer .facts-list"}[screen]
    if screen in ("device", "tickles", "care"):
        page.goto("/#/devices")
        page.get_by_role("link", name="Ben’s iPhone" if screen == "device" else "Anna’s Pixel").click()
    elif screen == "viewer":
        page.goto("/#/photos")
        page.locator(".photo[href]").nth(2).click()
    elif screen == "details":
        page.get_by_role("button", name="Details (i)").click()
    else:
        page.goto("/#/" + {"overview": "", "proxy": "connect"}.get(screen, screen))
    heading = {"overview": "Hello, Anna", "device": "Ben’s iPhone", "tickles": "Anna’s Pixel", "keys": "API keys", "account": "Anna", "viewer": "Photos", "details": "Photos", "care": "Anna’s Pixel", "proxy": "Connect"}.get(screen, screen.capitalize())
    expect(page.locator("main h1")).to_have_text(heading)
    expect(page.locator(last).first).to_be_visible()
    if screen == "tickles":
        page.get_by_role("region", name="Tickles").evaluate("element => { element.scrollIntoView(); scrollBy(0, -16); }")
    if part := {"care": "What it says of itself", "proxy": "Do large videos pass?"}.get(screen):
        page.get_by_role("heading", name=part).evaluate("element => { element.parentElement.scrollIntoView(); scrollBy(0, -16); }")
    if screen == "albums":
        expect(page.locator(".cover img")).to_have_count(2)
    if screen in ("photos", "albums", "viewer"):
        page.evaluate("Promise.all([...document.images].map(image => image.complete || new Promise(done => { image.onload = image.onerror = done; })))")


def choose(page, folder):
    """Photos that are here already: the list has something to say, and the library stays as it is."""
    for number in range(1, 5):
        (folder / f"IMG_{number:04}.jpg").write_bytes(landscape(number))
    page.get_by_label("Files").set_input_files(sorted(folder.iterdir()))
    expect(page.locator("[data-slot=files]")).to_have_text("4 of 4 files", timeout=20_000)


def big_enough(page, size):
    """On a phone a thumb must hit it."""
    if size == "phone":
        for control in page.locator("button:visible:not(.select-month), input:visible:not([type=checkbox]), select:visible").all():
            assert control.bounding_box()["height"] >= 40, control


def test_nothing_jumps_while_the_overview_loads(household, chromium):
    """Chromium's own measure of what moved without being touched."""
    visitor = Visitor(chromium, household, **DESK)
    try:
        visitor.page.add_init_script(
            "window.moved = 0; new PerformanceObserver(list => list.getEntries().forEach(entry => { moved += entry.value; }))"
            ".observe({type: 'layout-shift', buffered: true})")
        page = visitor.enter()
        expect(page.locator(".device").first).to_be_visible()
        assert page.evaluate("moved") < 0.05
    finally:
        visitor.close()


@pytest.mark.parametrize("place", ["", "#/devices", "#/activity", "#/upload", "#/people", "#/account", "#/alerts"])
def test_tab_goes_through_in_order_and_can_be_seen(household, chromium, place):
    visitor = Visitor(chromium, household, **DESK)
    try:
        page = visitor.enter(place)
        expect(page.locator("main h1")).to_be_visible()
        page.evaluate("document.activeElement.blur(); window.stops = []")
        for _ in range(25):
            page.keyboard.press("Tab")
            page.evaluate("stops.push(document.activeElement)")
        wrong = page.evaluate(
            """() => {
              const wrong = [];
              stops.forEach((stop, at) => {
                if (stop === document.body) return;
                const before = stops[at - 1];
                if (before === stop && ['time', 'date'].includes(stop.type)) return; // hour, minute and the clock are a stop each
                if (before && before !== document.body && !(before.compareDocumentPosition(stop) & Node.DOCUMENT_POSITION_FOLLOWING)) wrong.push(`back to ${stop.outerHTML.slice(0, 80)}`);
              });
              const style = getComputedStyle(document.activeElement);
              if (document.activeElement !== document.body && (style.outlineStyle === 'none' || parseFloat(style.outlineWidth) < 2)) wrong.push('no ring');
              return wrong;
            }""")
        assert wrong == []
    finally:
        visitor.close()


def test_motion_can_be_switched_off(household, chromium):
    visitor = Visitor(chromium, household, reduced_motion="reduce", **DESK)
    try:
        page = visitor.enter()
        expect(page.locator(".device").first).to_be_visible()
        assert page.evaluate("getComputedStyle(document.querySelector('.screen > *')).animationName") == "none"
    finally:
        visitor.close()


def test_what_happens_hundreds_of_times_a_second_is_drawn_once_a_second(admin, inside):
    _, page = inside("#/activity")
    admin.store(media.jpeg("first"), "first.jpg")
    expect(page.get_by_text("first.jpg")).to_be_visible()
    drawn = page.evaluate(
        """async () => {
          const { events } = await import('/core/events.js');
          const now = () => document.body.textContent.includes('burst 299.jpg');
          for (let id = 0; id < 300; id += 1) events.dispatchEvent(new CustomEvent('activity', { detail: { id: `${1e9 + id}`, kind: 'stored', at: new Date().toISOString(), name: `burst ${id}.jpg`, bytes: 1 } }));
          return now();
        }""")
    assert drawn is False
    expect(page.get_by_text("burst 299.jpg")).to_be_visible()


def test_what_reads_the_page_aloud_is_told_to_wait_for_a_screen(library, inside):
    _, page = inside("#/photos")
    held = []
    page.route("**/api/albums", lambda route: held.append(route))
    page.get_by_role("link", name="Albums").click()
    expect(page.locator("main[aria-busy=true]")).to_have_count(1)
    until(lambda: held or page.wait_for_timeout(20), 30, "the question for the albums")
    held.pop().continue_()
    expect(page.locator("main h1")).to_have_text("Albums")
    expect(page.locator("main[aria-busy]")).to_have_count(0)
