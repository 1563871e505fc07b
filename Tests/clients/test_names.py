"""File names from clients: whatever they say, the file stays inside its folder and the name survives in the catalog."""

import os
import subprocess

import pytest

from harness import catalog, media, multipart

TRICKS = [
    b"../../x.jpg", b"..\\..\\x.jpg", b"/etc/x.jpg", b"C:\\Windows\\x.jpg", b"a/b/c.jpg", b"./x.jpg", b"..jpg", b"...jpg",
    b"x\ny.jpg", b"x\r\ny.jpg", b"x\ty.jpg", b"x\x01\x7fy.jpg", b"\x1b[31mred.jpg", b"-rf.jpg", b"~root.jpg",
    b"SHA1SUMS.jpg", b"SHA1SUMS", b"sha1sums.new", b".nightstand", b".nightstand.jpg", b"con.jpg", b"NUL.jpg",
    b"a" * 300 + b".jpg", "ü".encode() * 150 + b".jpg", "🌅".encode() * 80 + b".jpg", b".jpg", b" .jpg", b"x .jpg",
    b"trailing.jpg ", b"x.jpg.", b"%2e%2e%2fx.jpg", b"%00.jpg", b"$(reboot).jpg", b"`id`.jpg", b"a;b|c&d.jpg",
    b"'; DROP TABLE asset; --.jpg", b"<script>alert(1)</script>.jpg", b"x\xff\xfey.jpg", b"\xc3.jpg",
    "e\u0301.jpg".encode(), "\u00e9.jpg".encode(), "\u202egpj.exe.jpg".encode(), "\ufeffx.jpg".encode(), b"*?.jpg",
    b"\\.jpg", b"\\n.jpg", b"x.JPG", b"X.jpg", b"nul\0byte.jpg", b"nul.jpg\0.exe",
]


def outside(server):
    """Everything in the folder that holds the data directory, but for the directory itself and its log."""
    return sorted(path for path in os.listdir(server.data.parent) if path not in (server.data.name, server.log.name))


def test_every_trick_stays_inside_and_survives_byte_for_byte(server, admin):
    """The name comes in the `filename` field, which takes any bytes."""
    before, stored, refused = outside(server), {}, []
    for index, name in enumerate(TRICKS):
        data = media.jpeg(f"trick {index}", 8)
        answer = admin.upload(data, "tmp.jpg", filename=name)
        assert answer.status in (201, 400), (name, answer)
        if answer.status == 400:
            refused.append(name)
            continue
        asset = answer.json()["id"]
        stored[name] = asset
        assert admin.original(asset).body == data, name
        facts = admin.get(f"/api/assets/{asset}").json()
        assert facts["originalFileName"] == name.decode(errors="replace"), name
        disposition = admin.original(asset).header("content-disposition")
        assert all(32 <= ord(letter) < 127 for letter in disposition), disposition
    # Only what has no supported extension, and NUL if the server says so, may be refused.
    unsupported = [b"SHA1SUMS", b"sha1sums.new", b".nightstand", b"x.jpg.", b"trailing.jpg ", b"nul.jpg\0.exe",
                   b"nul\0byte.jpg"]
    assert set(refused) <= set(unsupported), refused
    rows = catalog.inspect(server.data)
    assert sorted(row["name"] for row in rows) == sorted(stored)
    assert outside(server) == before, "something was written beside the data directory"
    catalog.sums_hold(server.data)
    for row in rows:
        parts = row["key"].split(b"/")
        assert len(parts) == 4 and parts[1:3] == [b"2024", b"2024-07"], row
        assert len(parts[3]) <= 255 and not parts[3].startswith(b".") and b"\\" not in parts[3], row
        assert all(byte >= 32 and byte != 127 for byte in parts[3]), row
    folded = [row["key"].decode().casefold() for row in rows]
    assert len(folded) == len(set(folded)), "two originals differ only by case: a Windows share shows one of them"


@pytest.mark.parametrize("name", [b"../../x.jpg", b"/etc/x.jpg", b"..\\\\x.jpg", b"x\xffy.jpg", b"300" * 100 + b".jpg"])
def test_the_part_name_may_try_the_same(server, admin, name):
    before = outside(server)
    answer = admin.upload(media.jpeg(repr(name), 8), name)
    assert answer.status == 201, answer
    row, = catalog.inspect(server.data)
    assert row["name"] == name.replace(b"\\\\", b"\\")
    assert outside(server) == before


def test_a_sidecar_name_may_try_too(server, admin):
    before = outside(server)
    body = multipart.encode([
        multipart.field("fileCreatedAt", multipart.CREATED), multipart.field("fileModifiedAt", multipart.MODIFIED),
        multipart.file("sidecarData", "../../../evil.xmp", b"<xmp/>"),
        multipart.file("assetData", "a.jpg", media.jpeg("sidecar trick"))])
    answer = admin.request("POST", "/api/assets", body=body, fields={"Content-Type": multipart.content_type()})
    assert answer.status == 201
    catalog.inspect(server.data)
    assert outside(server) == before


@pytest.mark.parametrize("date", ["0001-01-01T00:00:00.000Z", "9999-12-31T23:59:59.999Z", "1969-12-31T23:59:59.999Z"])
def test_a_date_chooses_only_a_year_and_a_month(server, admin, date):
    admin.store(media.jpeg(date), "a.jpg", fileCreatedAt=date)
    row, = catalog.inspect(server.data)
    assert row["key"].split(b"/")[1:3] == [date[:4].encode(), date[:7].encode()]


@pytest.mark.parametrize("name", ["../../evil", "/root", "a/../../b", "..", "con", "x\ny", "Ünal"])
def test_a_persons_name_never_leads_out_of_the_originals(server, tmp_path, name):
    """The folder of a person comes from their address; such an address is refused or made harmless."""
    from harness import client
    secret = tmp_path / "password"
    secret.write_text(client.PASSWORD + "\n")
    done = server.command("user", "add", f"{name}@example.org", "--password-file", secret, check=False)
    before = outside(server)
    if done.returncode == 0:
        session, _ = client.log_in(server, f"{name}@example.org")
        session.store(media.jpeg(name), "a.jpg")
        row, = catalog.inspect(server.data)
        assert len(row["key"].split(b"/")) == 4
    assert outside(server) == before
    assert catalog.originals(server.data) <= {row["key"] for row in catalog.rows(server.data)}


def test_the_log_keeps_a_clients_words_on_one_line(server, admin):
    """Control bytes in names and targets must not forge log lines or move an operator's terminal."""
    admin.upload(b"x", "a.jpg", filename=b"evil\n2026-01-01T00:00:00.000Z info forged line\x1b[2J.txt")
    admin.get("/api/%0a2026-01-01T00:00:00.000Z%20info%20forged%20line")
    server.stop()
    log = server.log.read_bytes()
    assert b"\x1b" not in log
    assert not any(line.endswith(b"info forged line") for line in log.splitlines())


def test_sha1sum_finds_a_changed_bit(server, admin):
    """The test of the tests: the list in each folder really depends on the bytes."""
    admin.store(media.jpeg("bit"), "bit.jpg")
    assert catalog.sums_hold(server.data) == 1
    row, = catalog.rows(server.data)
    path = server.data / "originals" / row["key"].decode()
    data = bytearray(path.read_bytes())
    data[100] ^= 1
    path.write_bytes(data)
    done = subprocess.run(["sha1sum", "--check", "--strict", "SHA1SUMS"], cwd=path.parent, capture_output=True)
    assert done.returncode != 0
