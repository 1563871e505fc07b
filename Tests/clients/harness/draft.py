"""The client's side of the IETF draft "Resumable Uploads for HTTP", one interop version at a time, over raw sockets."""

import base64
import itertools
import re

from . import client, multipart
from .wire import Answer, Wire

VERSIONS = (3, 4, 5, 6, 7, 8)
RESOURCE = "/api/backup/uploads"
RAW = "/api/backup/assets"
IMMICH = "/api/assets"
PROBLEMS = "https://iana.org/assignments/http-problem-types#"

# Every test comes from an address of its own: whether a peer gets 104s depends on what the same address did before.
_addresses = (f"127.1.{high}.{low}" for high, low in itertools.product(range(256), range(1, 255)))


def address():
    """A loopback address that nobody has used yet."""
    return next(_addresses)


class Draft:
    """One client that speaks one version; None is curl without a version. Each request has a connection of its own."""

    def __init__(self, server, key, version: int | None = 8, *, source=None):
        self.server, self.key, self.version, self.source = server, key, version, source or address()

    def wire(self, **options):
        return Wire(self.server, source=self.source, **options)

    # MARK: Fields

    def completeness(self, complete):
        """The field that says whether an upload is complete with this request: version 3 says the contrary."""
        if self.version == 3:
            return f"Upload-Incomplete: ?{int(not complete)}"
        return f"Upload-Complete: ?{int(complete)}"

    def says_complete(self, answer: Answer):
        """What an answer's completeness field says; None where it says nothing."""
        value = answer.header("Upload-Incomplete" if self.version == 3 else "Upload-Complete")
        if value is None:
            return None
        assert value in ("?0", "?1"), value
        return (value == "?1") != (self.version == 3)

    def _credentials(self):
        return [f"x-api-key: {self.key}"] if self.key else []

    def head_of(self, method, target, *fields, count=None, protocol="HTTP/1.1"):
        """The bytes of a request's head. `count` is its Content-Length."""
        lines = [f"{method} {target} {protocol}", "Host: nightstand.test", *self._credentials()]
        if self.version is not None:
            lines.append(f"Upload-Draft-Interop-Version: {self.version}")
        lines += fields
        if count is not None:
            lines.append(f"Content-Length: {count}")
        return ("\r\n".join(lines) + "\r\n\r\n").encode()

    def creation(self, count, *fields, complete=True, target=RESOURCE, method="POST", length=None):
        """The head of a creation whose body has `count` bytes (None: chunked)."""
        sent = [self.completeness(complete), *fields]
        if length is not None:
            sent.append(f"Upload-Length: {length}")
        if count is None:
            sent.append("Transfer-Encoding: chunked")
        return self.head_of(method, target, *sent, count=count)

    def part(self, location, offset, count, *fields, complete=True, length=None):
        """The head of an append of `count` bytes (None: chunked)."""
        sent = [self.completeness(complete), f"Upload-Offset: {offset}", *fields]
        if self.version is None or self.version >= 6:
            sent.append("Content-Type: application/partial-upload")
        if length is not None:
            sent.append(f"Upload-Length: {length}")
        if count is None:
            sent.append("Transfer-Encoding: chunked")
        return self.head_of("PATCH", location, *sent, count=count)

    # MARK: Whole requests

    def exchange(self, data, method="GET") -> Answer:
        with self.wire() as wire:
            return wire.send(data).answer(method)

    def create(self, body=b"", *fields, chunked=False, **options) -> Answer:
        head = self.creation(None if chunked else len(body), *fields, **options)
        return self.exchange(head + (multipart.chunked(body) if chunked else body))

    def append(self, location, offset, body=b"", *fields, chunked=False, **options) -> Answer:
        head = self.part(location, offset, None if chunked else len(body), *fields, **options)
        return self.exchange(head + (multipart.chunked(body) if chunked else body))

    def look(self, location, *fields) -> Answer:
        """HEAD: where the upload stands."""
        return self.exchange(self.head_of("HEAD", location, *fields), "HEAD")

    def cancel(self, location, *fields) -> Answer:
        return self.exchange(self.head_of("DELETE", location, *fields))

    # MARK: Shortcuts

    def begun(self, body=b"", *fields, **options) -> str:
        """The address of an upload of which `body` is there and more will come."""
        answer = self.create(body, *fields, complete=False, **options)
        assert answer.status == 201, answer
        assert offset(answer) in (None, len(body)), answer.fields
        return path(answer.header("Location"))

    def stands_at(self, location) -> int:
        answer = self.look(location)
        assert answer.status in (200, 204), answer
        return offset(answer)


def path(location):
    """The path of an address, absolute or relative."""
    assert location, "no Location"
    found = re.fullmatch(r"(?:https?://[^/]+)?(/[\x21-\x7e]*)", location)
    assert found, f"not an address: {location!r}"
    return found[1]


def token(location) -> bytes:
    """The 32 bytes that an upload's address is made of."""
    text = path(location).rsplit("/", 1)[1]
    assert re.fullmatch(r"[A-Za-z0-9_-]{43}", text), f"not 256 bits in base64url: {text!r}"
    return base64.urlsafe_b64decode(text + "=")


def offset(answer: Answer):
    value = answer.header("Upload-Offset")
    assert value is None or re.fullmatch(r"0|[1-9]\d{0,14}", value), value
    return None if value is None else int(value)


def limits(answer: Answer):
    """`Upload-Limit` as a dictionary; None where there is none. Every known key is an Integer."""
    value = answer.header("Upload-Limit")
    if value is None:
        return None
    pairs = [part.strip().partition("=") for part in value.split(",")]
    assert all(re.fullmatch(r"[a-z][a-z-]*", name) and re.fullmatch(r"\d{1,15}", number) for name, _, number in pairs), value
    return {name: int(number) for name, _, number in pairs}


def problem(answer: Answer):
    """The problem type's name and the whole object."""
    assert answer.content_type == "application/problem+json", answer.fields
    said = answer.json()
    assert said["type"].startswith(PROBLEMS), said
    return said["type"].removeprefix(PROBLEMS), said


# MARK: What must be so


def final(speaker, answer, data, status=201):
    """Asserts the answer to a complete upload, and that the asset is these bytes. Returns its id."""
    assert answer.status == status, answer
    said = answer.json()
    assert said["status"] == {201: "created", 200: "duplicate"}[status]
    assert speaker.says_complete(answer) is True, answer.fields
    assert answer.header("X-Asset-Id") == said["id"]
    assert answer.header("X-Asset-Status") == said["status"]
    assert answer.header("Content-Location") == f"/api/assets/{said['id']}"
    assert f"sha=:{client.base64_sha1(data)}:" in answer.header("Repr-Digest")
    stored(speaker.server, said["id"], data)
    return said["id"]


def stored(server, asset, data):
    reader = client.Client(server, x_api_key=server.key)
    try:
        answer = reader.original(asset)
        assert answer.status == 200 and answer.body == data
        return reader.get(f"/api/assets/{asset}").json()
    finally:
        reader.close()


def gone(speaker, location):
    """The upload is dead for every method."""
    for answer in (speaker.look(location), speaker.append(location, 0, b"late"), speaker.cancel(location)):
        assert answer.status in (404, 410), answer
        assert answer.header("Upload-Offset") is None or answer.status == 410
    return True
