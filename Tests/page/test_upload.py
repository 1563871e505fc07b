"""Upload from the browser: what becomes of each file, and that neither a dead server nor a reload loses anything."""

import contextlib
import hashlib

import pytest
from conftest import DESK, Visitor
from harness import media, proxies
from harness.process import until
from playwright.sync_api import Error, expect


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "camera"
    folder.mkdir()
    return folder


def files(folder, count, edge=64):
    """So many photos on disk."""
    made = []
    for number in range(count):
        path = folder / f"IMG_{number:04}.jpg"
        path.write_bytes(media.jpeg(f"upload {number}", edge))
        made.append(path)
    return made


def done(page, text, limit=60_000):
    expect(page.locator("[data-slot=files]")).to_have_text(text, timeout=limit)


def test_each_file_has_a_result_and_a_reason(admin, inside, folder):
    first, second, third = files(folder, 3)
    admin.store(first.read_bytes())
    note, empty = folder / "note.txt", folder / "empty.jpg"
    note.write_text("not a photo")
    empty.touch()
    visitor, page = inside("#/upload")
    visitor.expected_statuses = {400, 415}
    visitor.accessible()
    page.get_by_label("Files").set_input_files([first, second, third, note, empty])
    done(page, "5 of 5 files")
    expect(page.get_by_role("heading", name="Done, but for 2 files")).to_be_visible()
    for name, state in {first.name: "duplicate", second.name: "stored", third.name: "stored", "note.txt": "rejected", "empty.jpg": "rejected"}.items():
        expect(page.locator(".results li", has_text=name)).to_have_attribute("data-state", state)
    expect(page.locator("li", has_text="note.txt")).to_contain_text("Unsupported file type")
    expect(page.locator("li", has_text="empty.jpg")).to_contain_text("empty")
    expect(page.get_by_text("1 file (", exact=False)).to_contain_text("already here")
    visitor.accessible()
    assert admin.count() == 3
    page.get_by_role("link", name=second.name).click()
    expect(page.get_by_role("dialog")).to_be_visible()


def test_the_bytes_and_the_dates_arrive(admin, inside, folder):
    import os
    (path,) = files(folder, 1)
    os.utime(path, (1_600_000_000, 1_600_000_000))
    _, page = inside("#/upload")
    page.get_by_label("Files").set_input_files([path])
    done(page, "1 of 1 file")
    (asset,) = admin.post("/api/search/metadata", {}).json()["assets"]["items"]
    assert asset["originalFileName"] == path.name
    assert asset["fileCreatedAt"].startswith("2020-09-13")
    assert admin.original(asset["id"]).body == path.read_bytes()


def test_a_folder_comes_with_all_that_is_in_it(admin, inside, folder):
    inner = folder / "DCIM" / "100"
    inner.mkdir(parents=True)
    files(folder, 2)
    (inner / "deep.jpg").write_bytes(media.jpeg("deep"))
    (folder / ".DS_Store").write_bytes(b"litter")
    _, page = inside("#/upload")
    page.get_by_label("A folder").set_input_files(folder)
    done(page, "3 of 3 files")
    expect(page.get_by_text("camera/DCIM/100/deep.jpg")).to_be_visible()
    assert admin.count() == 3


def test_files_can_be_dropped(admin, inside):
    _, page = inside("#/upload")
    expect(page.get_by_role("button", name="Choose files")).to_be_visible()
    picture = list(media.jpeg("dropped"))
    page.evaluate(
        """(bytes) => {
          const transfer = new DataTransfer();
          transfer.items.add(new File([new Uint8Array(bytes)], 'dropped.jpg', { type: 'image/jpeg' }));
          window.dispatchEvent(new DragEvent('drop', { dataTransfer: transfer, bubbles: true, cancelable: true }));
        }""", picture)
    done(page, "1 of 1 file")
    assert admin.count() == 1


