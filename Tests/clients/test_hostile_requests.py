"""Requests that no honest client sends, over raw sockets, plain and TLS: refused with the right status, and readable."""

import threading

import pytest

from harness import contract, media, multipart
from harness.process import until
from harness.wire import Closed, Wire, exchange, get

NEXT = get("/api/server/version")


def head(line, *fields, host=True):
    lines = [line, *(["Host: nightstand.test"] if host else []), *fields]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def post(*fields, line="POST /api/auth/login HTTP/1.1"):
    return head(line, "Content-Type: application/json", *fields)


MANY = [f"X-Field-{index}: v" for index in range(101)]
REFUSED = {
    # Two parsers that read these differently can be made to disagree where a request ends.
    "length and coding": (400, post("Content-Length: 5", "Transfer-Encoding: chunked") + b"0\r\n\r\n"),
    "coding and length": (400, post("Transfer-Encoding: chunked", "Content-Length: 5") + b"0\r\n\r\n"),
    "two lengths": (400, post("Content-Length: 5", "Content-Length: 6") + b"hello"),
    "two equal lengths": (400, post("Content-Length: 5", "Content-Length: 5") + b"hello"),
    "a list of lengths": (400, post("Content-Length: 5, 5") + b"hello"),
    "a signed length": (400, post("Content-Length: +5") + b"hello"),
    "a negative length": (400, post("Content-Length: -5") + b"hello"),
    "a hexadecimal length": (400, post("Content-Length: 0x5") + b"hello"),
    "a fractional length": (400, post("Content-Length: 5.0") + b"hello"),
    "an empty length": (400, post("Content-Length:") + b"hello"),
    "a length with a space": (400, post("Content-Length: 5 5") + b"hello"),
    "an underscored length": (400, post("Content-Length: 1_0") + b"hello"),
    "a length beyond 64 bits": (400, post("Content-Length: 18446744073709551621") + b"hello"),
    "an endless length": (400, post("Content-Length: " + "9" * 400) + b"hello"),
    "a length in other digits": (400, post("Content-Length: \xb2") + b"hello"),
    "an unknown coding": (400, post("Transfer-Encoding: xchunked") + b"0\r\n\r\n"),
    "two codings": (400, post("Transfer-Encoding: gzip, chunked") + b"0\r\n\r\n"),
    "chunked twice": (400, post("Transfer-Encoding: chunked, chunked") + b"0\r\n\r\n"),
    "chunked in two fields": (400, post("Transfer-Encoding: chunked", "Transfer-Encoding: chunked") + b"0\r\n\r\n"),
    "chunked, then identity": (400, post("Transfer-Encoding: chunked, identity") + b"0\r\n\r\n"),
    "identity": (400, post("Transfer-Encoding: identity") + b"0\r\n\r\n"),
    "an empty coding": (400, post("Transfer-Encoding:") + b"0\r\n\r\n"),
    "a quoted coding": (400, post('Transfer-Encoding: "chunked"') + b"0\r\n\r\n"),
    "a coding with a vertical tab": (400, post("Transfer-Encoding: \x0bchunked") + b"0\r\n\r\n"),
    "a coding in HTTP/1.0": (400, post("Transfer-Encoding: chunked", line="POST /api/auth/login HTTP/1.0") + b"0\r\n\r\n"),
    "a folded field": (400, head("GET / HTTP/1.1", "X-A: one\r\n two")),
    "a field folded by a tab": (400, head("GET / HTTP/1.1", "X-A: one\r\n\ttwo")),
    "a folded coding": (400, post("Transfer-Encoding:\r\n chunked") + b"0\r\n\r\n"),
    "a space before the first field": (400, head("GET / HTTP/1.1\r\n X: y")),
    "a space before the colon": (400, head("GET / HTTP/1.1", "Content-Length : 5")),
    "a tab before the colon": (400, head("GET / HTTP/1.1", "X-A\t: b")),
    "a field without a colon": (400, head("GET / HTTP/1.1", "X-A")),
    "a field without a name": (400, head("GET / HTTP/1.1", ": b")),
    "a space in a field name": (400, head("GET / HTTP/1.1", "X A: b")),
    "a slash in a field name": (400, head("GET / HTTP/1.1", "X/A: b")),
    "a field name above ASCII": (400, head("GET / HTTP/1.1", "X-\xc4: b")),
    "a bare LF behind the request line": (400, b"GET /api/server/ping HTTP/1.1\nHost: x\r\n\r\n"),
    "a bare LF behind a field": (400, b"GET /api/server/ping HTTP/1.1\r\nHost: x\nX: y\r\n\r\n"),
    "bare LFs only": (400, b"GET /api/server/ping HTTP/1.1\nHost: x\n\n"),
    "a bare LF for the empty line": (400, b"GET /api/server/ping HTTP/1.1\r\nHost: x\r\n\n"),
    "a bare CR in a field": (400, head("GET / HTTP/1.1", "X-A: one\rX-B: two")),
    "a bare CR behind the request line": (400, b"GET /api/server/ping HTTP/1.1\rHost: x\r\n\r\n"),
    "a bare CR in the target": (400, head("GET /\rx HTTP/1.1")),
    "NUL in a field": (400, head("GET / HTTP/1.1", "X-A: b\0c")),
    "NUL in a field name": (400, head("GET / HTTP/1.1", "X\0A: b")),
    "NUL in the target": (400, head("GET /\0 HTTP/1.1")),
    "a control byte in a field": (400, head("GET / HTTP/1.1", "X-A: b\x01c")),
    "DEL in a field": (400, head("GET / HTTP/1.1", "X-A: b\x7fc")),
    "an escape in the target": (400, head("GET /\x1b HTTP/1.1")),
    "no Host": (400, head("GET /api/server/ping HTTP/1.1", host=False)),
    "two Hosts": (400, head("GET /api/server/ping HTTP/1.1", "Host: other.test")),
    "two equal Hosts": (400, head("GET /api/server/ping HTTP/1.1", "Host: nightstand.test")),
    "a Host with a path": (400, head("GET /api/server/ping HTTP/1.1", "Host: a/b", host=False)),
    "a Host with a user": (400, head("GET /api/server/ping HTTP/1.1", "Host: a@b", host=False)),
    "a Host with a space": (400, head("GET /api/server/ping HTTP/1.1", "Host: a b", host=False)),
    "two spaces behind the method": (400, head("GET  /api/server/ping HTTP/1.1")),
    "two spaces before the version": (400, head("GET /api/server/ping  HTTP/1.1")),
    "a space in the target": (400, head("GET /api/server /ping HTTP/1.1")),
    "a space behind the version": (400, head("GET /api/server/ping HTTP/1.1 ")),
    "a space before the method": (400, head(" GET /api/server/ping HTTP/1.1")),
    "no version": (400, head("GET /api/server/ping")),
    "a version in lower case": (400, head("GET /api/server/ping http/1.1")),
    "a version with three digits": (400, head("GET /api/server/ping HTTP/1.11")),
    "a relative target": (400, head("GET api/server/ping HTTP/1.1")),
    "a broken escape": (400, head("GET /api/%zz HTTP/1.1")),
    "a cut escape": (400, head("GET /api/%2 HTTP/1.1")),
    "an escape that is not UTF-8": (400, head("GET /api/%ff%fe HTTP/1.1")),
    "an escaped NUL": (400, head("GET /api/%00 HTTP/1.1")),
    "a TLS greeting": (400, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(64)),
    "noise": (400, b"\xff\xfe\xfd noise\r\n\r\n"),
    "an empty request line and no request": (400, b"\r\n\r\n\r\n"),
    "a head over 16 KiB": (431, head("GET / HTTP/1.1", "X-Long: " + "a" * 16_400)),
    "a head over 16 KiB without an end": (431, b"GET / HTTP/1.1\r\nX-Long: " + b"a" * 17_000),
    "many fields over 16 KiB": (431, head("GET / HTTP/1.1", *[f"X-{index}: {'a' * 200}" for index in range(90)])),
    "101 fields": (431, head("GET / HTTP/1.1", *MANY)),
    "a target over 8 KiB": (414, head("GET /" + "a" * 8_300 + " HTTP/1.1")),
    "a query over 8 KiB": (414, head("GET /?" + "a" * 8_300 + " HTTP/1.1")),
    "a target over 8 KiB without an end": (414, b"GET /" + b"a" * 9_000),
    "an unknown method": (501, head("FROBNICATE / HTTP/1.1")),
    "a method in lower case": (501, head("get /api/server/ping HTTP/1.1")),
    "a method glued to another": (501, head("GETGET /api/server/ping HTTP/1.1")),
    "the HTTP/2 preface": (505, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    "HTTP/2.0": (505, head("GET /api/server/ping HTTP/2.0")),
    "HTTP/3.0": (505, head("GET /api/server/ping HTTP/3.0")),
    "HTTP/0.9 with a version": (505, head("GET /api/server/ping HTTP/0.9")),
    "an unknown expectation": (417, post("Content-Length: 5", "Expect: the-unexpected") + b"hello"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused_and_closed(either, name):
    """One readable answer in JSON, then the end of the connection; the request glued behind it is never answered."""
    status, data = REFUSED[name]
    with Wire(either) as wire:
        answer = wire.send(data + NEXT).answer()
        assert answer.status == status, answer
        contract.check_error(answer, name)
        assert answer.header("connection") == "close"
        assert wire.ends() == b"", "something followed the refusal"


@pytest.mark.parametrize("name", ["length and coding", "a bare LF behind a field", "a target over 8 KiB", "101 fields",
                                  "HTTP/2.0", "an unknown method", "NUL in a field"])
def test_refused_byte_by_byte(plain_server, name):
    """The same verdict however the bytes arrive."""
    status, data = REFUSED[name]
    with Wire(plain_server) as wire:
        try:
            for index in range(len(data)):
                wire.send(data[index : index + 1])
        except (BrokenPipeError, ConnectionResetError):
            pass  # it was refused before the end, and a slow reader got more than the server waits for
        answer = wire.answer()
        assert answer.status == status


ACCEPTED = {
    "an empty line first": b"\r\n" + get(),
    "a target in absolute form": head("GET http://nightstand.test/api/server/ping HTTP/1.1"),
    "HTTP/1.0 without a Host": head("GET /api/server/ping HTTP/1.0", host=False),
    "spaces around a value": head("GET /api/server/ping HTTP/1.1", "X-A:   b  \t "),
    "an empty value": head("GET /api/server/ping HTTP/1.1", "X-A:"),
    "a value above ASCII": head("GET /api/server/ping HTTP/1.1", "X-A: \xc3\xbc\xff"),
    "a Host with a port": head("GET /api/server/ping HTTP/1.1", "Host: [::1]:2283", host=False),
    "an escaped path": head("GET /api/%73erver/ping HTTP/1.1"),
    "99 more fields": head("GET /api/server/ping HTTP/1.1", *MANY[:99]),
    "a head just under 16 KiB": head("GET /api/server/ping HTTP/1.1", "X-Long: " + "a" * 16_200),
    "a target just under 8 KiB": head("GET /api/server/ping?" + "a" * 8_100 + " HTTP/1.1"),
    "chunked in capitals": post("Transfer-Encoding: Chunked", line="GET /api/server/ping HTTP/1.1") + b"0\r\n\r\n",
    "a body on a GET": head("GET /api/server/ping HTTP/1.1", "Content-Length: 5") + b"hello",
}


@pytest.mark.parametrize("name", ACCEPTED)
def test_odd_but_legal(either, name):
    assert exchange(either, ACCEPTED[name]).status == 200


BROKEN_CHUNKS = {
    "no size": b"\r\nhello\r\n0\r\n\r\n", "a size that is none": b"xyz\r\nhello\r\n0\r\n\r\n",
    "a signed size": b"+5\r\nhello\r\n0\r\n\r\n", "a negative size": b"-5\r\nhello\r\n0\r\n\r\n",
    "a size with 0x": b"0x5\r\nhello\r\n0\r\n\r\n", "a space before the size": b" 5\r\nhello\r\n0\r\n\r\n",
    "a size beyond 64 bits": b"ffffffffffffffff1\r\nhello\r\n0\r\n\r\n", "a huge size": b"7fffffffffffffff\r\nhello",
    "a bare LF behind the size": b"5\nhello\r\n0\r\n\r\n", "a bare LF behind the data": b"5\r\nhello\n0\r\n\r\n",
    "data too long": b"5\r\nhello!\r\n0\r\n\r\n", "data too short": b"5\r\nhell\r\n0\r\n\r\n",
    "a bare LF at the end": b"0\r\n\n", "an endless extension": b"5;" + b"a" * 100_000 + b"\r\nhello\r\n0\r\n\r\n",
    "a control byte in an extension": b"5;a=\x00\r\nhello\r\n0\r\n\r\n",
    "an endless trailer": b"0\r\nX: " + b"a" * 100_000 + b"\r\n\r\n",
    "many trailers": b"0\r\n" + b"X: y\r\n" * 5_000 + b"\r\n",
}


@pytest.mark.parametrize("name", BROKEN_CHUNKS)
def test_a_broken_chunk_ends_the_connection(either, name):
    """400 or 413, and what follows is never taken for the next request."""
    with Wire(either) as wire:
        data = post("Transfer-Encoding: chunked") + BROKEN_CHUNKS[name]
        if name == "a huge size":
            # Legal so far: it is the limit of the route that ends it.
            data += b"a" * (2 << 20)
        answer = wire.send(data + NEXT).answer()
        assert answer.status in (400, 413, 431), answer
        contract.check_error(answer, name)
        assert wire.ends() == b""


def test_chunked_with_extensions_and_trailers(either, someone):
    data = media.jpeg(f"chunks {either.scheme}")
    body = multipart.chunked(
        multipart.upload(data, "chunks.jpg"), (1, 2, 3, 500), extension=b';name="a;b"; x=y',
        trailer=b"X-Trailer: ignored\r\nContent-Length: 7\r\n")
    fields = [f"x-api-key: {either.key}", f"Content-Type: {multipart.content_type()}", "Transfer-Encoding: chunked"]
    with Wire(either) as wire:
        answer = wire.send(head("POST /api/assets HTTP/1.1", *fields) + body + NEXT, piece=997).answer()
        assert answer.status == 201, answer
        assert wire.answer().json()["major"] == 3, "the next request begins right behind the trailers"
        assert someone.original(answer.json()["id"]).body == data


def test_byte_by_byte(either, someone):
    data = media.jpeg(f"bytes {either.scheme}", 16)
    body = multipart.upload(data, "bytes.jpg")
    fields = [f"x-api-key: {either.key}", f"Content-Type: {multipart.content_type()}"]
    request = head("POST /api/assets HTTP/1.1", *fields, f"Content-Length: {len(body)}") + body
    with Wire(either) as wire:
        assert wire.send(request, piece=1).answer().status == 201
        assert wire.send(get(), piece=1).answer().status == 200


def test_twenty_pipelined_requests_are_answered_in_order(either):
    """Different answers, so that an exchanged pair would show; sent at once, and again in odd pieces."""
    targets = ["/api/server/ping", "/api/server/version", "/api/users/me", "/.well-known/immich"] * 5
    expected = ["res", "major", "message", "api"] * 5
    for piece in (None, 11):
        with Wire(either) as wire:
            wire.send(b"".join(map(get, targets)), piece=piece)
            assert [next(iter(wire.answer().json())) for _ in targets] == expected


def test_pipelining_with_bodies_between(either, someone):
    photos = [media.jpeg(f"pipeline {index} {either.scheme}", 16) for index in range(5)]
    data = b""
    for photo in photos:
        body = multipart.upload(photo, "p.jpg")
        data += head("POST /api/assets HTTP/1.1", f"x-api-key: {either.key}",
                     f"Content-Type: {multipart.content_type()}", f"Content-Length: {len(body)}") + body + get()
    with Wire(either) as wire:
        wire.send(data)
        for photo in photos:
            stored = wire.answer()
            assert stored.status == 201, stored
            assert someone.original(stored.json()["id"]).body == photo
            assert wire.answer().json() == {"res": "pong"}


def test_a_flood_of_pipelined_requests_whose_answers_nobody_reads(either):
    """The server stops reading instead of buffering: its memory stays where it was, and others are served."""
    before = either.resident()
    big = get("/api/server/media-types")
    with Wire(either, limit=2, receive_buffer=4096) as wire:
        try:
            for _ in range(2000):
                wire.send(big * 50)
        except (TimeoutError, ConnectionError):
            pass
        assert exchange(either, get()).status == 200
        assert either.resident() - before < 30 << 20


def test_body_bytes_are_never_the_next_request(either):
    """A refused upload's body looks like requests; only the refusal is answered."""
    body = get("/api/server/version") * 50
    fields = ["x-api-key: wrong", f"Content-Type: {multipart.content_type()}"]
    for framing, sent in ((f"Content-Length: {len(body)}", body), ("Transfer-Encoding: chunked", multipart.chunked(body))):
        with Wire(either) as wire:
            answer = wire.send(head("POST /api/assets HTTP/1.1", *fields, framing) + sent).answer()
            assert answer.status == 401
            if answer.header("connection") == "close":
                assert wire.ends() == b""
            else:
                # It may keep the connection, if it read the body to its end first.
                assert wire.send(get()).answer().json() == {"res": "pong"}


def test_longer_than_declared(either, someone):
    """The declared part is the request; what is over is read as the next one, which it is not."""
    data = media.jpeg(f"longer {either.scheme}")
    body = multipart.upload(data, "longer.jpg")
    fields = [f"x-api-key: {either.key}", f"Content-Type: {multipart.content_type()}"]
    with Wire(either) as wire:
        wire.send(head("POST /api/assets HTTP/1.1", *fields, f"Content-Length: {len(body)}") + body + b"too much\r\n\r\n")
        first = wire.answer()
        assert first.status == 201, first
        second = wire.answer()
        assert second.status == 400
        contract.check_error(second)
        assert wire.ends() == b""
    assert someone.original(first.json()["id"]).body == data


def test_shorter_than_declared(either, someone):
    """The client says 1,000 bytes more than it sends and half-closes: nothing is stored."""
    before = someone.count()
    body = multipart.upload(media.jpeg(f"shorter {either.scheme}"), "shorter.jpg")
    fields = [f"x-api-key: {either.key}", f"Content-Type: {multipart.content_type()}"]
    with Wire(either) as wire:
        wire.send(head("POST /api/assets HTTP/1.1", *fields, f"Content-Length: {len(body) + 1000}") + body)
        wire.half_close()
        # Nobody promised to read the answer to half a request: silence is fine, success is not.
        try:
            assert wire.answer().status == 400
        except (Closed, OSError):
            pass
    until(lambda: someone.get("/api/server/ping").status == 200)
    assert someone.count() == before


def test_chunked_without_its_last_chunk_is_not_complete(either, someone):
    before = someone.count()
    body = multipart.chunked(multipart.upload(media.jpeg(f"endless {either.scheme}"), "endless.jpg"))
    fields = [f"x-api-key: {either.key}", f"Content-Type: {multipart.content_type()}", "Transfer-Encoding: chunked"]
    with Wire(either) as wire:
        wire.send(head("POST /api/assets HTTP/1.1", *fields) + body[:-5])
        wire.half_close()
        try:
            assert wire.answer().status == 400
        except (Closed, OSError):
            pass
    assert someone.count() == before


def test_a_body_over_the_limit_of_its_route(either):
    """413 for JSON, by its declared length at once, and by counting where none was declared."""
    with Wire(either) as wire:
        answer = wire.send(post("Content-Length: 500000000")).answer()
        assert answer.status == 413
        contract.check_error(answer)
        assert wire.ends() == b""
    with Wire(either) as wire:
        wire.send(post("Transfer-Encoding: chunked"))
        sender = threading.Thread(target=flood, args=(wire, b"100000\r\n" + b"a" * 0x100000 + b"\r\n", 64), daemon=True)
        sender.start()
        answer = wire.answer()
        assert answer.status == 413
        contract.check_error(answer)
        sender.join(20)
        assert not sender.is_alive()


def flood(wire, piece, count):
    try:
        for _ in range(count):
            wire.send(piece)
    except (OSError, ValueError):
        pass  # the server has had enough


@pytest.mark.parametrize("fields, status", [
    (["x-api-key: wrong"], 401), ([], 401), (["Expect: 100-continue", "x-api-key: wrong"], 401)])
def test_an_early_refusal_is_readable_while_64_mib_are_under_way(plain_server, fields, status):
    """The client sends on without looking; it must still find the answer, not a reset."""
    size = 64 << 20
    with Wire(plain_server) as wire:
        wire.send(head("POST /api/assets HTTP/1.1", f"Content-Type: {multipart.content_type()}",
                       f"Content-Length: {size}", *fields))
        wire.socket.settimeout(30)
        piece, sent = b"a" * (1 << 20), 0
        while sent < size:
            wire.send(piece)  # a reset or a closed door would raise here
            sent += len(piece)
        answer = wire.answer()
        assert answer.status == status
        contract.check_error(answer)
        assert wire.ends() == b""


def test_an_early_refusal_is_readable_over_tls_too(tls_server):
    size = 64 << 20
    with Wire(tls_server) as wire:
        wire.send(head("POST /api/assets HTTP/1.1", "x-api-key: wrong", f"Content-Type: {multipart.content_type()}",
                       f"Content-Length: {size}"))
        piece, sent = b"a" * (1 << 20), 0
        while sent < size:
            wire.send(piece)
            sent += len(piece)
        answer = wire.answer()
        assert answer.status == 401
        assert wire.ends() == b""


def test_an_error_keeps_the_connection_where_the_framing_is_sound(either):
    """404, 405, 401 and 400 of the API are answers, not accidents."""
    with Wire(either) as wire:
        for target, status in [("/api/nothing", 404), ("/api/users/me", 401), ("/api/server/ping", 200)]:
            assert wire.send(get(target)).answer().status == status
        body = b"not json"
        wire.send(post(f"Content-Length: {len(body)}") + body)
        assert wire.answer().status == 400
        assert wire.send(get()).answer().status == 200


def test_connection_close_is_obeyed(either):
    with Wire(either) as wire:
        answer = wire.send(get("/api/server/ping", "Connection: close")).answer()
        assert answer.status == 200 and answer.header("connection") == "close"
        assert wire.ends() == b""
    with Wire(either) as wire:
        answer = wire.send(head("GET /api/server/ping HTTP/1.0", "Connection: keep-alive")).answer()
        assert answer.status == 200
        if answer.header("connection", ) == "keep-alive":
            assert wire.send(head("GET /api/server/ping HTTP/1.0")).answer().status == 200
        assert wire.ends() == b""
