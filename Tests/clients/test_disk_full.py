"""A full disk: 507 with a code, nothing half stored, reads go on, and uploads work again when there is space.

The data directory lies on a small tmpfs, which only root may mount.
"""

import contextlib
import os
import shutil
import subprocess

import pytest

from harness import catalog, client, media, multipart
from harness.client import base64_sha1
from harness.draft import Draft
from harness.process import until
from harness.tus import MEDIA, Tus, holds_one

SIZE = 96 << 20
RESERVE = 16 << 20  # the smallest that the option takes


@pytest.fixture
def small_disk(tmp_path):
    """A folder on a file system of 96 MiB."""
    if os.geteuid() != 0:
        pytest.skip("mounting a small file system takes root")
    if not shutil.which("mount"):
        pytest.skip("mount is not installed")
    point = tmp_path / "disk"
    point.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", str(point)], capture_output=True)
    if done.returncode != 0:
        pytest.skip(f"the kernel refuses to mount here: {done.stderr.decode().strip()}")
    yield point
    subprocess.run(["umount", "-l", str(point)], check=True)


def free(path):
    space = os.statvfs(path)
    return space.f_bavail * space.f_frsize


@pytest.fixture
def full_server(launch, small_disk):
    server = launch("--reserve", str(RESERVE), data=small_disk / "data", founded=True)
    session = client.session(server)
    yield server, client.api_key(session)
    session.close()


def chunked(someone, data, name):
    """An upload whose length nobody knows beforehand."""
    body = multipart.upload(data, name)
    pieces = (body[start : start + 65536] for start in range(0, len(body), 65536))
    return someone.request(
        "POST", "/api/assets", body=pieces,
        fields={"Content-Type": multipart.content_type(), "Transfer-Encoding": "chunked"})


@pytest.mark.parametrize("send", [lambda someone, data, name: someone.upload(data, name), chunked])
def test_507_reads_go_on_and_space_heals_it(full_server, small_disk, send):
    server, someone = full_server
    kept = media.jpeg("kept")
    asset = someone.store(kept, "kept.jpg")
    balloon = small_disk / "balloon"
    balloon.write_bytes(bytes(free(small_disk) - RESERVE - (4 << 20)))

    big = media.mov("big", 20 << 20)
    answer = send(someone, big, "big.mov")
    assert answer.status == 507, answer
    assert answer.json()["code"] and answer.message
    until(lambda: catalog.staged(server.data) == [], what="nothing half visible is left")
    assert len(catalog.inspect(server.data)) == 1
    assert free(small_disk) >= RESERVE - (1 << 20), "the catalog's reserve is untouched"

    # Reads and writes of the catalog go on, small uploads too while they fit.
    assert someone.original(asset).body == kept
    assert someone.count() == 1
    assert someone.post("/api/albums", {"albumName": "still writable"}).status == 201
    assert someone.check(base64_sha1(big))[0]["action"] == "accept"

    balloon.unlink()
    assert send(someone, big, "big.mov").status == 201
    assert len(catalog.inspect(server.data)) == 2
    catalog.sums_hold(server.data)
    server.restart()
    someone.close()
    assert someone.original(asset).body == kept


def test_a_disk_that_fills_up_behind_the_servers_back(full_server, small_disk):
    """Somebody else takes the last byte while an upload runs: it fails whole, and the server survives."""
    from harness.wire import Wire
    server, someone = full_server
    data = media.mov("race", 24 << 20)
    body = multipart.upload(data, "race.mov")
    with Wire(server) as wire:
        wire.send((f"POST /api/assets HTTP/1.1\r\nHost: x\r\nx-api-key: {someone.fields['x_api_key']}\r\n"
                   f"Content-Type: {multipart.content_type()}\r\nTransfer-Encoding: chunked\r\n\r\n").encode())
        half = len(body) // 2
        wire.send(b"%x\r\n" % half + body[:half] + b"\r\n")
        until(lambda: catalog.staged(server.data), what="the upload has begun")
        balloon = small_disk / "balloon"
        with balloon.open("wb", buffering=0) as file, contextlib.suppress(OSError):
            while True:
                file.write(bytes(1 << 16))
        try:
            wire.send(b"%x\r\n" % (len(body) - half) + body[half:] + b"\r\n0\r\n\r\n")
        except ConnectionError:
            pass
        answer = wire.answer()
        assert answer.status == 507, answer
    until(lambda: catalog.staged(server.data) == [], what="staging is empty")
    assert someone.count() == 0
    balloon.unlink()
    assert someone.upload(data, "race.mov").status == 201
    assert len(catalog.inspect(server.data)) == 1
    catalog.integrity(server.data)


def test_many_uploads_against_the_last_space(full_server, small_disk):
    """Sixteen uploads of which a few fit: each ends as 201 or 507, and exactly the 201s are there."""
    from concurrent.futures import ThreadPoolExecutor
    server, someone = full_server
    room = free(small_disk) - RESERVE - (10 << 20)
    (small_disk / "balloon").write_bytes(bytes(max(room, 0)))
    photos = [media.mov(f"last space {index}", 2 << 20) for index in range(16)]

    def send(data):
        answer = client.Client(server, **someone.fields).upload(data, "p.mov")
        return answer.status

    with ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(send, photos))
    assert set(statuses) <= {201, 507} and 507 in statuses and 201 in statuses, statuses
    verdicts = someone.check(*map(base64_sha1, photos))
    assert [verdict["action"] == "reject" for verdict in verdicts] == [status == 201 for status in statuses]
    assert len(catalog.inspect(server.data)) == statuses.count(201)


