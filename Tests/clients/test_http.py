"""HTTP as browsers, apps and caches rely on it: HEAD, ranges, validators, compression, static files."""

import email.utils
import json
import zlib

import pytest

from harness import media
from harness.process import REPOSITORY
from harness.wire import Wire, exchange, get


@pytest.fixture
def video(either, someone):
    data = media.mov(f"http {either.scheme}", 100_000)
    return someone.upload(data, "clip.mov").json()["id"], data


def fetch(server, asset, *fields, method="GET"):
    request = get(f"/api/assets/{asset}/original", f"x-api-key: {server.key}", *fields)
    with Wire(server) as wire:
        return wire.send(request.replace(b"GET", method.encode(), 1)).answer(method)


def test_head_is_get_without_the_body(either, video):
    asset, data = video
    for request in (get("/api/server/media-types"), get("/api/nothing"), get("/"),
                    get(f"/api/assets/{asset}/original", f"x-api-key: {either.key}")):
        with Wire(either) as wire:
            full = wire.send(request).answer()
            bare = wire.send(request.replace(b"GET", b"HEAD", 1)).answer("HEAD")
            assert bare.status == full.status
            if full.status == 200:  # an error may name the method
                assert bare.header("content-length") == full.header("content-length")
            assert bare.content_type == full.content_type
            assert wire.send(get()).answer().json() == {"res": "pong"}, "no stray body byte is in the way"


RANGES = [
    ("bytes=0-0", 0, 1), ("bytes=0-99", 0, 100), ("bytes=99-", 99, None), ("bytes=-1", -1, None),
    ("bytes=-500", -500, None), ("bytes=50000-50000", 50000, 50001), ("bytes=0-99999999", 0, None),
    ("bytes=-99999999", 0, None), ("bytes= 5-9", 5, 10), ("Bytes=5-9", 5, 10),
]


@pytest.mark.parametrize("field, start, end", RANGES)
def test_a_range_is_cut_exactly(either, video, field, start, end):
    asset, data = video
    answer = fetch(either, asset, f"Range: {field}")
    if answer.status == 200 and field in ("bytes= 5-9", "Bytes=5-9"):
        return  # RFC 9110 lets a server ignore what it does not take for a range
    assert answer.status == 206, answer.status
    assert answer.body == data[start:end]
    first = start if start >= 0 else len(data) + start
    assert answer.header("content-range") == f"bytes {first}-{first + len(answer.body) - 1}/{len(data)}"
    assert answer.header("content-length") == str(len(answer.body))


@pytest.mark.parametrize("field", ["bytes=100050000-", "bytes=-0", "bytes=999999999-999999999"])
def test_a_range_outside_is_416(either, video, field):
    asset, data = video
    answer = fetch(either, asset, f"Range: {field}")
    assert answer.status == 416
    assert answer.header("content-range") == f"bytes */{len(data)}"
    assert answer.content_type == "application/json" and answer.header("x-correlation-id")


@pytest.mark.parametrize("field", [
    "bytes=", "bytes=a-b", "bytes=9-5", "bytes=--5", "items=0-5", "bytes 0-5", "bytes=+1-5", "bytes=0x0-5",
    "bytes=99999999999999999999999-"])
def test_what_is_no_range_is_ignored(either, video, field):
    asset, data = video
    answer = fetch(either, asset, f"Range: {field}")
    assert (answer.status == 200 and answer.body == data) or (
        field.startswith("bytes=9999") and answer.status == 416), answer.status


def test_many_ranges_cannot_multiply_the_answer(either, video):
    """Ten thousand overlapping ranges: one of them, all in one, or the whole file; never a thousandfold answer."""
    asset, data = video
    answer = fetch(either, asset, "Range: bytes=" + ",".join(["0-"] * 2000))
    assert answer.status in (200, 206, 416)
    assert len(answer.body) <= len(data) * 2