@pytest.mark.timeout(240)
def test_two_hundred_files_survive_a_killed_server_and_a_reload(server, admin, inside, folder):
    """kill -9 in the middle, a start on the same port, and then the page is loaded anew: everything is there, once."""
    made = files(folder, 200, edge=100)
    film = folder / "film.mov"
    film.write_bytes(media.mov("film", 30_000_000))
    visitor, page = inside("#/upload")
    visitor.expected_statuses = {401, 503}
    page.get_by_label("Files").set_input_files([*made, film])
    until(lambda: admin.count() > 20, 60, "the first photos")
    port = server.port
    server.kill()
    expect(page.get_by_text("The connection broke off. Tries again.").first).to_be_visible()
    server.options += ["--port", str(port)]
    server.start()
    admin.close()
    until(lambda: admin.count() > 60, 60, "more photos after the start")
    assert admin.count() < 201, "too fast: the reload would prove nothing"
    page.reload()
    done(page, "201 of 201 files", 120_000)
    expect(page.get_by_role("heading", name="All done")).to_be_visible()
    assert admin.count() == 201
    wanted = [hashlib.sha1(path.read_bytes()).hexdigest() for path in [*made, film]]
    assert all(result["action"] == "reject" for result in admin.check(*wanted))
    assert admin.get("/api/backup/uploads").json() == []


@pytest.mark.parametrize("end", ["reload", "break"])
def test_a_creation_whose_answer_was_lost_is_gone_on_with(admin, inside, folder, end):
    """The server began the upload, and the page never heard of it: nothing is begun twice, nothing is left lying."""
    visitor, page = inside("#/upload")
    begun = []

    def lose(route):
        if route.request.method != "POST":
            return route.continue_()
        begun.append(route.fetch().status)
        return route.abort() if end == "break" else None  # else it hangs until the page is left

    page.route("**/api/backup/uploads", lose)
    page.get_by_label("Files").set_input_files(files(folder, 1))
    until(lambda: begun or page.wait_for_timeout(20), 60, "the creation")
    assert len(admin.get("/api/backup/uploads").json()) == 1
    if end == "reload":
        page.reload()
    done(page, "1 of 1 file")
    assert begun == [201], "it was begun once"
    assert admin.count() == 1
    assert admin.get("/api/backup/uploads").json() == []


@pytest.mark.timeout(120)
def test_a_large_file_goes_on_when_it_is_chosen_again(admin, inside, folder):
    """Too large for the browser to keep: after a reload it waits, and the bytes that arrived are not sent again."""
    film = folder / "long film.mov"
    film.write_bytes(media.mov("long") + media.noise("long", 50_000_000) * 6)
    visitor, page = inside("#/upload")
    page.on("dialog", lambda dialog: dialog.accept())  # the browser asks before it leaves what would have to be chosen again
    page.get_by_label("Files").set_input_files([film])
    until(lambda: any(one["offset"] > 0 for one in admin.get("/api/backup/uploads").json()), 60, "the first bytes")
    page.reload()
    expect(page.get_by_text("Unfinished since the last visit: 1 file")).to_be_visible()
    visitor.accessible()
    held = admin.get("/api/backup/uploads").json()[0]["offset"]
    sent = []
    page.on("request", lambda request: sent.append(int(request.headers["upload-offset"])) if request.method == "PATCH" else None)
    page.get_by_label("Files").set_input_files([film])
    done(page, "1 of 1 file", 90_000)
    assert min(sent) >= held > 0
    assert admin.count() == 1


