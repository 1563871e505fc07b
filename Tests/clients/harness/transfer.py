"""One file on its way into the server through one door, as a client that survives the server's death would send it."""

import base64
import random
import re

from . import client, draft, multipart
from .client import base64_sha1, sha1
from .wire import Answer, Wire

BACKGROUND, UPSTREAM = "/api/assets/background", "/api/upload"

# Doors that start over, doors that go on where they stood, and one that has an address for each half.
WHOLE = ("multipart", "raw", "background")
FORM = "resumable multipart"
RESUMABLE = ("tus", "tus with parts' checksums", "draft", "draft in parts", FORM, "upstream")
HALVES = "tus in halves"
DOORS = WHOLE + RESUMABLE + (HALVES,)


class Transfer:
    """`go` sends until the asset's id is known. Where the server dies on the way, `go` again after its restart.

    `forget` lets go of the bytes; what proves that they are stored stays: their digest and length.
    """

    def __init__(self, door, data, name, key, *, seed=0):
        self.door, self.data, self.name, self.key, self.seed = door, data, name, key, seed
        self.chance = random.Random(f"{seed} {name}")
        self.source = draft.address()
        self.version = self.chance.choice(draft.VERSIONS)
        self.body = data
        if door in ("multipart", FORM):
            self.body = multipart.upload(data, name)
        self.digest, self.size, self.length = sha1(data).digest(), len(data), len(self.body)
        # What a client remembers: the address, and the highest offset that it was told.
        self.location: str | None = None
        self.told = 0
        # Whether that address was told in an answer, rather than in a 104 alone.
        self.promised = False
        self.asset: str | None = None
        # Whether a request that named no address became the asset, and its answer was lost.
        self.stored_unheard = False
        # Bytes of bodies that were sent, for how much went twice.
        self.sent = 0
        # The halves of HALVES, and whether they were asked to be put together and no answer came.
        self.halves: list[Half] = []
        self.joining = False

    @property
    def ended(self):
        return self.asset is not None

    def go(self, server):
        if not self.ended:
            self.ask(server)
        if not self.ended:
            steps = dict.fromkeys(WHOLE, self._whole) | {HALVES: self._join}
            steps.get(self.door, self._tus if self.door.startswith("tus") else self._draft)(server)
        return self.result()

    def result(self) -> str:
        assert re.fullmatch(r"[0-9a-f-]{36}", self.asset or ""), f"{self}: no asset"
        return self.asset

    def addresses(self):
        """Every address that its client remembers."""
        return {each.location for each in [self, *self.halves]} - {None}

    def stored(self, server):
        """The server gives back what was sent."""
        reader = client.Client(server, x_api_key=self.key)
        answer = reader.original(self.asset)
        reader.close()
        assert answer.status == 200, f"{self}: stored, and gone: {answer}"
        assert (len(answer.body), sha1(answer.body).digest()) == (self.size, self.digest), f"{self}: stored, and not whole"

    def forget(self):
        """Its bytes need no memory any more: they are stored."""
        self.result()
        self.sent += sum(half.sent for half in self.halves)
        self.data = self.body = None
        self.halves = []

    def replayed(self, server):
        """The kept answer: the address of the finished upload names the asset again and again. False: it has none."""
        if self.location is None:
            return False
        answer = self._exchange(server, self._request("HEAD", self.location), "HEAD")
        assert answer.status in (200, 204), f"{self}: the answer is not kept: {answer}"
        assert draft.offset(answer) == self.length, f"{self}: {answer.fields}"
        assert answer.header("X-Asset-Id") == self.asset, f"{self}: {answer.fields}"
        if self.door == HALVES:
            # Nothing is ever appended to what was put together.
            return True
        if self.door.startswith("tus"):
            answer = self._exchange(server, self._request(
                "PATCH", self.location, "Content-Type: application/offset+octet-stream", f"Upload-Offset: {self.length}", count=0))
            assert answer.status == 204 and answer.header("X-Asset-Id") == self.asset, f"{self}: {answer}"
        else:
            answer = self._speaker(server).append(self.location, self.length)
            assert answer.status in (200, 201) and answer.json()["id"] == self.asset, f"{self}: {answer}"
        return True

    def __repr__(self):
        return (f"<{self.name} (media.mov of {self.size}) by {self.door} v{self.version}, {self.told} of {self.length} told, "
                f"at {self.location}>")

    # Fields of a tus creation beside the usual ones.
    more = ()

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

    def ask(self, server):
        """Where does it stand? Not before what was acknowledged."""
        for half in self.halves:
            if not self.joining:
                half.ask(server)
        if self.location is None:
            return
        answer = self._exchange(server, self._request("HEAD", self.location), "HEAD")
        if answer.status == 404 and not self.promised and self.told == 0:
            # Known by a 104 alone, and not a byte of it acknowledged: a crash may forget it, and it begins anew.
            self.location = None
            return
        assert answer.status in (200, 204), f"{self}: the upload is lost: {answer} {answer.fields}"
        stands = draft.offset(answer)
        assert self.told <= stands <= self.length, f"{self}: {self.told} were acknowledged, {stands} are left"
        self._take(answer)

    # MARK: Doors

    def _whole(self, server):
        if self.door == "raw":
            head = self._request("PUT", f"{draft.RAW}?filename={client.quoted(self.name)}", count=len(self.body))
        elif self.door == "background":
            head = self._request("POST", BACKGROUND, f"X-Filename: {self.name}", count=len(self.body))
        else:
            head = self._request("POST", draft.IMMICH, f"Content-Type: {multipart.content_type()}", count=len(self.body))
        answer = self._exchange(server, head, body=self.body)
        assert answer.status in (200, 201), f"{self}: {answer}"
        self.asset = answer.json()["id"]

    def _tus(self, server):
        with self._wire(server) as wire:
            if self.location is None:
                name = base64.b64encode(self.name.encode()).decode()
                fields = [f"Upload-Length: {len(self.body)}", f"Upload-Metadata: filename {name}", *self.more]
                first = self.body[:self.chance.choice((0, 0, 1, 50_000))]
                if first:
                    fields.append("Content-Type: application/offset+octet-stream")
                answer = self._take(self._send(wire, self._request("POST", draft.RESOURCE, *fields, count=len(first)), first).answer())
                assert answer.status == 201, f"{self}: {answer}"
                self.told = max(self.told, draft.offset(answer) or 0)
            while not self.ended:
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
            if self.door == "upstream":
                target = UPSTREAM
                fields = [f"Repr-Digest: sha=:{base64_sha1(self.body)}:", f'X-Immich-Asset-Data: filename="{self.name}"']
            elif self.door == FORM:
                target, fields = draft.IMMICH, [f"Content-Type: {multipart.content_type()}"]
            part, last = self._part()
            head = speaker.creation(len(part), *fields, complete=last, target=target, length=None if last else len(self.body))
            self._draft_request(speaker, head, part)
        while self.asset is None:
            part, last = self._part()
            self._draft_request(speaker, speaker.part(self.location, self.told, len(part), complete=last), part)

    def _join(self, server):
        """Two uploads, the later half first, and a third request that puts them together."""
        middle = self.length // 2
        if not self.halves:
            self.halves = [Half(self, "first", self.body[:middle]), Half(self, "second", self.body[middle:])]
        if not self.joining:
            for half in reversed(self.halves):
                half.go(server)
        lost, self.joining = self.joining, True
        parts = " ".join(half.location for half in self.halves)
        answer = self._exchange(server, self._request("POST", draft.RESOURCE, f"Upload-Concat: final;{parts}", count=0))
        if lost and answer.status in (404, 410):
            # The halves are gone with an answer that nobody heard: then the photo is there.
            owner = client.Client(server, x_api_key=self.key)
            verdict = owner.check(base64_sha1(self.data))[0]
            owner.close()
            assert verdict["action"] == "reject", f"{self}: the halves are gone, and the photo is not there"
            self.asset = verdict["assetId"]
            return
        assert answer.status == 201, f"{self}: {answer}"
        self._take(answer)

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


class Half(Transfer):
    """A part of a tus concatenation: it ends with its last byte, and becomes no asset of its own."""

    more = ("Upload-Concat: partial",)

    def __init__(self, whole, name, data):
        super().__init__("tus", data, f"{name} half of {whole.name}", whole.key, seed=whole.seed)

    @property
    def ended(self):
        return self.told == self.length

    def result(self):
        assert self.asset is None, f"{self}: a half became an asset"
        return self.location