# MARK: Resumable uploads


def fill(small_disk, left):
    """A file that leaves `left` bytes above the server's reserve."""
    balloon = small_disk / "balloon"
    balloon.write_bytes(bytes(max(free(small_disk) - RESERVE - left, 0)))
    return balloon


@pytest.mark.parametrize("protocol", ["tus", "draft"])
def test_a_resumable_upload_that_cannot_fit_is_refused_before_its_body(full_server, small_disk, protocol):
    server, someone = full_server
    key = someone.fields["x_api_key"]
    balloon = fill(small_disk, 4 << 20)
    length = 20 << 20
    if protocol == "tus":
        answer = Tus(server, key).request("POST", Upload_Length=length)
    else:
        draft = Draft(server, key)
        answer = draft.exchange(draft.creation(length, complete=True))
    assert answer.status == 507, answer
    assert Tus(server, key).open_uploads() == []
    assert catalog.staged(server.data) == []
    balloon.unlink()
    assert Tus(server, key).request("POST", Upload_Length=length).status == 201


@pytest.mark.parametrize("protocol", ["tus", "draft"])
def test_507_keeps_the_offset_and_space_heals_it(full_server, small_disk, protocol):
    """Nobody knows how long it will be; the disk fills up half-way, and after some cleaning up it goes on there."""
    server, someone = full_server
    key = someone.fields["x_api_key"]
    data = media.mov(f"full {protocol}", 24 << 20)
    tus, draft = Tus(server, key), Draft(server, key)
    first = 3 << 20
    if protocol == "tus":
        address = tus.create(Upload_Defer_Length=1)
        assert tus.append(address, 0, data[:first], chunked=True).status == 204
        more = lambda start, end: tus.append(address, start, data[start:end], chunked=True)
    else:
        address = draft.begun(data[:first], chunked=True)
        more = lambda start, end: draft.append(address, start, data[start:end], complete=False, chunked=True)
    balloon = fill(small_disk, 6 << 20)

    answer = more(first, len(data))
    assert answer.status == 507, answer
    told = answer.header("upload-offset")
    offset = tus.offset(address)
    assert first <= offset < len(data) and (told is None or int(told) == offset)
    assert free(small_disk) >= RESERVE - (1 << 20), "the catalog's reserve is untouched"
    again = more(offset, len(data))
    assert again.status == 507 and tus.offset(address) >= offset, "still full, nothing lost"
    offset = tus.offset(address)
    assert someone.count() == 0
    assert len(tus.open_uploads()) == 1

    balloon.unlink()
    answer = more(offset, len(data))
    assert answer.status in (201, 204), answer
    if protocol == "tus":
        answer = tus.append(address, len(data), b"", Upload_Length=len(data))
    else:
        answer = draft.append(address, len(data), b"", complete=True)
    assert answer.status in (200, 201, 204) and answer.header("x-asset-status") == "created", answer
    holds_one(someone, data)
    assert len(catalog.inspect(server.data)) == 1


def test_507_and_a_restart_in_between(full_server, small_disk):
    server, someone = full_server
    tus = Tus(server, someone.fields["x_api_key"])
    data = media.mov("full and restarted", 24 << 20)
    address = tus.create(Upload_Defer_Length=1)
    balloon = fill(small_disk, 8 << 20)
    answer = tus.append(address, 0, data, chunked=True)
    assert answer.status == 507, answer
    offset = tus.offset(address)
    someone.close()
    server.restart()
    assert tus.offset(address) == offset
    balloon.unlink()
    assert tus.append(address, offset, data[offset:], Upload_Length=len(data)).status == 204
    holds_one(someone, data)


def test_a_disk_that_fills_up_behind_a_resumable_upload(full_server, small_disk):
    """Somebody else takes the last byte while a PATCH runs: what is told afterwards is on disk, and it goes on later."""
    server, someone = full_server
    tus = Tus(server, someone.fields["x_api_key"])
    data = media.mov("behind", 24 << 20)
    address = tus.create(Upload_Defer_Length=1)
    with tus.wire() as wire:
        wire.send(tus.head("PATCH", address, chunked=True, Content_Type=MEDIA, Upload_Offset=0))
        half = len(data) // 2
        wire.send(b"%x\r\n" % half + data[:half] + b"\r\n")
        until(lambda: catalog.staged(server.data), what="the upload has begun")
        balloon = small_disk / "balloon"
        with balloon.open("wb", buffering=0) as file, contextlib.suppress(OSError):
            while True:
                file.write(bytes(1 << 16))
        with contextlib.suppress(ConnectionError):
            wire.send(b"%x\r\n" % (len(data) - half) + data[half:] + b"\r\n0\r\n\r\n")
        assert wire.answer().status == 507
    balloon.unlink()
    offset = tus.offset(address)
    assert offset <= len(data)
    assert tus.append(address, offset, data[offset:], Upload_Length=len(data)).status == 204
    holds_one(someone, data)
    assert len(catalog.inspect(server.data)) == 1
    catalog.integrity(server.data)