def test_if_range(either, video):
    asset, data = video
    whole = fetch(either, asset)
    tag, modified = whole.header("etag"), whole.header("last-modified")
    assert fetch(either, asset, "Range: bytes=0-9", f"If-Range: {tag}").status == 206
    for other in ('"other"', "W/" + tag, "Thu, 01 Jan 1998 00:00:00 GMT"):
        answer = fetch(either, asset, "Range: bytes=0-9", f"If-Range: {other}")
        assert (answer.status, answer.body) == (200, data), other
    # A date is a strong validator only if the server says so: both answers are right.
    assert fetch(either, asset, "Range: bytes=0-9", f"If-Range: {modified}").status in (200, 206)


def test_validators_give_304_without_a_body(either, video):
    asset, data = video
    whole = fetch(either, asset)
    tag, modified = whole.header("etag"), whole.header("last-modified")
    later = email.utils.formatdate(email.utils.parsedate_to_datetime(modified).timestamp() + 60, usegmt=True)
    for fields in ([f"If-None-Match: {tag}"], [f'If-None-Match: "x", {tag}'], ["If-None-Match: *"],
                   [f"If-None-Match: W/{tag}"], [f"If-Modified-Since: {modified}"], [f"If-Modified-Since: {later}"]):
        answer = fetch(either, asset, *fields)
        assert answer.status == 304, fields
        assert answer.header("etag") == tag
    for fields in (['If-None-Match: "x"'], ['If-None-Match: "x"', f"If-Modified-Since: {later}"],
                   ["If-Modified-Since: Thu, 01 Jan 1998 00:00:00 GMT"], ["If-Modified-Since: nonsense"]):
        answer = fetch(either, asset, *fields)
        assert (answer.status, answer.body) == (200, data), fields


def test_a_connection_survives_ranges_and_304(either, video):
    asset, data = video
    tag = fetch(either, asset).header("etag")
    target, key = f"/api/assets/{asset}/original", f"x-api-key: {either.key}"
    with Wire(either) as wire:
        assert wire.send(get(target, key, "Range: bytes=5-14")).answer().body == data[5:15]
        assert wire.send(get(target, key, f"If-None-Match: {tag}")).answer().status == 304
        assert wire.send(get(target, key, "Range: bytes=999999999-")).answer().status == 416
        assert wire.send(get()).answer().json() == {"res": "pong"}


def packed(server, target, accept, body=None):
    """The answer to a request that names the codings it takes; unpacked, with its fields as they came."""
    fields = [f"x-api-key: {server.key}"] + ([f"Accept-Encoding: {accept}"] if accept is not None else [])
    request = get(target, *fields)
    if body is not None:
        request = get(target, *fields, "Content-Type: application/json", f"Content-Length: {len(body)}")
        request = request.replace(b"GET", b"POST", 1) + body
    return exchange(server, request)


# Its answer is 50 rows of JSON, a few KiB.
LONG = json.dumps({"assets": [{"id": f"photo {index}", "checksum": "0" * 40} for index in range(50)]}).encode()
CHECK = "/api/assets/bulk-upload-check"


def test_json_above_one_kib_is_compressed(either):
    plain = packed(either, CHECK, None, LONG)
    assert len(plain.body) > 1024 and not plain.all("content-encoding")
    for accept in ("gzip", "deflate, gzip;q=0.5, br", "*", "GZIP"):
        answer = packed(either, CHECK, accept, LONG)
        assert answer.header("content-encoding") == "gzip", accept
        assert answer.body == plain.body, "unpacked it is the same"
        assert "accept-encoding" in answer.header("vary").lower()
        assert int(answer.header("content-length")) < len(plain.body)
    for accept in ("gzip;q=0", "identity", "br", "*;q=0", "xgzip", ""):
        assert not packed(either, CHECK, accept, LONG).all("content-encoding"), accept
    assert not packed(either, "/api/server/ping", "gzip").all("content-encoding"), "small answers stay as they are"


