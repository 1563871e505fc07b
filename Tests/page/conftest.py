import io
import os
import pathlib
import shutil

import pytest
from harness import client
from harness.process import REPOSITORY, Nightstand, until
from pictures import landscape
from PIL import Image
from playwright.sync_api import expect, sync_playwright

CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
IMAGES = REPOSITORY / "docs" / "images"
RULES = pathlib.Path(__file__).with_name("rules.js").read_text()
NAME, EMAIL, PASSWORD = "Anna", "anna@example.org", client.PASSWORD
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True, "device_scale_factor": 2}
DESK = {"viewport": {"width": 1200, "height": 800}}
# A screen that comes at all comes within this: other suites, kills and encoders share the cores with the browser.
expect.set_options(timeout=30_000)


class Founded:
    """A server on which Anna has signed up: made once, copied for each test. Her two logins hold on every copy."""

    def __init__(self, folder, chromium):
        self.data = folder / "data"
        server = Nightstand(self.data, "--resources", REPOSITORY).start()
        try:
            client.sign_up(server, EMAIL, NAME, PASSWORD)
            self.fields = client.log_in(server, EMAIL, PASSWORD)[0].fields
            context = chromium.new_context(base_url=server.url)
            log_in(context, EMAIL, PASSWORD)
            self.browser = context.storage_state()
            context.close()
            server.stop()
        finally:
            server.close()


@pytest.fixture(scope="session")
def founded(tmp_path_factory, chromium):
    return Founded(tmp_path_factory.mktemp("founded"), chromium)


class Stocked:
    """The same with five landscapes, one a day before the 28th of February 2026, and their small pictures made."""

    def __init__(self, folder, founded):
        self.data = folder / "data"
        shutil.copytree(founded.data, self.data)
        server = Nightstand(self.data, "--resources", REPOSITORY).start()
        try:
            anna = client.Client(server, **founded.fields)
            self.ids = [anna.store(landscape(number), f"view {number}.jpg", fileCreatedAt=f"2026-02-{27 - number}T12:00:00.000Z") for number in range(5)]
            until(lambda: all(anna.get(f"/api/assets/{one}/thumbnail").status == 200 for one in self.ids), 300, "small pictures")
            anna.close()
            server.stop()
        finally:
            server.close()


@pytest.fixture(scope="session")
def stocked(tmp_path_factory, founded):
    return Stocked(tmp_path_factory.mktemp("stocked"), founded)


@pytest.fixture
def options():
    """Further options and variables of the test's server; tests say theirs."""
    return [], {}


@pytest.fixture
def server(tmp_path, request, options):
    """A server of the test's own: with Anna's `library` or with Anna as `admin` where the test speaks of them, else without users."""
    data = tmp_path / "data"
    template = {"library": "stocked", "admin": "founded"}
    if found := [name for one, name in template.items() if one in request.fixturenames]:
        shutil.copytree(request.getfixturevalue(found[0]).data, data)
    words, environment = options
    server = Nightstand(data, "--resources", REPOSITORY, *words, environment=environment)
    server.start()
    yield server
    server.close()


@pytest.fixture
def admin(server, founded):
    """A login of Anna's; she is the admin."""
    return client.Client(server, **founded.fields)


@pytest.fixture
def library(admin, stocked):
    """The ids of Anna's five photos, newest first."""
    return stocked.ids


@pytest.fixture(scope="session")
def chromium():
    with sync_playwright() as playwright:
        # Chromium refuses to sandbox for root, and containers have no user namespaces.
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


def log_in(context, email, password):
    answer = context.request.post("/api/auth/login", data={"email": email, "password": password})
    assert answer.status == 201, answer.text()


class Visitor:
    """One browser window. What it should never do is collected and looked at when the test ends."""

    def __init__(self, chromium, server, **options):
        self.url = server.url
        self.context = chromium.new_context(base_url=server.url, locale="en-GB", timezone_id="Europe/Berlin", **options)
        self.context.set_default_timeout(30_000)
        self.page = self.context.new_page()
        self.devtools = None
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
        log_in(self.context, email, password)
        page = self.open(place)
        expect(page.locator("main h1")).to_be_visible()
        return page

    def accessible(self):
        """Holds the screen against the rules, and against its own width."""
        # The screen that a click asked for may still be on its way, with nothing of it drawn yet.
        expect(self.page.locator("main:not([aria-busy=true]) h1")).to_have_count(1)
        self.page.evaluate("Promise.allSettled(document.getAnimations().map(animation => animation.finished))")
        # Also what a click asked for a moment ago may begin only now. What is broken for good stays so.
        broken = []

        def hold():
            broken[:] = self.page.evaluate(RULES)
            return not broken

        try:
            until(hold, 3)
        except AssertionError:
            assert broken == []
            raise
        assert self.page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "wider than the screen"

    def picture(self, name):
        """A screenshot for the documentation, where `make screenshots` asked for it."""
        if os.environ.get("UPDATE_SCREENSHOTS"):
            IMAGES.mkdir(exist_ok=True)
            self.page.evaluate("document.activeElement?.blur()")
            self.page.mouse.move(0, 0)
            shot = self.page.screenshot(animations="disabled", scale="css")
            # A third of the bytes of PNG, with all of its colours.
            Image.open(io.BytesIO(shot)).convert("RGB").save(IMAGES / f"{name}.webp", quality=88, method=6)

    def network(self, latency=0, upload=-1):
        """From now on every answer takes `latency` ms longer, and the page sends `upload` bytes a second (-1: as many as it can)."""
        if not self.devtools:
            self.devtools = self.context.new_cdp_session(self.page)
            self.devtools.send("Network.enable")
            self.devtools.send("Network.setCacheDisabled", {"cacheDisabled": True})
        self.devtools.send("Network.emulateNetworkConditions", {
            "offline": False, "latency": latency, "downloadThroughput": -1, "uploadThroughput": upload})

    def slow_phone(self):
        """From now on the processor is four times slower, and the network that of a phone: 50 ms, 10 Mbit/s. Nothing is cached."""
        self.network(latency=50)
        self.devtools.send("Network.emulateNetworkConditions", {
            "offline": False, "latency": 50, "downloadThroughput": 1_250_000, "uploadThroughput": 375_000})
        self.devtools.send("Emulation.setCPUThrottlingRate", {"rate": 4})
        self.devtools.send("Performance.enable")

    def script_seconds(self):
        """That scripts of the page as it was loaded last took so far."""
        metrics = self.devtools.send("Performance.getMetrics")["metrics"]
        return next(one["value"] for one in metrics if one["name"] == "ScriptDuration")

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
def inside(admin, founded, visit):
    """inside("#/photos") is a visitor who is Anna, and the page at that screen."""

    def enter(place="", **options):
        visitor = visit(storage_state=founded.browser, **options)
        page = visitor.open(place)
        expect(page.locator("main h1")).to_be_visible()
        return visitor, page

    return enter
