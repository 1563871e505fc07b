"""What others may not do to the page."""

from conftest import EMAIL, PASSWORD
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
