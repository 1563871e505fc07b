"""The admin page in a real browser: first run, login, key, and how it looks in the dark and on a phone."""

import pytest
from harness import client, media
from playwright.sync_api import expect

NAME, EMAIL, PASSWORD = "Anna", "anna@example.org", client.PASSWORD
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}


def fill_first_run(page, again=PASSWORD):
    page.get_by_label("Name").fill(NAME)
    page.get_by_label("E-mail").fill(EMAIL)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_label("Password again").fill(again)


def log_in(page, password=PASSWORD):
    page.get_by_label("E-mail").fill(EMAIL)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Log in").click()



@pytest.fixture
def admin(server):
    client.sign_up(server, EMAIL, NAME, PASSWORD)
    return client.log_in(server, EMAIL, PASSWORD)[0]


def test_first_run_to_first_upload(server, visit):
    """Sign-up, key, reload, upload with that key, log out: one visit of a new admin."""
    visitor = visit(permissions=["clipboard-read", "clipboard-write"])
    page = visitor.open()
    expect(page.get_by_role("heading", name="Welcome")).to_be_visible()
    expect(page.get_by_role("status")).to_contain_text("Running")
    visitor.picture("first-run.png")

    fill_first_run(page)
    page.get_by_role("button", name="Create the admin").click()
    expect(page.get_by_role("heading", name=f"All set, {NAME}")).to_be_visible()
    expect(page.locator("[data-slot=photos]")).to_have_text("0")
    expect(page.get_by_role("contentinfo")).to_contain_text("speaks Immich API 3.1.0")
    assert page.get_by_label("Server address").input_value() == server.url
    assert page.evaluate("document.cookie") == "immich_is_authenticated=true", "the token is not for scripts"

    page.get_by_label("What is it for?").fill("Laptop")
    page.get_by_role("button", name="Make a key").click()
    key = page.get_by_label("API key")
    expect(key).to_be_visible()
    secret = key.input_value()
    page.locator("[data-copy=secret]").click()
    expect(page.locator("[data-copy=secret]")).to_have_text("Copied")
    assert page.evaluate("navigator.clipboard.readText()") == secret

    program = client.Client(server, x_api_key=secret)
    program.store(media.jpeg("page"))
    program.store(media.mov("page"), "clip.mov")

    page.reload()
    expect(page.get_by_role("heading", name=f"Hello, {NAME}")).to_be_visible()
    expect(page.locator("[data-slot=photos]")).to_have_text("1")
    expect(page.locator("[data-slot=videos]")).to_have_text("1")
    assert secret not in page.content(), "the key is shown once"
    assert page.get_by_label("API key").is_hidden()

    page.get_by_role("button", name="Log out").click()
    expect(page.get_by_role("heading", name="Log in")).to_be_visible()
    assert page.evaluate("document.cookie") == ""
    page.reload()
    expect(page.get_by_role("heading", name="Log in")).to_be_visible()


def test_passwords_that_differ_create_nobody(server, visit):
    page = visit().open()
    fill_first_run(page, again="something else")
    page.get_by_role("button", name="Create the admin").click()
    expect(page.get_by_role("alert")).to_have_text("The two passwords differ.")
    expect(page.get_by_label("Password again")).to_be_focused()
    assert client.Client(server).get("/api/server/config").json()["isInitialized"] is False


def test_login_wrong_then_right(admin, visit):
    visitor = visit()
    visitor.expected_statuses = {401}
    page = visitor.open()
    log_in(page, "not the password")
    expect(page.get_by_role("alert")).to_contain_text("nightstand user password")
    expect(page.get_by_label("Password")).to_be_focused()
    log_in(page)
    expect(page.get_by_role("heading", name=f"Hello, {NAME}")).to_be_visible()


def test_a_login_that_ended_elsewhere_leads_to_the_form(admin, server, visit):
    visitor = visit()
    page = visitor.open()
    log_in(page)
    expect(page.get_by_role("heading", name=f"Hello, {NAME}")).to_be_visible()
    token = next(cookie["value"] for cookie in visitor.context.cookies() if cookie["name"] == "immich_access_token")
    client.Client(server, Authorization=f"Bearer {token}").post("/api/auth/logout")

    visitor.expected_statuses = {401}
    page.reload()
    expect(page.get_by_role("heading", name="Log in")).to_be_visible()


def test_a_stopped_server_is_named_and_found_again(admin, server, visit):
    visitor = visit()
    page = visitor.open()
    log_in(page)
    expect(page.get_by_role("heading", name=f"Hello, {NAME}")).to_be_visible()
    # As if the network were gone: the page itself is already loaded.
    visitor.context.set_offline(True)
    page.get_by_role("button", name="Log out").click()
    expect(page.get_by_role("heading", name="No answer")).to_be_visible()
    expect(page.get_by_role("status")).to_have_text("No answer")
    visitor.context.set_offline(False)
    page.get_by_role("button", name="Try again").click()
    expect(page.get_by_role("heading", name=f"Hello, {NAME}")).to_be_visible()


def test_the_keyboard_is_enough(server, visit):
    """The first field has the focus; Tab goes through the form in order, and Enter sends it."""
    page = visit().open()
    expect(page.get_by_label("Name")).to_be_focused()
    for text in (NAME, EMAIL, PASSWORD):
        page.keyboard.type(text)
        page.keyboard.press("Tab")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name=f"All set, {NAME}")).to_be_visible()


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
    hostile = "<img src=x onerror=document.title='owned'>"
    client.sign_up(server, EMAIL, hostile, PASSWORD)
    page = visit().open()
    log_in(page)
    expect(page.get_by_role("heading", level=1)).to_have_text(f"Hello, {hostile}")
    assert page.title() == "Nightstand"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", ["desk", "phone"])
def test_it_fits_and_can_be_read(admin, visit, scheme, size):
    """Nothing is wider than the screen, text stands out from its ground, and controls are big enough for a thumb."""
    for number in range(3):
        admin.store(media.jpeg(f"look {number}"), f"look {number}.jpg")
    visitor = visit(color_scheme=scheme, **(PHONE if size == "phone" else {}))
    page = visitor.open()
    log_in(page)
    expect(page.locator("[data-slot=photos]")).to_have_text("3")
    visitor.picture(f"overview-{scheme}{'-phone' if size == 'phone' else ''}.png")

    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    ground, text = page.evaluate("[getComputedStyle(document.body).backgroundColor, getComputedStyle(document.body).color]")
    assert contrast(ground, text) >= 7
    assert (luminance(ground) < 0.1) == (scheme == "dark")
    for control in page.locator("button:visible, input:visible").all():
        assert control.bounding_box()["height"] >= 40, control


def test_the_page_does_not_jump_while_it_loads(admin, visit):
    """Chromium's own measure of what moved without being touched."""
    visitor = visit()
    visitor.page.add_init_script(
        "window.moved = 0; new PerformanceObserver(list => list.getEntries().forEach(entry => { moved += entry.value; }))"
        ".observe({type: 'layout-shift', buffered: true})")
    page = visitor.open()
    log_in(page)
    expect(page.locator("[data-slot=photos]")).to_have_text("0")
    page.reload()
    expect(page.locator("[data-slot=photos]")).to_have_text("0")
    assert page.evaluate("moved") < 0.02


def luminance(color):
    """Relative luminance of `rgb(r, g, b)`, WCAG 2."""
    parts = [int(part) / 255 for part in color[color.index("(") + 1 : -1].split(",")[:3]]
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one, other):
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)
