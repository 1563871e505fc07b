"""What others may not do to the page."""

import pytest
from conftest import DESK, EMAIL, PASSWORD, PHONE
from harness import client, media
from playwright.sync_api import expect

HOSTILE = "<img src=x onerror=document.title='owned'>"


def test_only_the_server_itself_may_put_scripts_into_the_page(server, visit):
    policy = client.Client(server).get("/", checked=False).header("Content-Security-Policy")
    assert "default-src 'none'" in policy and "script-src 'self'" in policy and "unsafe" not in policy
    visitor = visit()
    page = visitor.open()
    expect(page.get_by_role("heading", name="Welcome")).to_be_visible()
    with page.expect_console_message(lambda message: "Content Security Policy" in message.text):
        page.evaluate(
            "document.body.append(Object.assign(document.createElement('script'), {textContent: 'window.owned = 1'}))")
    assert page.evaluate("typeof window.owned") == "undefined"
    visitor.complaints.clear()  # the browser's word on what the test itself did


def test_names_are_text_and_never_markup(server, visit):
    client.sign_up(server, EMAIL, HOSTILE, PASSWORD)
    anna, _ = client.log_in(server, EMAIL, PASSWORD)
    photo = anna.store(media.jpeg("hostile"), f"{HOSTILE.replace('/', '')}.jpg")
    album = anna.post("/api/albums", {"albumName": HOSTILE, "description": HOSTILE, "assetIds": [photo]}).json()["id"]
    client.api_key(anna, name=HOSTILE)
    visitor = visit()
    page = visitor.enter()
    expect(page.get_by_role("heading", level=1)).to_have_text(f"Hello, {HOSTILE}")
    for place in ("devices", "activity", "albums", f"albums/{album}", "keys", "people", "account", f"photos/{photo}"):
        page.goto(f"/#/{place}")
        expect(page.locator("main h1")).to_be_visible()
        expect(page.get_by_text("onerror").first).to_be_attached()
        assert page.locator("img[src=x]").count() == 0
    assert page.title() == "Nightstand"


@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
def test_long_names_without_a_blank_break(admin, inside, size):
    """A name is somebody's word: it must not push the page of everybody else off the screen."""
    name = "W" * 190
    admin.post("/api/admin/users", {"email": "ben@example.org", "name": name, "password": PASSWORD, "shouldChangePassword": False})
    phone, _ = client.log_in(admin.server, "ben@example.org", PASSWORD, User_Agent="immich-android/3.1.0", deviceModel="Pixel 8")
    phone.patch("/api/backup/devices/me", {"name": name})
    phone.post("/api/backup/devices/me/check-in", {"permission": "limited", "failures": [{"name": f"{name}.jpg", "reason": name}]})
    device = phone.get("/api/backup/devices/me").json()["id"]
    phone.close()
    photo = admin.store(media.jpeg("long"), f"{name}.jpg")
    album = admin.post("/api/albums", {"albumName": name, "description": name, "assetIds": [photo]}).json()["id"]
    client.api_key(admin, name=name)
    visitor, page = inside(**size)
    for place in ("", "devices", f"devices/{device}", "activity", "albums", f"albums/{album}", "keys", "people", "upload"):
        page.goto(f"/#/{place}")
        expect(page.locator("main h1")).to_be_visible()
        expect(page.get_by_text(name[:50]).first).to_be_attached() if place != "upload" else None
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), place
