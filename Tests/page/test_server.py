"""The machine's side: whom the server may send to."""

from conftest import EMAIL, PASSWORD
from harness import client
from harness.push import App
from playwright.sync_api import expect

PLACE = "127.0.0.1:9"


def test_an_admin_allows_what_a_phone_asked_for(server, admin, inside):
    phone, _ = client.log_in(server, EMAIL, PASSWORD, User_Agent="immich-android/3.1.0", deviceModel="Pixel 8")
    answer = phone.put("/api/backup/devices/me/push", {"kind": "webpush", "endpoint": f"http://{PLACE}/up", "keys": App().keys})
    assert answer.json()["code"] == "host_not_allowed"

    visitor, page = inside("#/server")
    page.get_by_role("button", name=f"Allow {PLACE}").click()
    expect(page.get_by_role("button", name=f"Remove {PLACE}")).to_be_visible()
    visitor.accessible()
    added = lambda: admin.get("/api/backup/outbound/hosts").json()["added"]  # noqa: E731
    assert added() == [PLACE]

    visitor.expected_statuses = {400}
    page.get_by_label("Host", exact=True).fill("http://ntfy.lan/")
    page.get_by_role("button", name="Allow a host").click()
    expect(page.locator("form").get_by_role("alert")).not_to_be_empty()
    page.get_by_label("Host", exact=True).fill("ntfy.lan")
    page.get_by_role("button", name="Allow a host").click()
    expect(page.get_by_role("button", name="Remove ntfy.lan")).to_be_visible()
    page.get_by_role("button", name=f"Remove {PLACE}").click()
    expect(page.get_by_role("button", name=f"Remove {PLACE}")).to_have_count(0)
    assert added() == ["ntfy.lan"]
