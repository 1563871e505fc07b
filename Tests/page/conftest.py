import io
import os
import pathlib

import pytest
from harness import client
from harness.process import REPOSITORY, Nightstand
from PIL import Image
from playwright.sync_api import expect, sync_playwright

CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
IMAGES = REPOSITORY / "docs" / "images"
RULES = pathlib.Path(__file__).with_name("rules.js").read_text()
NAME, EMAIL, PASSWORD = "Anna", "anna@example.org", client.PASSWORD
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True, "device_scale_factor": 2}
DESK = {"viewport": {"width": 1200, "height": 800}}


@pytest.fixture
def server(tmp_path):
    """A fresh server without users."""
    server = Nightstand(tmp_path / "data", "--resources", REPOSITORY)
    server.start()
    yield server
    server.close()


@pytest.fixture
def admin(server):
    """Anna's login; she is the admin."""
    client.sign_up(server, EMAIL, NAME, PASSWORD)
    return client.log_in(server, EMAIL, PASSWORD)[0]


@pytest.fixture(scope="session")
def chromium():
    with sync_playwright() as playwright:
        # Chromium refuses to sandbox for root, and containers have no user namespaces.
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


class Visitor:
    """One browser window. What it should never do is collected and looked at when the test ends."""

    def __init__(self, chromium, server, **options):
        self.url = server.url
        self.context = chromium.new_context(base_url=server.url, locale="en-GB", timezone_id="Europe/Berlin", **options)
        self.context.set_default_timeout(15_000)
        self.page = self.context.new_page()
        self.complaints = []
        self.expected_statuses = set()
        self.page.on("console", self._console)
        self.page.on("pageerror", lambda error: self.complaints.append(f"script error: {error}"))
        self.page.on("request", self._request)
        self.page.on("response", self._response)

    def _console(self, message):
        # A refused request is logged by the browser itself; `_response` judges those.
        if message.type in ("error", "warning") and "Failed to load resource" not in message.text:
            self.complaints.append(f"console {message.type}: {message.text}")

    def _request(self, request):
        if not request.url.startswith((self.url + "/", "data:", f"blob:{self.url}/")):
            self.complaints.append(f"request to another place: {request.url}")

    def _response(self, response):
        if response.status >= 400 and response.status not in self.expected_statuses:
            self.complaints.append(f"{response.status} for {response.url}")

    def open(self, place=""):
        self.page.goto(f"/{place}")
        return self.page

    def enter(self, place="", email=EMAIL, password=PASSWORD):
        """Logs in behind the page's back, and opens a screen."""
        answer = self.context.request.post("/api/auth/login", data={"email": email, "password": password})
        assert answer.status == 201, answer.text()
        page = self.open(place)
        expect(page.locator("main h1")).to_be_visible(timeout=15_000)
        return page

    def accessible(self):
        """Holds the screen against the rules, and against its own width."""
        expect(self.page.locator("main h1")).to_have_count(1)
        self.page.evaluate("Promise.allSettled(document.getAnimations().map(animation => animation.finished))")
        assert self.page.evaluate(RULES) == []
        assert self.page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "wider than the screen"

    def picture(self, name):
        """A screenshot for the documentation, where `make screenshots` asked for it."""
        if os.environ.get("UPDATE_SCREENSHOTS"):
            IMAGES.mkdir(exist_ok=True)
            self.page.evaluate("document.activeElement?.blur()")
            self.page.mouse.move(0, 0)
            shot = self.page.screenshot(animations="disabled", scale="css")
            # 256 colours are enough for a page, and a third of the bytes.
            Image.open(io.BytesIO(shot)).convert("RGB").quantize(256, dither=Image.Dither.FLOYDSTEINBERG).save(IMAGES / name, optimize=True)

    def close(self):
        self.context.close()
        assert self.complaints == []


@pytest.fixture
def visit(chromium, server):
    """visit(**options) opens a window; the options are Playwright's, such as `color_scheme`."""
    visitors = []

    def open_window(**options):
        visitors.append(Visitor(chromium, server, **({**DESK, **options})))
        return visitors[-1]

    yield open_window
    for visitor in visitors:
        visitor.close()


@pytest.fixture
def inside(admin, visit):
    """inside("#/photos") is a visitor who is Anna, and the page at that screen."""

    def enter(place="", **options):
        visitor = visit(**options)
        return visitor, visitor.enter(place)

    return enter
