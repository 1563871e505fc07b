"""Upload from the browser: nothing lands with somebody else, nothing is called done that is not, and no fault holds up the rest."""

import os

import pytest
from conftest import DESK, EMAIL, PASSWORD, Visitor, log_in
from harness import client, media, proxies
from harness.process import until
from playwright.sync_api import expect
from test_upload import done, files

BEN = "ben@example.org"


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "camera"
    folder.mkdir()
    return folder


@pytest.fixture
def ben(server, admin):
    admin.post("/api/admin/users", {"email": BEN, "name": "Ben", "password": PASSWORD, "shouldChangePassword": False})
    session, _ = client.log_in(server, BEN, PASSWORD)
    yield session
    session.close()


def row(page, path):
    return page.locator(".results li", has_text=path.name)


def heading(page, name):
    expect(page.get_by_role("heading", name=name, exact=True)).to_be_visible(timeout=60_000)


def test_a_login_in_another_tab_takes_nothing_of_this_one(admin, ben, inside, folder):
    """The browser sends Ben's cookie with what Anna chose, also where it goes on with an upload that Ben does not have."""
    made = files(folder, 100)
    film = folder / "film.mov"
    film.write_bytes(media.mov("film", 40_000_000))
    ben.store(made[-1].read_bytes())
    visitor, page = inside("#/upload")
    visitor.expected_statuses = {409}
    visitor.network(upload=1_000_000)  # bytes a second: the film is on its way when Ben comes
    page.get_by_label("Files").set_input_files([film, *made])
    until(lambda: admin.count() > 5, 30, "the first photos")
    log_in(visitor.context, BEN, PASSWORD)
    expect(page.get_by_role("link", name="Ben", exact=True)).to_be_visible()
    assert page.locator(".results li").count() == 0, "the names are nobody else's business"
    held = admin.count()
    assert held < 101, "too fast: this proved nothing"
    visitor.network()
    assert ben.count() == 1 and ben.get("/api/backup/uploads").json() == []

    log_in(visitor.context, EMAIL, PASSWORD)
    page.reload()
    done(page, "101 of 101 files")
    assert (admin.count(), ben.count()) == (101, 1)


def test_what_is_chosen_in_a_tab_of_an_earlier_login_stays_out_of_the_next_one(admin, ben, inside, folder):
    (photo,) = files(folder, 1)
    visitor, page = inside("#/upload")
    visitor.expected_statuses = {409}
    expect(page.get_by_role("button", name="Choose files")).to_be_visible()
    log_in(visitor.context, BEN, PASSWORD)
    page.get_by_label("Files").set_input_files([photo])
    expect(page.get_by_role("link", name="Ben", exact=True)).to_be_visible()
    assert (admin.count(), ben.count()) == (0, 0)
    # From here on the page is Ben's, and so is what he chooses.
    page.get_by_label("Files").set_input_files([photo])
    done(page, "1 of 1 file")
    assert (admin.count(), ben.count()) == (0, 1)


def test_another_tab_shows_nobody_else_than_who_is_logged_in(admin, ben, inside):
    """Other tabs hear of a login; one that heard nothing, such as a frozen one, is refused at its next request."""
    visitor, page = inside("#/photos")
    visitor.expected_statuses = {401, 409}
    other = visitor.context.new_page()
    other.goto("/#/account")
    other.get_by_role("button", name="Log out").click()
    expect(page.get_by_label("Password")).to_be_visible()
    other.get_by_label("E-mail").fill(BEN)
    other.get_by_label("Password").fill(PASSWORD)
    other.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("link", name="Ben", exact=True)).to_be_visible()
    log_in(visitor.context, EMAIL, PASSWORD)
    page.get_by_role("link", name="Albums", exact=True).click()
    expect(page.get_by_role("link", name="Anna", exact=True)).to_be_visible()


