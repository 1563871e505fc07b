"""One file on its way into the server through one door, as a client that survives the server's death would send it."""

import base64
import random
import re

from . import client, draft, multipart
from .client import base64_sha1, sha1
from .wire import Answer, Wire

# Doors that start over, and doors that go on where they stood.
WHOLE = ("multipart", "raw")
RESUMABLE = ("tus", "tus with parts' checksums", "draft", "draft in parts", "resumable multipart")
DOORS = WHOLE + RESUMABLE


class Transfer:
    """`go` sends until the asset's id is known. Where the server dies on the way, `go` again after its restart."""

    def __init__(self, door, data, name, key, *, seed=0):
        self.door, self.data, self.name, self.key = door, data, name, key
        self.chance = random.Random(f"{seed} {name}")
        self.source = draft.address()
        self.version = self.chance.choice(draft.VERSIONS)
        self.body = data
        if door in ("multipart", "resumable multipart"):
            self.body = multipart.upload(data, name)
        # What a client remembers: the address, and the highest offset that it was told.
        self.location: str | None = None
        self.told = 0
        # Whether that address was told in an answer, rather than in a 104 alone.
        self.promised = False
        self.asset: str | None = None
        # Bytes of bodies that were sent, for how much went twice.
        self.sent = 0

    @property
    def digest(self):
        return sha1(self.data).digest()

    def go(self, server) -> str:
        if self.asset is None:
            if self.location is not None:
                self._ask(server)
            if self.asset is None:
                steps = {"multipart": self._whole, "raw": self._whole, "tus": self._tus, "tus with parts' checksums": self._tus}
                steps.get(self.door, self._draft)(server)
        assert re.fullmatch(r"[0-9a-f-]{36}", self.asset or ""), f"{self}: no asset"
        return self.asset

    def replayed(self, server):
        """The kept answer: the address of the finished upload names the asset again and again."""
        if self.location is None:
            return
        answer = self._exchange(server, self._request("HEAD", self.location), "HEAD")
        assert answer.status in (200, 204), f"{self}: the answer is not kept: {answer}"
        assert draft.offset(answer) == len(self.body), f"{self}: {answer.fields}"
        assert answer.header("X-Asset-Id") == self.asset, f"{self}: {answer.fields}"
        if self.door.startswith("tus"):
            answer = self._exchange(server, self._request(
                "PATCH", self.location, "Content-Type: application/offset+octet-stream", f"Upload-Offset: {len(self.body)}", count=0))
            assert answer.status == 204 and answer.header("X-Asset-Id") == self.asset, f"{self}: {answer}"
        else:
            answer = self._speaker(server).append(self.location, len(self.body))
            assert answer.status in (200, 201) and answer.json()["id"] == self.asset, f"{self}: {answer}"

    def __repr__(self):
        return f"<{self.name} by {self.door} v{self.version}, {len(self.body)} bytes, {self.told} told, at {self.location}>"

    # MARK: Requests

    def _request(self, method, target, *fields, count=None):
        lines = [f"{method} {target} HTTP/1.1", "Host: nightstand.test", f"x-api-key: {self.key}", *fields]
        if self.door.startswith("tus"):
            lines.append("Tus-Resumable: 1.0.0")
        if count is not None:
            lines.append(f"Content-Length: {count}")
        return ("\r\n".join(lines) + "\r\n\r\n").encode()

    def _wire(self, server):
        return Wire(server, source=self.source, limit=30)

    def _exchange(self, server, head, method="GET", body=b"") -> Answer:
        with self._wire(server) as wire:
            return self._send(wire, head, body).answer(method)

    def _send(self, wire, head, body=b""):
        """In pieces of odd sizes, so that a death falls between any two bytes."""
        wire.send(head)
        start = 0
        while start < len(body):
            piece = body[start:start + self.chance.choice((1000, 30_000, 65_536, 262_144))]
            wire.send(piece)
            start += len(piece)
            self.sent += len(piece)
        return wire

    def _speaker(self, server):
        return draft.Draft(server, self.key, self.version, source=self.source)

    def _take(self, answer: Answer):
        """Believes an answer: the offsets that it tells may never be taken back."""
        for each in [*answer.informational, answer]:
            if each.status in (104, 201, 204, 200) and draft.offset(each) is not None:
                self.told = max(self.told, draft.offset(each))
            if self.location is None and each.status in (104, 201) and each.header("Location"):
                self.location = draft.path(each.header("Location"))
            self.promised = self.promised or each.status != 104
        self.asset = answer.header("X-Asset-Id") or self.asset
        return answer

    def _ask(self, server):
        answer = self._exchange(server, self._request("HEAD", self.location), "HEAD")
        if answer.status == 404 and not self.promised and self.told == 0:
            # Known by a 104 alone, and not a byte of it acknowledged: a crash may forget it, and it begins anew.
            self.location = None
            return
        assert answer.status in (200, 204), f"{self}: the upload is lost: {answer} {answer.fields}"
        stands = draft.offset(answer)
        assert self.told <= stands <= len(self.body), f"{self}: {self.told} were acknowledged, {stands} are left"
        self._take(answer)

    # MARK: Doors

    def _whole(self, server):
        if self.door == "raw":
            head = self._request("PUT", f"{draft.RAW}?filename={client.quoted(self.name)}", count=len(self.body))
        else:
            head = self._request("POST", draft.IMMICH, f"Content-Type: {multipart.content_type()}", count=len(self.body))
        answer = self._exchange(server, head, body=self.body)
        assert answer.status in (200, 201), f"{self}: {answer}"
        self.asset = answer.json()["id"]

    def _tus(self, server):
        with self._wire(server) as wire:
            if self.location is None:
                name = base64.b64encode(self.name.encode()).decode()
                fields = [f"Upload-Length: {len(self.body)}", f"Upload-Metadata: filename {name}"]
                first = self.body[:self.chance.choice((0, 0, 1, 50_000))]
                if first:
                    fields.append("Content-Type: application/offset+octet-stream")
                answer = self._take(self._send(wire, self._request("POST", draft.RESOURCE, *fields, count=len(first)), first).answer())
                assert answer.status == 201, f"{self}: {answer}"
                self.told = max(self.told, draft.offset(answer) or 0)
            while self.asset is None:
                part = self.body[self.told:self.told + self.chance.choice((1, 10_000, 100_000, 500_000, 2_000_000))]
                fields = ["Content-Type: application/offset+octet-stream", f"Upload-Offset: {self.told}"]
                if "checksums" in self.door:
                    fields.append(f"Upload-Checksum: sha1 {base64_sha1(part)}")
                begin = self.told
                answer = self._take(self._send(wire, self._request("PATCH", self.location, *fields, count=len(part)), part).answer())
                assert answer.status == 204 and self.told == begin + len(part), f"{self}: {answer} {answer.fields}"

    def _draft(self, server):
        speaker = self._speaker(server)
        if self.location is None:
            target, fields = draft.RAW, [f"Content-Disposition: attachment; filename*=UTF-8''{client.quoted(self.name)}"]
            if self.door == "resumable multipart":
                target, fields = draft.IMMICH, [f"Content-Type: {multipart.content_type()}"]
            part, last = self._part()
            head = speaker.creation(len(part), *fields, complete=last, target=target, length=None if last else len(self.body))
            self._draft_request(speaker, head, part)
        while self.asset is None:
            part, last = self._part()
            self._draft_request(speaker, speaker.part(self.location, self.told, len(part), complete=last), part)

    def _part(self):
        part = self.body[self.told:]
        if self.door == "draft in parts":
            part = part[:self.chance.choice((0, 1, 20_000, 200_000, 1_000_000))]
        return part, self.told + len(part) == len(self.body)

    def _draft_request(self, speaker, head, part):
        with speaker.wire(limit=30) as wire:
            wire.send(head)
            if self.location is None:
                # The 104 comes before the body; who waits for it can resume whatever happens then.
                self._take(wire.interim())
            answer = self._take(self._send(wire, b"", part).answer())
            assert answer.status in (200, 201, 204), f"{self}: {answer} {answer.fields}"
