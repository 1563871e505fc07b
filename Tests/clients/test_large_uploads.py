"""Uploads far beyond 32 bits: the bytes before the end are a hole in the file, made while the server is stopped.

The catalog's row is moved there too, with the state that SHA-1 has after so many zeros; from then on everything is real:
HEAD, parts, the digest of the whole, the asset.
"""

import os

import pytest

from harness import catalog, client, draft, media
from harness.client import Client

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
    server = launch()
    client.sign_up(server)
    session, _ = client.log_in(server)
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