def test_a_tab_out_of_sight_holds_no_stream(admin, founded, visit):
    """Six connections are all that a browser has for one server, over all tabs."""
    visitor = visit(storage_state=founded.browser)
    visitor.page.add_init_script(
        """window.streams = [];
        window.EventSource = class extends EventSource { constructor(...all) { super(...all); streams.push(this); } };
        window.look = (hidden) => { Object.defineProperty(document, 'hidden', { value: hidden, configurable: true }); document.dispatchEvent(new Event('visibilitychange')); };""")
    page = visitor.open("#/activity")
    open_ones = "streams.filter(({ readyState }) => readyState !== 2).length"
    expect(page.get_by_role("heading", name="Activity")).to_be_visible()
    until(lambda: page.evaluate(open_ones) == 1, 60, "a stream")
    page.evaluate("look(true)")
    assert page.evaluate(open_ones) == 0
    admin.store(media.jpeg("meanwhile"), "meanwhile.jpg")
    page.evaluate("look(false)")
    expect(page.get_by_text("meanwhile.jpg")).to_be_visible()
    assert page.evaluate(open_ones) == 1


def test_seven_tabs_in_sight_share_one_stream(admin, founded, visit):
    """A browser opens six connections to a server: with a stream in each tab the seventh would not even load."""
    visitor = visit(storage_state=founded.browser)
    visitor.context.add_init_script(
        """window.streams = [];
        window.EventSource = class extends EventSource { constructor(...all) { super(...all); streams.push(this); } };""")
    pages = [visitor.page, *(visitor.context.new_page() for _ in range(6))]
    for page in pages:
        page.goto("/#/activity")
        expect(page.get_by_role("heading", name="Activity")).to_be_visible()
        assert not page.evaluate("document.hidden")
    open_ones = "streams.filter(({ readyState }) => readyState !== 2).length"

    def holders():
        return [page for page in pages if page.evaluate(open_ones) > 0]

    until(lambda: len(holders()) == 1, 30, "one stream")
    admin.store(media.jpeg("for all"), "for all.jpg")
    for page in pages:
        expect(page.get_by_text("for all.jpg")).to_be_visible()
        expect(page.get_by_role("status")).to_have_text("Running")
    assert len(holders()) == 1
    (leader,) = holders()
    pages.remove(leader)
    leader.close()
    admin.store(media.jpeg("meanwhile"), "meanwhile.jpg")
    for page in pages:
        expect(page.get_by_text("meanwhile.jpg")).to_be_visible()
    until(lambda: len(holders()) == 1, 30, "one stream again")


def test_as_many_streams_as_there_may_be_are_no_outage(admin, founded, visit):
    visitor = visit(storage_state=founded.browser)
    visitor.expected_statuses = {429}
    visitor.page.route("**/api/backup/events", lambda route: route.fulfill(status=429, json={"detail": "Too many"}))
    page = visitor.open("#/activity")
    page.wait_for_timeout(6000)
    expect(page.get_by_role("status")).to_have_text("Running")


def test_another_file_of_the_same_name_size_and_time_is_sent_too(admin, inside, folder):
    (photo,) = files(folder, 1)
    os.utime(photo, (1_600_000_000, 1_600_000_000))
    _, page = inside("#/upload")
    page.get_by_label("Files").set_input_files([photo])
    heading(page, "All done")
    bytes_ = bytearray(photo.read_bytes())
    bytes_[-10] ^= 1
    photo.write_bytes(bytes_)
    os.utime(photo, (1_600_000_000, 1_600_000_000))
    page.get_by_label("Files").set_input_files([photo])
    until(lambda: admin.count() == 2, 30, "the other file")


def test_another_file_of_the_same_name_size_and_time_is_sent_while_the_first_is(admin, inside, folder):
    (photo,) = files(folder, 1)
    bytes_ = bytearray(photo.read_bytes()) + bytes(600_000)
    twins = []
    for name in ("one", "two"):
        bytes_[-10] ^= 1
        (folder / name).mkdir()
        twins.append(folder / name / "IMG_0001.jpg")
        twins[-1].write_bytes(bytes_)
        os.utime(twins[-1], (1_600_000_000, 1_600_000_000))
    visitor, page = inside("#/upload")
    visitor.network(upload=300_000)
    for path in (*twins, twins[0]):  # and the first once more, which is no third file
        page.get_by_label("Files").set_input_files([path])
    done(page, "2 of 2 files")
    heading(page, "All done")
    assert admin.count() == 2