def test_it_pauses_and_goes_on(admin, inside, folder):
    made = files(folder, 60)
    _, page = inside("#/upload")
    # Counted in the page: the browser reports requests later than it shows what they led to.
    page.evaluate("() => { window.sent = 0; const send = XMLHttpRequest.prototype.send;"
                  " XMLHttpRequest.prototype.send = function (body) { window.sent += 1; return send.call(this, body); }; }")
    page.get_by_label("Files").set_input_files(made)
    page.wait_for_function("() => window.sent > 0")
    page.get_by_role("button", name="Pause").click()
    expect(page.get_by_role("heading", name="Paused")).to_be_visible()
    sent = page.evaluate("window.sent")
    page.wait_for_timeout(1500)  # nothing is to happen, for which nothing can be waited
    assert page.evaluate("window.sent") == sent and admin.count() < 60
    page.get_by_role("button", name="Go on").click()
    done(page, "60 of 60 files")
    assert admin.count() == 60


def test_it_goes_on_while_other_screens_are_looked_at(admin, inside, folder):
    made = files(folder, 40)
    _, page = inside("#/upload")
    page.get_by_label("Files").set_input_files(made)
    page.get_by_role("link", name="API keys").click()
    until(lambda: admin.count() == 40, 60, "all photos")


def test_the_screen_stays_on_while_something_is_sent(admin, inside, folder, visit):
    made = files(folder, 10)
    visitor = visit()
    visitor.page.add_init_script(
        "window.locks = []; navigator.wakeLock.request = async (kind) => {"
        "  const lock = new EventTarget(); lock.release = async () => { locks.push('released'); lock.dispatchEvent(new Event('release')); };"
        "  locks.push(kind); return lock; }")
    page = visitor.enter("#/upload")
    page.get_by_label("Files").set_input_files(made)
    done(page, "10 of 10 files")
    until(lambda: page.evaluate("locks") == ["screen", "released"], 60, "the screen may sleep again")


def test_a_button_may_be_pressed_slowly(admin, inside, folder):
    """What is drawn anew four times a second does not slip away under a finger."""
    made = files(folder, 120)
    _, page = inside("#/upload")
    page.get_by_label("Files").set_input_files(made)
    page.get_by_role("button", name="Pause").hover()
    page.mouse.down()
    before = admin.count()
    until(lambda: admin.count() > before + 5, 30, "some more photos while the button is down")
    page.mouse.up()
    expect(page.get_by_role("heading", name="Paused")).to_be_visible()
    assert admin.count() < 120, "too fast: this proved nothing"


def test_nothing_goes_into_the_account_of_whoever_logs_in_next(server, admin, inside, folder):
    admin.post("/api/admin/users", {"email": "ben@example.org", "name": "Ben", "password": "a password for ben"})
    made = files(folder, 120)
    visitor, page = inside("#/upload")
    visitor.expected_statuses = {401}
    begun, held = [], []

    def hold(route):  # what comes behind the first ones is under way for as long as somebody looks
        begun.append(route.request.method)
        return route.continue_() if begun.count("POST") <= 20 else held.append(route)

    page.route("**/api/backup/uploads", hold)
    page.get_by_label("Files").set_input_files(made)
    until(lambda: admin.count() > 5 or page.wait_for_timeout(20), 60, "the first photos")
    page.get_by_role("link", name="Anna", exact=True).click()
    page.get_by_role("button", name="Log out").click()
    # What has not arrived is forgotten here, and she is asked.
    page.get_by_role("dialog").get_by_role("button", name="Log out").click()
    expect(page.get_by_role("heading", name="Log in")).to_be_visible()  # the account has an e-mail field too
    # From here on nothing stands in the way of what the page may still send.
    page.unroute("**/api/backup/uploads")
    for route in held:
        with contextlib.suppress(Error):  # its request was given up
            route.continue_()
    page.get_by_label("E-mail").fill("ben@example.org")
    page.get_by_label("Password").fill("a password for ben")
    page.get_by_role("button", name="Log in").click()
    page.get_by_role("link", name="Upload", exact=True).click()
    expect(page.get_by_role("button", name="Choose files")).to_be_visible()
    ben = visitor.context.request
    assert ben.get("/api/assets/statistics").json()["total"] == 0
    assert page.locator(".results li").count() == 0, "the names are nobody else's business"
    assert admin.count() < 120, "too fast: this proved nothing"

    page.get_by_role("link", name="Ben", exact=True).click()
    page.get_by_role("button", name="Log out").click()
    expect(page.get_by_role("heading", name="Log in")).to_be_visible()
    page.get_by_label("E-mail").fill("anna@example.org")
    page.get_by_label("Password").fill("correct horse battery")
    page.get_by_role("button", name="Log in").click()
    page.get_by_role("link", name="Upload", exact=True).click()
    page.get_by_label("Files").set_input_files(made)
    until(lambda: admin.count() == 120, 90, "the rest, for Anna, who chose it again")


