import os

import pytest
from harness.process import REPOSITORY, Nightstand
from playwright.sync_api import sync_playwright

CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
IMAGES = REPOSITORY / "docs" / "images"


@pytest.fixture
def server(tmp_path):
    """A fresh server without users."""
    server = Nightstand(tmp_path / "data", "--resources", REPOSITORY)
    server.start()
    yield server
    server.close()


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
        self.context = chromium.new_context(base_url=server.url, **options)
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
        if not request.url.startswith((self.url + "/", "data:")):
            self.complaints.append(f"request to another place: {request.url}")

    def _response(self, response):
        if response.status >= 400 and response.status not in self.expected_statuses:
            self.complaints.append(f"{response.status} for {response.url}")

    def open(self):
        self.page.goto("/")
        return self.page

    def picture(self, name):
        """A screenshot for the documentation, where `make screenshots` asked for it."""
        if os.environ.get("UPDATE_SCREENSHOTS"):
            IMAGES.mkdir(exist_ok=True)
            self.page.evaluate("document.activeElement?.blur()")
            self.page.screenshot(path=IMAGES / name, animations="disabled")

    def close(self):
        self.context.close()
        assert self.complaints == []


@pytest.fixture
def visit(chromium, server):
    """visit(**options) opens a window; the options are Playwright's, such as `color_scheme`."""
    visitors = []

    def open_window(**options):
        options.setdefault("viewport", {"width": 1100, "height": 720})
        visitors.append(Visitor(chromium, server, **options))
        return visitors[-1]

    yield open_window
    for visitor in visitors:
        visitor.close()