def test_a_folder_that_is_still_being_read_when_somebody_else_logs_in_is_not_theirs(admin, ben, inside):
    visitor, page = inside("#/upload")
    visitor.expected_statuses = {409}
    expect(page.get_by_role("button", name="Choose files")).to_be_visible()
    page.evaluate(
        """(bytes) => {
          const photo = new File([new Uint8Array(bytes)], 'hers.jpg', { type: 'image/jpeg' });
          const entry = { isFile: true, fullPath: '/hers.jpg', file: (ok) => { window.read = () => ok(photo); } };
          DataTransferItem.prototype.webkitGetAsEntry = () => entry;
          const transfer = new DataTransfer();
          transfer.items.add(photo);
          window.dispatchEvent(new DragEvent('drop', { dataTransfer: transfer, bubbles: true, cancelable: true }));
        }""", list(media.jpeg("hers")))
    log_in(visitor.context, BEN, PASSWORD)
    page.get_by_role("link", name="Albums", exact=True).click()
    expect(page.get_by_role("link", name="Ben", exact=True)).to_be_visible()
    page.get_by_role("link", name="Upload", exact=True).click()
    expect(page.get_by_role("button", name="Choose files")).to_be_visible()
    page.evaluate("import('/upload/queue.js').then(({ queue }) => { const add = queue.add.bind(queue); queue.add = (...all) => add(...all).finally(() => { window.added = true; }); })")
    page.evaluate("read()")
    page.wait_for_function("window.added")
    assert page.evaluate("import('/upload/queue.js').then(({ queue }) => queue.items.length)") == 0


def test_what_was_stored_at_an_earlier_visit_is_asked_for_anew(admin, inside, folder):
    kept, deleted, trashed = made = files(folder, 3)
    _, page = inside("#/upload")
    page.get_by_label("Files").set_input_files(made)
    done(page, "3 of 3 files")
    ids = {one["originalFileName"]: one["id"] for one in admin.post("/api/search/metadata", {}).json()["assets"]["items"]}
    admin.delete("/api/assets", {"ids": [ids[deleted.name]], "force": True})
    admin.delete("/api/assets", {"ids": [ids[trashed.name]]})
    page.reload()
    heading(page, "Done, but for 2 files")
    expect(row(page, kept)).to_have_attribute("data-state", "stored")
    expect(row(page, trashed)).to_have_attribute("data-state", "trashed")
    expect(row(page, deleted)).to_have_attribute("data-state", "lost")
    expect(row(page, deleted)).to_contain_text("the server does not have it any more")
    page.get_by_label("Files").set_input_files([deleted])
    expect(row(page, deleted)).to_have_attribute("data-state", "stored")
    page.get_by_role("button", name="Restore them").click()
    heading(page, "All done")
    assert admin.count() == 3


def test_what_is_chosen_again_is_asked_for_anew(admin, inside, folder):
    (photo,) = files(folder, 1)
    _, page = inside("#/upload")
    page.get_by_label("Files").set_input_files([photo])
    heading(page, "All done")
    (asset,) = admin.post("/api/search/metadata", {}).json()["assets"]["items"]
    admin.delete("/api/assets", {"ids": [asset["id"]], "force": True})
    page.get_by_label("Files").set_input_files([photo])
    until(lambda: admin.count() == 1, 30, "the photo, once more")


def test_nothing_is_done_before_the_server_said_so(admin, inside, folder):
    (photo,) = files(folder, 1)
    visitor, page = inside("#/upload")
    page.get_by_label("Files").set_input_files([photo])
    heading(page, "All done")
    visitor.expected_statuses = {503}
    page.route("**/bulk-upload-check", lambda route: route.fulfill(status=503, json={"message": "Not now"}))
    page.reload()
    expect(row(page, photo)).to_contain_text("Not now")
    heading(page, "Asking the server what it has")
    page.unroute("**/bulk-upload-check")
    heading(page, "All done")


