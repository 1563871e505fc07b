"""Uploads far beyond 32 bits: the bytes before the end are a hole in the file, made while the server is stopped.

The catalog's row is moved there too, with the state that SHA-1 has after so many zeros; from then on everything is real:
HEAD, parts, the digest of the whole, the asset.
"""

import base64
import hashlib
import os
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from harness import catalog, client, draft, media
from harness.client import Client
from harness.process import until
from harness.wire import Answer, Closed

# A film whose box of data has no stated end, and zeros from there on.
HEAD = b"\0\0\0\x14ftypqt  \0\0\0\0qt  " + b"\0\0\0\0mdat"
TAIL = bytes((i * 7 + i // 256) & 255 for i in range(3_000_000))
# Offset: chaining value of SHA-1 before it, and SHA-1 of everything once TAIL is there.
PLACES = {
    2**32 + 12_345: ("b38b4f0780fbb660aed4447067d26c349868b633", "da5040535845b6ca212d4b4e8b448555aa39fec0"),
    2**36 + 64: ("c8d910ff178aa582383c29e629a74b53adfadc9a", "33f889d7e1e1fa635071f83742d205c26ce53941"),
    100_000_000_007: ("6e9d71b2bc4b529849a767abb2b39bc37349cb5b", "ffd51eea5aea177746312109a9f23d5efd348674"),
}


def grown(server, location, size, chaining):
    """As if `size` bytes had been received: the stopped server's file and row."""
    with catalog.opened(server.data, write=True) as rows:
        row = rows.execute("SELECT number, staged FROM upload WHERE token = ?", [draft.token(location)]).fetchone()
        with open(server.data / "staging" / row["staged"].decode(), "r+b") as file:
            file.truncate(size)
            os.fsync(file.fileno())
        state = bytes.fromhex(chaining) + size.to_bytes(8, "big") + bytes(size % 64)
        rows.execute("UPDATE upload SET offset = ?, sha1_state = ? WHERE number = ?", [size, state, row["number"]])


@pytest.mark.parametrize("size", PLACES, ids=lambda size: f"{size / 1e9:.1f} GB")
@pytest.mark.parametrize("dialect", ["draft", "tus"])
def test_an_upload_goes_on_and_ends_beyond_32_bits(launch, size, dialect):
    chaining, digest = PLACES[size]
    server = launch(founded=True)
    session = client.session(server)
    server.key = client.api_key(session).fields["x_api_key"]
    session.close()
    speaker = draft.Draft(server, server.key)
    if dialect == "draft":
        location = speaker.begun(HEAD, 'Content-Disposition: inline; filename="long.mov"')
    else:
        location = draft.path(tus(speaker, "POST", draft.RESOURCE, "Upload-Defer-Length: 1").header("Location"))
        assert tus(speaker, "PATCH", location, *part(0), body=HEAD).status == 204
    server.stop()
    grown(server, location, size, chaining)
    server.start()

    before = server.resident()
    answer = speaker.look(location)
    assert draft.offset(answer) == size and answer.header("Upload-Length") is None
    cut = 1_234_567
    if dialect == "draft":
        assert speaker.append(location, size, TAIL[:cut], complete=False).status == 204
        wrong = speaker.append(location, size % (1 << 32), b"x", complete=False)
        assert wrong.status == 409 and draft.offset(wrong) == size + cut, "the offset was cut to 32 bits"
        answer = speaker.append(location, size + cut, TAIL[cut:])
        assert answer.status == 201, answer
    else:
        answer = tus(speaker, "PATCH", location, *part(size), body=TAIL[:cut])
        assert (answer.status, draft.offset(answer)) == (204, size + cut)
        assert tus(speaker, "PATCH", location, *part(size % (1 << 32)), body=b"x").status == 409
        answer = tus(speaker, "PATCH", location, *part(size + cut), f"Upload-Length: {size + len(TAIL)}", body=TAIL[cut:])
        assert (answer.status, draft.offset(answer)) == (204, size + len(TAIL))
    grew = server.resident() - before
    assert grew < 30_000_000, f"memory grew by {grew} bytes"
    asset = answer.header("X-Asset-Id")
    row, = catalog.rows(server.data)
    assert row["size"] == size + len(TAIL) and row["checksum"].hex() == digest
    assert catalog.staged(server.data) == []
    owner = Client(server, x_api_key=server.key)
    tail = owner.original(asset, fields={"Range": f"bytes={size - 3}-{size + 2}"})
    assert (tail.status, tail.body) == (206, bytes(3) + TAIL[:3])
    assert tail.header("Content-Range") == f"bytes {size - 3}-{size + 2}/{size + len(TAIL)}"
    owner.close()


def part(offset):
    return f"Upload-Offset: {offset}", "Content-Type: application/offset+octet-stream"


def tus(speaker, method, target, *fields, body=b""):
    speaker.version = None
    try:
        return speaker.exchange(speaker.head_of(method, target, "Tus-Resumable: 1.0.0", *fields, count=len(body)) + body, method)
    finally:
        speaker.version = 8


def test_lengths_end_at_63_bits(plain_server):
    """Digits that fit no integer are refused, not wrapped."""
    speaker = draft.Draft(plain_server, plain_server.key)
    for digits in (str(2**63), str(2**64), "9" * 40):
        assert tus(speaker, "POST", draft.RESOURCE, f"Upload-Length: {digits}").status in (400, 413)
    location = speaker.begun(media.mov("63 bits")[:10])
    for digits in (str(2**63), str(2**64 + 10), "9" * 40):
        assert tus(speaker, "PATCH", location, *part(digits), body=b"x").status == 400
        assert speaker.append(location, digits, b"x").status == 400
    assert speaker.stands_at(location) == 10


def whole_digest(size):
    """SHA-256 of HEAD, zeros up to `size`, and TAIL."""
    digest, zeros = hashlib.sha256(HEAD), bytes(8 << 20)
    left = size - len(HEAD)
    while left:
        digest.update(zeros[:left])
        left -= min(left, len(zeros))
    digest.update(TAIL)
    return digest.digest()


def begin_long_finish(launch, size, sha256):
    """An upload whose last part makes it whole, and whose finish reads all of it again for its SHA-256; the thread that
    brings that part, and what it was answered."""
    server = launch(founded=True)
    session = client.session(server)
    server.key = client.api_key(session).fields["x_api_key"]
    session.close()
    speaker = draft.Draft(server, server.key)
    location = speaker.begun(
        HEAD, 'Content-Disposition: inline; filename="long.mov"', f"Repr-Digest: sha-256=:{base64.b64encode(sha256).decode()}:")
    server.stop()
    grown(server, location, size, PLACES[size][0])
    server.start()
    answers = []

    def bring():
        try:
            answers.append(speaker.append(location, size, TAIL))
        except (OSError, Closed) as error:
            answers.append(error)

    sender = threading.Thread(target=bring, daemon=True)
    sender.start()
    file, = (server.data / "staging").iterdir()
    # Whole, so that its digest is being made.
    until(lambda: file.stat().st_size == size + len(TAIL), 60, "the last byte")
    return server, speaker, location, sender, answers


def stop_and_time(server):
    began = time.monotonic()
    server.signal(signal.SIGTERM)
    assert server.wait(12) == 0, server.tail()
    return time.monotonic() - began


def test_a_stop_lets_a_finish_of_seconds_end(launch):
    """SIGTERM while 4 GB are being stored: answered before the end, or whole after it; stored once in either case."""
    size = 2**32 + 12_345
    server, speaker, location, sender, answers = begin_long_finish(launch, size, whole_digest(size))
    assert stop_and_time(server) < 10
    sender.join(10)
    server.start()
    if not (answers and isinstance(answers[0], Answer) and answers[0].status == 201):
        assert speaker.stands_at(location) == size + len(TAIL)
        with speaker.wire(limit=60) as wire:
            answers = [wire.send(speaker.part(location, size + len(TAIL), 0)).answer("PATCH")]
    assert answers[0].status == 201, answers
    row, = catalog.rows(server.data)
    assert row["size"] == size + len(TAIL) and row["checksum"].hex() == PLACES[size][1]
    assert speaker.look(location).header("X-Asset-Id") == answers[0].header("X-Asset-Id")
    assert catalog.staged(server.data) == []


def test_a_stop_does_not_wait_for_a_finish_of_a_minute(launch):
    """Reading 64 GiB again takes longer than a stop may: the server leaves it, and not a byte is lost."""
    size = 2**36 + 64
    server, speaker, location, sender, answers = begin_long_finish(launch, size, bytes(32))
    assert stop_and_time(server) < 10
    sender.join(10)
    assert not (answers and isinstance(answers[0], Answer) and answers[0].status < 300), answers
    server.start()
    assert catalog.rows(server.data) == []
    assert speaker.stands_at(location) == size + len(TAIL)
    assert len(catalog.staged(server.data)) == 1


def test_nobody_interrupts_a_finish(launch):
    """While 100 GB are being stored: who asks waits, and hears that it is busy and when to come again. No DELETE tears it."""
    size = 100_000_000_007
    server, speaker, location, sender, answers = begin_long_finish(launch, size, bytes(32))

    def ask(method, *fields, by_tus):
        began = time.monotonic()
        with speaker.wire(limit=60) as wire:
            head = speaker.head_of(method, location, *fields, *(["Tus-Resumable: 1.0.0"] if by_tus else []), count=0)
            answer = wire.send(head).answer(method)
        assert time.monotonic() - began < 30, "it waits no longer than 25 s"
        assert answer.status == (423 if by_tus else 503) and int(answer.header("Retry-After")) >= 1, answer
        assert answer.header("X-Asset-Status") is None

    asked = [
        lambda: ask("DELETE", by_tus=True), lambda: ask("DELETE", by_tus=False), lambda: ask("HEAD", by_tus=True),
        lambda: ask("HEAD", by_tus=False), lambda: ask("PATCH", *part(size), by_tus=True),
        lambda: ask("PATCH", f"Upload-Offset: {size}", "Content-Type: application/partial-upload", "Upload-Complete: ?1", by_tus=False)]
    with ThreadPoolExecutor(len(asked)) as pool:
        for one in [pool.submit(each) for each in asked]:
            one.result()
    # The list is no question to the upload: it waits for nothing.
    owner = Client(server, x_api_key=server.key)
    assert owner.get(draft.RESOURCE, checked=False).status == 200
    owner.close()
    assert not any(isinstance(answer, Answer) for answer in answers), "it was stored meanwhile: the test proves nothing"
    server.kill()
    sender.join(10)
    server.start()
    assert speaker.stands_at(location) == size + len(TAIL)
    assert speaker.cancel(location).status == 204
    assert catalog.staged(server.data) == []
