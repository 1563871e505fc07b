"""People with their quotas, one's own account, and API keys."""

from conftest import EMAIL, NAME, PASSWORD
from harness import client, media
from playwright.sync_api import expect

BEN, SECRET = "ben@example.org", "a password for ben"


def test_a_person_is_added_limited_removed_and_brought_back(server, admin, inside):
    visitor, page = inside("#/people")
    visitor.accessible()
    page.get_by_role("button", name="Add a person").click()
    dialog = page.get_by_role("dialog", name="Add a person")
    dialog.get_by_label("Name").fill("Ben")
    dialog.get_by_label("E-mail").fill(BEN)
    dialog.get_by_label("First password").fill(SECRET)
    dialog.get_by_label("Quota in GB").fill("0.5")
    visitor.accessible()
    dialog.get_by_role("button", name="Add").click()
    row = page.locator("li", has_text=BEN)
    expect(row).to_contain_text("0 B of 500 MB")
    ben, _ = client.log_in(server, BEN, SECRET)
    assert ben.me()["quotaSizeInBytes"] == 500_000_000

    page.get_by_role("button", name="Change Ben").click()
    page.get_by_label("Quota in GB").fill("")
    page.get_by_role("button", name="Save").click()
    expect(row).to_contain_text("no limit")

    visitor.expected_statuses = {400}
    page.get_by_role("button", name="Add a person").click()
    dialog.get_by_label("Name").fill("Other")
    dialog.get_by_label("E-mail").fill(BEN)
    dialog.get_by_label("First password").fill(SECRET)
    dialog.get_by_role("button", name="Add").click()
    expect(dialog.get_by_role("alert")).not_to_be_empty()
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Add a person")).to_be_focused()

    page.get_by_role("button", name="Remove Ben").click()
    page.get_by_role("dialog").get_by_role("button", name="Remove").click()
    expect(row).to_contain_text("Removed")
    assert ben.get("/api/users/me").status == 401
    page.get_by_role("button", name="Bring back Ben").click()
    expect(page.get_by_role("button", name="Remove Ben")).to_be_visible()
    assert page.get_by_role("button", name=f"Remove {NAME}").count() == 0, "nobody removes themselves"


def test_who_is_no_admin_sees_no_people(server, admin, visit):
    admin.post("/api/admin/users", {"email": BEN, "name": "Ben", "password": SECRET})
    visitor = visit()
    page = visitor.enter("#/keys", BEN, SECRET)
    expect(page.get_by_role("heading", name="API keys")).to_be_visible()
    expect(page.get_by_role("link", name="People")).to_have_count(0)


def test_name_password_and_logins(server, admin, inside):
    visitor, page = inside("#/account")
    visitor.accessible()
    page.get_by_label("Password now").fill(PASSWORD)
    page.get_by_label("New password", exact=True).fill("another long password")
    page.get_by_label("New password again").fill("another long passwort")
    page.get_by_role("button", name="Change it").click()
    expect(page.get_by_text("The two new passwords differ.")).to_be_visible()
    page.get_by_label("New password again").fill("another long password")
    page.get_by_role("button", name="Change it").click()
    expect(page.get_by_text("The password is changed.", exact=False)).to_be_visible()
    client.log_in(server, EMAIL, "another long password")

    page.reload()
    expect(page.get_by_text("This one")).to_be_visible()
    page.get_by_role("button", name="End the login").first.click()
    expect(page.locator("li", has_text="since")).to_have_count(2)
    page.get_by_label("Name").fill("Anna Maria")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", name="Anna Maria")).to_be_visible()


def test_a_key_is_made_renamed_and_deleted(server, admin, inside):
    visitor, page = inside("#/keys")
    visitor.accessible()
    page.get_by_role("button", name="New key").click()
    page.get_by_label("What is it for?").fill("Frame")
    page.get_by_label("It may").select_option(label="Look only: photo frames")
    page.get_by_role("button", name="Make the key").click()
    secret = page.get_by_label("API key", exact=True).input_value()
    page.get_by_text("Show it as a QR code").click()
    expect(page.get_by_role("img", name="QR code: the API key")).to_be_visible()
    visitor.accessible()
    page.get_by_role("button", name="Done").click()
    frame = client.Client(server, x_api_key=secret)
    assert frame.get("/api/albums").status == 200
    assert frame.upload(media.jpeg("frame")).status == 403, "it was to look only"
    expect(page.locator("li", has_text="Frame")).to_contain_text("Look only")

    page.get_by_role("button", name="Rename Frame").click()
    page.get_by_role("dialog").get_by_label("Name").fill("Kitchen")
    page.get_by_role("dialog").get_by_role("button", name="Rename").click()
    page.get_by_role("button", name="Delete Kitchen").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(page.get_by_text("No keys yet.")).to_be_visible()
    assert frame.get("/api/albums").status == 401