def test_a_twin_in_the_trash_is_not_called_here(admin, inside, folder):
    (photo,) = files(folder, 1)
    asset = admin.store(photo.read_bytes())
    admin.delete("/api/assets", {"ids": [asset]})
    visitor, page = inside("#/upload")
    page.get_by_label("Files").set_input_files([photo])
    heading(page, "In the trash: 1 file")
    heading(page, "Done, but for 1 file")
    expect(page.get_by_text("already here")).to_have_count(0)
    visitor.accessible()
    page.get_by_role("button", name="Restore them").click()
    heading(page, "All done")
    assert admin.get(f"/api/assets/{asset}").json()["isTrashed"] is False


def test_a_twin_that_the_upload_finds_in_the_trash_is_not_called_here(admin, inside, folder):
    """The check before it did not answer."""
    (photo,) = files(folder, 1)
    admin.delete("/api/assets", {"ids": [admin.store(photo.read_bytes())]})
    visitor, page = inside("#/upload")
    visitor.expected_statuses = {503}
    page.route("**/bulk-upload-check", lambda route: route.fulfill(status=503, json={"message": "Not now"}), times=1)
    page.get_by_label("Files").set_input_files([photo])
    heading(page, "In the trash: 1 file")


def test_what_cannot_be_read_is_listed(admin, inside):
    _, page = inside("#/upload")
    expect(page.get_by_role("button", name="Choose files")).to_be_visible()
    page.evaluate(
        """(bytes) => {
          const no = (name) => (_, fail) => fail(new DOMException(`not permitted: ${name}`, 'NotReadableError'));
          const photo = new File([new Uint8Array(bytes)], 'good.jpg', { type: 'image/jpeg' });
          const folder = (fullPath, pages) => ({ fullPath, createReader: () => ({ readEntries: (ok, fail) => (pages[0] === null ? no('folder')(ok, fail) : ok(pages.shift() ?? [])) }) });
          const good = { isFile: true, fullPath: '/camera/good.jpg', file: (ok) => ok(photo) };
          const bad = { isFile: true, fullPath: '/camera/bad.jpg', file: no('file') };
          DataTransferItem.prototype.webkitGetAsEntry = () => folder('/camera', [[bad, folder('/camera/private', [null]), good]]);
          const transfer = new DataTransfer();
          transfer.items.add(photo);
          window.dispatchEvent(new DragEvent('drop', { dataTransfer: transfer, bubbles: true, cancelable: true }));
        }""", list(media.jpeg("good")))
    done(page, "3 of 3 files")
    heading(page, "Done, but for 2 files")
    for path, text in {"camera/bad.jpg": "The file cannot be read: not permitted: file", "camera/private/": "not permitted: folder"}.items():
        expect(page.locator("li[data-state=failed]", has_text=path)).to_contain_text(text)
    assert admin.count() == 1


def test_two_tabs_of_the_same_moment_do_not_mix_up_their_files(admin, founded, visit, folder):
    first, second = files(folder, 2)
    visitor = visit(storage_state=founded.browser)
    visitor.context.add_init_script("Date.now = () => 1_800_000_000_000;")
    one = visitor.open("#/upload")
    other = visitor.context.new_page()
    other.goto("/#/upload")
    for page in (one, other):
        expect(page.get_by_role("button", name="Choose files")).to_be_visible()
    one.get_by_label("Files").set_input_files([first])
    other.get_by_label("Files").set_input_files([second])
    until(lambda: admin.count() == 2, 60, "both photos")
    kept = """() => new Promise((resolve) => {
      const open = indexedDB.open('nightstand-uploads');
      open.onsuccess = () => { const all = open.result.transaction('items').objectStore('items').getAll(); all.onsuccess = () => resolve(all.result.map(({ name }) => name).sort()); };
    })"""
    until(lambda: one.evaluate(kept) == [first.name, second.name], 60, "a record of each")


