"""tus 1.0.0 from the client's side, over raw sockets: one connection per request, every byte chosen by the test."""

import base64
import json

from . import multipart
from .client import base64_sha1
from .wire import Answer, Wire

RESOURCE = "/api/backup/uploads"
MEDIA = "application/offset+octet-stream"
VERSION = "1.0.0"


def metadata(**values):
    """`Upload-Metadata`: text or bytes; None is a key without a value."""
    pairs = []
    for key, value in values.items():
        data = value.encode() if isinstance(value, str) else value
        pairs.append(key if data is None else f"{key} {base64.b64encode(data).decode()}")
    return ",".join(pairs)


def parse_metadata(text):
    """The pairs as they came: key to base64 text or None."""
    pairs = [pair.split(" ") for pair in (text or "").split(",") if pair]
    return {pair[0]: pair[1] if len(pair) > 1 else None for pair in pairs}


class Tus:
    """One person's uploads. `server` is anything with a port: the server itself, or a proxy before it."""

    def __init__(self, server, key=None, *, source="127.0.0.1", limit=15.0, resource=RESOURCE):
        self.server, self.key, self.source, self.limit, self.resource = server, key, source, limit, resource

    def head(self, method, target, *, length=0, version=VERSION, chunked=False, host="nightstand.test", **fields):
        """The bytes of a request's head. A field of None is left out, one with several values goes over several lines."""
        sent = {"Host": host, "Tus-Resumable": version, "x-api-key": self.key}
        if chunked:
            sent["Transfer-Encoding"] = "chunked"
        elif length is not None and (length or method in ("POST", "PATCH", "PUT")):
            sent["Content-Length"] = str(length)
        lines = [f"{method} {target} HTTP/1.1"]
        for name, value in (sent | {name.replace("_", "-"): value for name, value in fields.items()}).items():
            for each in value if isinstance(value, list) else [value]:
                if each is not None:
                    lines.append(f"{name}: {each}")
        return ("\r\n".join(lines) + "\r\n\r\n").encode()

    def wire(self) -> Wire:
        return Wire(self.server, source=self.source, limit=self.limit)

    def request(self, method, target=None, body=b"", *, chunked=False, **fields) -> Answer:
        """One request on a connection of its own; a refusal in the middle of the body is read all the same."""
        payload = multipart.chunked(body) if chunked else body
        fields.setdefault("length", len(body))
        with self.wire() as wire:
            wire.send(self.head(method, target or self.resource, chunked=chunked, **fields))
            try:
                wire.send(payload)
            except (BrokenPipeError, ConnectionResetError):
                pass
            answer = wire.answer(method)
        if method != "OPTIONS":
            assert answer.all("tus-resumable") == [VERSION] or fields.get("version", VERSION) is None, (
                f"{method} {target}: {answer} says Tus-Resumable {answer.all('tus-resumable')}")
        return answer

    def create(self, length=None, **fields) -> str:
        """A new upload; its address."""
        answer = self.request("POST", **({} if length is None else {"Upload_Length": length}), **fields)
        assert answer.status == 201, answer
        return answer.header("location")

    def status(self, url, **fields) -> Answer:
        return self.request("HEAD", url, **fields)

    def offset(self, url) -> int:
        answer = self.status(url)
        assert answer.status in (200, 204), answer
        return int(answer.header("upload-offset"))

    def append(self, url, offset, data=b"", **fields) -> Answer:
        return self.request("PATCH", url, data, **{"Content_Type": MEDIA, "Upload_Offset": offset} | fields)

    def delete(self, url, **fields) -> Answer:
        return self.request("DELETE", url, **fields)

    def open_uploads(self):
        """What the owner's list says about uploads in progress."""
        answer = self.request("GET", version=None)
        assert answer.status == 200, answer
        return json.loads(answer.body)


def holds_one(someone, data):
    """Asserts that the bytes are there once, as an asset that gives them back; the asset's id."""
    verdict = someone.check(base64_sha1(data))[0]
    assert verdict["action"] == "reject" and verdict["reason"] == "duplicate", verdict
    assert not verdict.get("isTrashed")
    original = someone.original(verdict["assetId"], checked=False)
    assert original.status == 200, original
    assert original.body == data, "the asset has other bytes"
    return verdict["assetId"]


def holds_none(someone, data):
    verdict = someone.check(base64_sha1(data))[0]
    assert verdict["action"] == "accept", verdict
