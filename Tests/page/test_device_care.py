"""What owners ask of their devices, what was seen of them, and what stands in the way."""

import pytest
from conftest import DESK, EMAIL, PASSWORD, Visitor
from harness import client, media, proxies
from harness.process import until
from harness.tus import MEDIA, Tus
from playwright.sync_api import expect


@pytest.fixture
def phone(server, admin):
    """A phone with an old app, that has its owner's photo."""
    fields = {"User_Agent": "immich-android/2.9.0", "deviceModel": "Pixel 8"}
    answer = client.Client(server, **fields).post("/api/auth/login", {"email": EMAIL, "password": PASSWORD})
    made = client.Client(server, Authorization=f"Bearer {answer.json()['accessToken']}", **fields)
    made.store(media.jpeg("from the phone"), "phone.jpg")
    made.get("/api/users/me")
    made.id = made.get("/api/backup/devices/me").json()["id"]
    yield made
    made.close()


def test_the_owner_says_what_a_phone_shall_do(phone, inside):
    visitor, page = inside(f"#/devices/{phone.id}")
    expect(page.get_by_text("As its app is set.")).to_be_visible()
    expect(page.get_by_text("Immich for Android 2.9.0 is older than 3.1.0")).to_be_visible()
    page.get_by_role("button", name="Change what it shall do").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Network").select_option("wifi")
    dialog.get_by_label("Largest file over mobile data, in MB").fill("5")
    dialog.get_by_label("Videos").select_option("false")
    dialog.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Wi-Fi only, files up to 5 MB over mobile data, photos only")).to_be_visible()
    visitor.accessible()
    said = phone.post("/api/backup/devices/me/check-in", {}).json()["policy"]
    assert (said["network"], said["maxBytesOnCellular"], said["includeVideos"]) == ("wifi", 5_000_000, False)
    until(lambda: phone.get("/api/backup/devices/me").json()["setup"]["openedAt"], 30, "that the app was open")
    page.reload()
    expect(page.get_by_text("not seen yet: no photo came while the app was closed")).to_be_visible()


def test_the_page_finds_out_what_a_proxy_refuses(server, admin, founded, chromium, tmp_path):
    proxy = proxies.Proxy("nginx-default", server.port, tmp_path / "nginx")
    proxy.url = f"http://127.0.0.1:{proxy.port}"
    visitor = Visitor(chromium, proxy, storage_state=founded.browser, **DESK)
    visitor.expected_statuses = {413}
    try:
        page = visitor.open("#/connect")
        page.get_by_role("button", name="Test it").click()
        expect(page.get_by_text("1 MB pass, 8.4 MB do not: something on the way refuses larger requests (413)")).to_be_visible()
        visitor.accessible()
    finally:
        visitor.close()
        proxy.close()


def test_nothing_stands_in_the_way_of_large_requests(admin, inside):
    _, page = inside("#/connect")
    page.get_by_role("button", name="Test it").click()
    expect(page.get_by_text("Requests of 115 MB pass")).to_be_visible(timeout=90_000)


def test_an_unfinished_upload_is_discarded_on_the_overview(server, admin, inside):
    tus = Tus(server, client.api_key(admin).fields["x_api_key"])
    address = tus.create(1000)
    tus.request("PATCH", address, b"x" * 10, Upload_Offset=0, Content_Type=MEDIA)
    visitor, page = inside()
    page.get_by_role("button", name="Discard").click()
    page.get_by_role("dialog").get_by_role("button", name="Discard it").click()
    expect(page.get_by_text("Coming in")).to_have_count(0)
    assert tus.request("HEAD", address).status in (404, 410)


def test_a_photo_tells_where_it_came_from(phone, admin, inside):
    (asset,) = phone.post("/api/search/metadata", {}).json()["assets"]["items"]
    admin.upload(media.jpeg("from the phone"), "again.jpg")
    until(lambda: len(admin.get(f"/api/backup/assets/{asset['id']}/devices").json()["devices"]) == 2, 30, "two ways")
    _, page = inside(f"#/photos/{asset['id']}")
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("i")
    expect(page.get_by_text("Google Pixel 8 (Immich for Android 2.9.0); also on")).to_be_visible()