def test_a_file_that_changed_or_went_away_ends_and_holds_up_nobody(admin, inside, folder):
    made = files(folder, 8)
    changed, gone = made[:2]
    visitor, page = inside("#/upload")

    def meanwhile(route):
        if gone.exists():
            gone.unlink()
            changed.write_bytes(media.jpeg("something else"))
            os.utime(changed, (1_900_000_000, 1_900_000_000))
        route.continue_()

    page.route("**/api/backup/uploads", meanwhile)
    page.get_by_label("Files").set_input_files(made)
    done(page, "8 of 8 files")
    heading(page, "Done, but for 2 files")
    for path in (changed, gone):
        expect(row(page, path)).to_have_attribute("data-state", "failed")
        expect(row(page, path)).to_contain_text("changed or removed after it was chosen")
    assert admin.count() == 6


def refuse(page, status, code, detail):
    """Every request that creates or continues an upload is refused; returns the list that they are noted in."""
    asked = []

    def answer(route):
        if route.request.method not in ("POST", "PATCH"):
            return route.fallback()
        asked.append(route.request.method)
        return route.fulfill(status=status, headers={"Retry-After": "0.02", "X-Asset-Error": code}, json={"detail": detail, "code": code})

    page.route("**/api/backup/uploads**", answer)
    return asked


def test_a_full_disk_stops_the_queue_with_its_reason(admin, inside, folder):
    made = files(folder, 30)
    visitor, page = inside("#/upload")
    visitor.expected_statuses = {507}
    asked = refuse(page, 507, "disk_full", "The server's disk is full; nothing was stored")
    page.get_by_label("Files").set_input_files(made)
    expect(page.locator(".upload-progress .problem")).to_have_text("The server's disk is full; nothing was stored.")
    heading(page, "Paused")
    visitor.accessible()
    assert 6 <= len(asked) <= 18
    page.unroute("**/api/backup/uploads**")
    page.get_by_role("button", name="Try again").click()
    done(page, "30 of 30 files")
    heading(page, "All done")
    assert admin.count() == 30


def test_a_fault_of_the_server_ends_the_file_not_the_queue(admin, inside, folder):
    made = files(folder, 4)
    visitor, page = inside("#/upload")
    visitor.expected_statuses = {500}
    asked = refuse(page, 500, "internal", "Internal server error")
    page.get_by_label("Files").set_input_files(made)
    heading(page, "Done, but for 4 files")
    expect(row(page, made[3])).to_contain_text("Internal server error")
    assert len(asked) == 24
    page.unroute("**/api/backup/uploads**")
    page.get_by_role("button", name="Try failed ones again").click()
    heading(page, "All done")
    assert admin.count() == 4


def test_a_used_up_quota_can_be_tried_again(admin, inside, folder):
    (photo,) = files(folder, 1)
    me = admin.get("/api/users/me").json()["id"]
    admin.put(f"/api/admin/users/{me}", {"quotaSizeInBytes": 10})
    visitor, page = inside("#/upload")
    visitor.expected_statuses = {400}
    page.get_by_label("Files").set_input_files([photo])
    heading(page, "Done, but for 1 file")
    expect(row(page, photo)).to_have_attribute("data-state", "failed")
    expect(row(page, photo)).to_contain_text("the quota is used up")
    admin.put(f"/api/admin/users/{me}", {"quotaSizeInBytes": None})
    page.get_by_role("button", name="Try failed ones again").click()
    heading(page, "All done")
    assert admin.count() == 1


@pytest.mark.parametrize(("place", "name"), [("#/albums/..%2F..%2Fusers%2Fme", "Albums"), ("#/devices/%2E%2E%2Fpeople", "Devices"), ("#/devices/%", "Devices"), ("#/photos/..", "Photos")])
def test_what_is_no_id_gets_into_no_address(admin, inside, place, name):
    visitor, page = inside()
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    visitor.open(place)
    page.reload()
    expect(page.get_by_role("heading", name=name, exact=True)).to_be_visible()
    assert not [url for url in asked if ".." in url.lower() or "%2e" in url.lower() or "%2f" in url.lower() or url.endswith("/api/users/")]


KEPT = """() => new Promise((resolve) => {
  const open = indexedDB.open('nightstand-uploads');
  open.onsuccess = () => {
    const stores = open.result.transaction(['items', 'files']);
    const [items, files] = ['items', 'files'].map((name) => stores.objectStore(name).count());
    stores.oncomplete = () => { open.result.close(); resolve([items.result, files.result]); };
  };
})"""