def test_media_is_never_compressed(either, video):
    asset, data = video
    answer = packed(either, f"/api/assets/{asset}/original", "gzip")
    assert not answer.all("content-encoding") and answer.body == data


def test_a_download_that_nobody_reads_costs_no_memory(either, someone):
    """Thirty clients ask for 20 MB each and read nothing: the server waits for them instead of buffering."""
    data = media.mov(f"large {either.scheme}", 20_000_000)
    asset = someone.upload(data, "large.mov").json()["id"]
    before = either.resident()
    wires = [Wire(either, receive_buffer=4096) for _ in range(30)]
    try:
        for wire in wires:
            wire.send(get(f"/api/assets/{asset}/original", f"x-api-key: {either.key}"))
        assert exchange(either, get()).status == 200
        assert either.resident() - before < 40 << 20
        assert wires[0].answer().body == data, "and a slow one gets everything in the end"
    finally:
        for wire in wires:
            wire.socket.close()


# --- static files

SECRET_FILES = ["/Package.swift", "/migrations/0001_accounts.sql"]
WAYS_OUT = [
    "/../Package.swift", "/../../etc/passwd", "/./../Package.swift", "/x/../../Package.swift",
    "/%2e%2e/Package.swift", "/%2e%2e%2fPackage.swift", "/..%2fPackage.swift", "/.%2e/Package.swift",
    "/%2E%2E/Package.swift", "/..%5cPackage.swift", "/..\\Package.swift", "/%252e%252e/Package.swift",
    "//etc/passwd", "/%2fetc/passwd", "/etc/passwd", "/%00/../Package.swift", "/index.html%00.txt", "/..;/Package.swift",
    "/%c0%ae%c0%ae/Package.swift", "/..%c0%afPackage.swift", "/../Sources/nightstand/main.swift", "/....//Package.swift",
    "/../migrations/0001_accounts.sql", "/.nightstand", "/.git/config", "/../.git/HEAD", "/%2e/index.html",
    "http://nightstand.test/../Package.swift", "/index.html/../../Package.swift", "/.", "/..", "/...",
]


@pytest.mark.parametrize("target", WAYS_OUT)
def test_there_is_no_way_out_of_the_public_folder(either, target):
    answer = exchange(either, get(target))
    assert answer.status in (200, 400, 404), answer
    public = REPOSITORY / "Public"
    served = {path.read_bytes() for path in public.rglob("*") if path.is_file()}
    if answer.status == 200:
        assert answer.body in served, answer
    for needle in (b"swift-tools-version", b"root:x:0", b"CREATE TABLE", b"[core]", b"ref: refs"):
        assert needle not in answer.body


def test_the_page_is_served_with_types_and_validators(either):
    answer = exchange(either, get("/"))
    assert answer.status == 200 and answer.content_type == "text/html"
    assert answer.header("x-content-type-options") == "nosniff"
    tag = answer.header("etag")
    again = exchange(either, get("/", f"If-None-Match: {tag}"))
    assert again.status == 304
    for path in (REPOSITORY / "Public").rglob("*"):
        if path.is_file():
            got = exchange(either, get("/" + str(path.relative_to(REPOSITORY / "Public"))))
            assert (got.status, got.body) == (200, path.read_bytes())


def test_every_answer_tells_the_date(either):
    for target in ("/api/server/ping", "/api/nothing", "/"):
        assert email.utils.parsedate_to_datetime(exchange(either, get(target)).header("date"))


def test_gzip_that_we_cannot_read_is_not_guessed(either):
    """A compressed request body is not supported: 400 or 415, never stored as it came."""
    body = zlib.compress(b'{"email":"a@b.org","password":"x"}')
    request = (f"POST /api/auth/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Encoding: gzip\r\n"
               f"Content-Length: {len(body)}\r\n\r\n").encode() + body
    assert exchange(either, request).status in (400, 415)