def test_what_a_device_began_can_be_discarded(admin, inside):
    film = media.mov("left", 200_000)
    tus = {"Tus-Resumable": "1.0.0"}
    answer = admin.post("/api/backup/uploads", checked=False, fields=tus | {"Upload-Length": str(len(film)), "Upload-Metadata": "filename bGVmdC5tb3Y="})
    admin.patch(answer.header("Location"), body=film[:50_000], checked=False,
                fields=tus | {"Upload-Offset": "0", "Content-Type": "application/offset+octet-stream"})
    visitor, page = inside("#/upload")
    expect(page.get_by_text("left.mov")).to_be_visible()
    expect(page.get_by_text("50 kB of 200 kB", exact=False)).to_be_visible()
    visitor.accessible()
    page.get_by_role("button", name="Discard left.mov").click()
    page.get_by_role("dialog").get_by_role("button", name="Discard it").click()
    expect(page.get_by_text("left.mov")).to_have_count(0)
    assert admin.get("/api/backup/uploads").json() == []


@pytest.fixture
def behind(chromium, founded, server, tmp_path):
    """behind("nginx-default") is Anna's window on the page as that proxy hands it out."""
    opened = []

    def enter(kind):
        proxy = proxies.Proxy(kind, server.port, tmp_path / kind)
        opened.append(proxy)
        proxy.url = f"http://127.0.0.1:{proxy.port}"
        visitor = Visitor(chromium, proxy, storage_state=founded.browser, **DESK)
        opened.append(visitor)
        page = visitor.open("#/upload")
        expect(page.locator("main h1")).to_be_visible()
        return visitor, page

    yield enter
    for each in reversed(opened):
        each.close()


def test_a_proxy_that_takes_1_mib_gets_smaller_pieces(admin, behind, folder):
    """nginx as it comes: the pieces shrink until they pass, and the next file begins with what passed."""
    films = [folder / f"film {number}.mov" for number in range(2)]
    for film in films:
        film.write_bytes(media.mov(film.name, 20_000_000))
    visitor, page = behind("nginx-default")
    visitor.expected_statuses = {413}
    refused = []
    page.on("response", lambda response: response.status == 413 and refused.append(response.url))
    for turn, film in enumerate(films):
        page.get_by_label("Files").set_input_files([film])
        done(page, f"{turn + 1} of {turn + 1} file{'s' if turn else ''}")
        expect(page.locator(".results li", has_text=film.name)).to_have_attribute("data-state", "stored")
        assert len(set(refused)) == 1, "the first file alone found out"
    assert len(refused) == 4, "16, 8, 4 and 2 MiB"
    assert admin.count() == 2


def test_a_proxy_that_takes_next_to_nothing_is_named(admin, behind, folder):
    """Another try would not help: the file fails in words that say whose limit it is."""
    film = folder / "film.mov"
    film.write_bytes(media.mov("refused", 2_000_000))
    visitor, page = behind("nginx-tiny")
    visitor.expected_statuses = {413}
    page.get_by_label("Files").set_input_files([film])
    line = page.locator(".results li", has_text=film.name)
    expect(line).to_have_attribute("data-state", "failed", timeout=60_000)
    expect(line).to_contain_text("A proxy before the server refuses even 512 KiB at once")
    expect(line).to_contain_text("client_max_body_size")
    assert admin.count() == 0