def test_nothing_of_a_person_stays_in_the_browser_when_they_log_out(admin, founded, visit, folder):
    """A shared computer: what one tab keeps goes when another one logs out."""
    made = files(folder, 40)
    visitor = visit(storage_state=founded.browser)
    page = visitor.open("#/upload")
    visitor.network(upload=50_000)
    expect(page.get_by_role("button", name="Choose files")).to_be_visible()
    page.get_by_label("Files").set_input_files(made)
    until(lambda: page.evaluate(KEPT)[0] == 40, 60, "records of all")
    assert page.evaluate(KEPT)[1] > 0
    visitor.expected_statuses = {401}
    other = visitor.context.new_page()
    other.goto("/#/account")
    other.get_by_role("button", name="Log out", exact=True).click()
    expect(other.get_by_text("Uploads from this browser are not finished")).to_be_visible()
    other.get_by_role("dialog").get_by_role("button", name="Log out").click()
    for tab in (other, page):
        expect(tab.get_by_role("heading", name="Log in")).to_be_visible()
    until(lambda: page.evaluate(KEPT) == [0, 0], 30, "nothing left")
    assert page.evaluate("Object.keys(localStorage).filter((key) => key.startsWith('nightstand-uploads-open'))") == []


def test_a_proxy_that_takes_one_megabyte_is_found_out_once(server, admin, founded, chromium, folder, tmp_path):
    """nginx as it comes: the page halves what it sends at once until it passes, and remembers that."""
    films = [folder / f"film {number}.mov" for number in range(3)]
    for path in films:
        path.write_bytes(media.mov(path.name, 5_000_000))
    proxy = proxies.Proxy("nginx-default", server.port, tmp_path / "nginx")
    proxy.url = f"http://127.0.0.1:{proxy.port}"
    visitor = Visitor(chromium, proxy, storage_state=founded.browser, **DESK)
    visitor.expected_statuses = {413}
    refused = []
    visitor.page.on("response", lambda response: refused.append(response.url) if response.status == 413 else None)
    try:
        page = visitor.open("#/upload")
        page.get_by_label("Files").set_input_files(films[:2])
        done(page, "2 of 2 files")
        heading(page, "All done")
        assert refused, "the proxy refused nothing: this proved nothing"
        assert page.evaluate("localStorage.getItem('nightstand-chunk')").startswith(f"{1 << 20} ")
        refused.clear()
        page.reload()
        page.get_by_label("Files").set_input_files([films[2]])
        until(lambda: admin.count() == 3, 60, "the third film")
        heading(page, "All done")
        assert refused == []
    finally:
        visitor.close()
        proxy.close()


def test_what_is_begun_is_written_down_in_few_transactions(admin, inside, folder):
    """One for each file took a minute and a half for the 4,000 photos of a card; until then a reload forgot them."""
    for number in range(700):
        (folder / f"{number:04}.jpg").write_bytes(b"\xff\xd8\xff" + str(number).encode())
    visitor, page = inside("#/upload")
    page.route("**/api/assets/bulk-upload-check", lambda route: None)  # nothing gets further than being read
    page.evaluate(
        """() => {
          window.written = 0;
          const begin = IDBDatabase.prototype.transaction;
          IDBDatabase.prototype.transaction = function (...of) { written += of[1] === 'readwrite' ? 1 : 0; return begin.apply(this, of); };
        }""")
    page.get_by_label("Files").set_input_files(sorted(folder.iterdir()))
    counts = """() => new Promise((resolve) => {
      const open = indexedDB.open('nightstand-uploads');
      open.onsuccess = () => {
        const both = open.result.transaction(['items', 'files']);
        const [items, files] = ['items', 'files'].map((name) => both.objectStore(name).count());
        both.oncomplete = () => { open.result.close(); resolve([items.result, files.result]); };
      };
    })"""
    until(lambda: page.evaluate(counts) == [700, 700], 60, "all of them in the ledger")
    assert page.evaluate("written") < 40
    page.unroute_all()
    visitor.complaints.clear()
