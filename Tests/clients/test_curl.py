"""curl, as people and scripts use it."""

import hashlib
import json
import shutil
import subprocess

import pytest

from harness import catalog, media, multipart
from harness.client import PASSWORD, base64_sha1

pytestmark = pytest.mark.skipif(not shutil.which("curl"), reason="curl is not installed")


def curl(server, target, *words, check=True):
    """Runs curl; returns what came on standard output and the final status."""
    command = ["curl", "--silent", "--show-error", "--max-time", "30", "--write-out", "\n%{http_code}"]
    if server.tls:
        command += ["--cacert", str(server.tls.certificate)]
    done = subprocess.run([*command, *map(str, words), server.url + target], capture_output=True, timeout=60)
    if check:
        assert done.returncode == 0, done.stderr.decode()
    body, _, status = done.stdout.rpartition(b"\n")
    return body, int(status)


@pytest.fixture
def photo(tmp_path):
    path = tmp_path / "Grüße vom Meer.jpg"
    path.write_bytes(media.jpeg("curl", edge=200))
    return path


DATES = ("--form-string", f"fileCreatedAt={multipart.CREATED}", "--form-string", f"fileModifiedAt={multipart.MODIFIED}")


def test_login_with_a_cookie_jar_is_enough_for_everything(server, photo, tmp_path):
    jar = tmp_path / "jar"
    login = json.dumps({"email": "anna@example.org", "password": PASSWORD})
    body, status = curl(server, "/api/auth/login", "-c", jar, "--json", login)
    assert status == 201 and json.loads(body)["userEmail"] == "anna@example.org"
    assert sorted(line.split("\t")[5] for line in jar.read_text().splitlines() if line.count("\t") == 6) == [
        "immich_access_token", "immich_auth_type", "immich_is_authenticated"]

    body, status = curl(server, "/api/assets", "-b", jar, *DATES, "-F", f"assetData=@{photo}")
    assert status == 201
    asset = json.loads(body)["id"]
    body, status = curl(server, f"/api/assets/{asset}", "-b", jar)
    assert status == 200 and json.loads(body)["originalFileName"] == photo.name
    body, status = curl(server, f"/api/assets/{asset}/original", "-b", jar)
    assert status == 200 and hashlib.sha1(body).digest() == hashlib.sha1(photo.read_bytes()).digest()

    body, status = curl(server, "/api/auth/logout", "-b", jar, "-X", "POST")
    assert status == 200 and json.loads(body)["successful"] is True
    assert curl(server, "/api/users/me", "-b", jar)[1] == 401


def test_expect_100_continue_is_answered_before_the_body(either, photo, tmp_path):
    """curl waits for the interim answer; a minute's patience would make a missing one a time-out, not a pause."""
    trace = tmp_path / "trace"
    body, status = curl(
        either, "/api/assets", "-H", f"x-api-key: {either.key}", "-H", "Expect: 100-continue",
        "--expect100-timeout", "60", "--trace-ascii", trace, *DATES, "-F", f"assetData=@{photo}")
    assert status in (200, 201), body
    assert "HTTP/1.1 100" in trace.read_text(errors="replace")


def test_expect_100_continue_is_refused_without_the_body(either, photo, tmp_path):
    """Who may not upload hears so before sending: the final answer comes instead of 100, and no byte of the body."""
    big = tmp_path / "big.mov"
    big.write_bytes(media.mov("big", size=5_000_000))
    trace = tmp_path / "trace"
    body, status = curl(
        either, "/api/assets", "-H", "x-api-key: wrong", "-H", "Expect: 100-continue", "--expect100-timeout", "60",
        "--trace-ascii", trace, *DATES, "-F", f"assetData=@{big}", check=False)
    assert status == 401 and json.loads(body)["message"] == "Invalid API key"
    assert "HTTP/1.1 100" not in trace.read_text(errors="replace")


def test_a_range_download_can_be_resumed(either, someone, photo, tmp_path):
    data = media.mov("resume", size=300_000)
    asset = someone.upload(data, "clip.mov").json()["id"]
    key = ("-H", f"x-api-key: {either.key}")
    body, status = curl(either, f"/api/assets/{asset}/original", *key, "-r", "1000-1999")
    assert (status, body) == (206, data[1000:2000])
    partial = tmp_path / "clip.mov"
    partial.write_bytes(data[:123_456])
    _, status = curl(either, f"/api/assets/{asset}/original", *key, "-C", "-", "-o", partial)
    assert status == 206 and partial.read_bytes() == data


def test_http_1_0_is_served_and_closed(either, someone, photo):
    asset = someone.upload(media.jpeg("ten"), "ten.jpg").json()["id"]
    key = ("-H", f"x-api-key: {either.key}")
    body, status = curl(either, "/api/server/ping", "--http1.0")
    assert (status, json.loads(body)) == (200, {"res": "pong"})
    body, status = curl(either, f"/api/assets/{asset}/original", "--http1.0", *key)
    assert (status, body) == (200, media.jpeg("ten"))
    body, status = curl(either, "/api/assets", "--http1.0", *key, *DATES, "-F", f"assetData=@{photo}")
    assert status in (200, 201), body


def test_the_checksum_header_works_from_a_shell(server, admin, photo):
    key = ("-H", f"x-api-key: {admin.fields['x_api_key']}")
    good, bad = base64_sha1(photo.read_bytes()), base64_sha1(b"something else")
    body, status = curl(
        server, "/api/assets", *key, "-H", f"x-immich-checksum: {bad}", *DATES, "-F", f"assetData=@{photo}")
    assert status == 400 and json.loads(body)["code"] == "checksum_mismatch"
    body, status = curl(
        server, "/api/assets", *key, "-H", f"x-immich-checksum: {good}", *DATES, "-F", f"assetData=@{photo}")
    assert status == 201
    assert len(catalog.inspect(server.data)) == 1


def test_a_compressed_answer_unpacks(either):
    body, status = curl(either, "/api/server/media-types", "--compressed")
    assert status == 200 and ".jpg" in json.loads(body)["image"]
