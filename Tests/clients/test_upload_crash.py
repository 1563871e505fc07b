"""kill -9 during uploads through every door: at each named point of the finish sequence, and at random moments.

What must hold after every restart: no offset that a client was told is taken back, the upload goes on there, its bytes become
exactly one asset, the answer is replayed to who lost it, and nothing lies around that no row speaks of. The seed is printed;
NIGHTSTAND_SEED=… repeats the moments and the bytes, though not the scheduling between them.
"""

import collections
import os
import random
import shutil
import signal
import threading
import time
import uuid

import pytest

from harness import catalog, client, draft, media
from harness.client import base64_sha1, sha1
from harness.transfer import DOORS, RESUMABLE, UPSTREAM, WHOLE, Transfer
from harness.wire import Closed

POINTS = ["staged-synced", "digest-compared", "intents-committed", "renamed", "folder-synced", "recorded"]
# On the way of the bytes, before the finish. One request is checkpointed only while it lasts long.
EARLY = [("upload-inserted", door) for door in RESUMABLE] + [
    (point, door) for point in ("checkpoint-synced", "checkpointed") for door in ("tus", "tus with parts' checksums", "draft in parts")]
RUNS = int(os.environ.get("NIGHTSTAND_CRASH_RUNS", "30"))
# After so many kills the next one hits a server with an empty folder: what is looked at after each stays small.
RUNS_PER_FOLDER = 50


@pytest.fixture
def house(launch):
    """A server, and an API key of its admin."""
    return founded(launch)


def founded(launch):
    server = launch()
    client.sign_up(server)
    session, _ = client.log_in(server)
    server.key = client.api_key(session).fields["x_api_key"]
    session.close()
    return server


def one_asset(server, transfer):
    """The catalog has these bytes once, and gives them back."""
    found = [row for row in catalog.rows(server.data) if row["checksum"] == transfer.digest]
    assert len(found) == 1, f"{transfer}: {len(found)} assets"
    draft.stored(server, transfer.asset, transfer.data)


@pytest.mark.parametrize("door", RESUMABLE)
@pytest.mark.parametrize("point", POINTS)
def test_killed_at_a_named_point(house, point, door):
    house.restart(NIGHTSTAND_CRASH_AT=point)
    transfer = Transfer(door, media.mov(f"{point} {door}", 300_000), "crash.mov", house.key, seed=f"{point} {door}")
    with pytest.raises((OSError, Closed)):
        transfer.go(house)
    assert house.wait(20) == -signal.SIGKILL, house.tail()

    house.start()
    found = catalog.inspect(house.data)
    assert transfer.location is not None, "the address is known before the finish begins"
    if point in ("staged-synced", "digest-compared"):
        assert found == [], "nothing said that it should be stored"
    if point == "recorded":
        assert len(found) == 1, "its row was committed"
    transfer.go(house)
    one_asset(house, transfer)
    transfer.replayed(house)
    house.restart()
    transfer.replayed(house)
    assert len(catalog.inspect(house.data)) == 1
    assert catalog.staged(house.data) == []
    catalog.sums_hold(house.data)
    catalog.integrity(house.data)


@pytest.mark.parametrize(("point", "door"), EARLY)
def test_killed_while_the_bytes_come(house, point, door):
    house.restart(NIGHTSTAND_CRASH_AT=point)
    transfer = Transfer(door, media.mov(f"{point} {door}", 2_500_000), "crash.mov", house.key, seed=f"{point} {door}")
    with pytest.raises((OSError, Closed)):
        transfer.go(house)
    assert house.wait(20) == -signal.SIGKILL, house.tail()
    house.start()
    assert catalog.inspect(house.data) == []
    transfer.go(house)
    one_asset(house, transfer)
    transfer.replayed(house)
    cancel(house)
    assert catalog.staged(house.data) == []


@pytest.mark.parametrize("door", RESUMABLE)
def test_killed_when_a_duplicate_was_found(house, door):
    """The same bytes by another door before: the answer is their asset, also after a death in between."""
    data = media.mov(f"duplicate {door}", 300_000)
    first = Transfer("raw", data, "first.mov", house.key)
    first.go(house)
    house.restart(NIGHTSTAND_CRASH_AT="duplicate-found")
    transfer = Transfer(door, data, "second.mov", house.key, seed=door)
    with pytest.raises((OSError, Closed)):
        transfer.go(house)
    assert house.wait(20) == -signal.SIGKILL, house.tail()
    house.start()
    catalog.inspect(house.data)
    assert transfer.go(house) == first.asset
    transfer.replayed(house)
    assert len(catalog.inspect(house.data)) == 1
    assert catalog.staged(house.data) == []


@pytest.mark.parametrize("point", POINTS)
def test_killed_while_parts_are_put_together(house, point):
    """tus concatenation: whoever lost the answer asks again, and there is one asset."""
    data = media.mov(f"parts {point}", 400_000)
    halves = [Part(house, piece) for piece in (data[:150_000], data[150_000:])]
    house.restart(NIGHTSTAND_CRASH_AT=point)
    with pytest.raises((OSError, Closed)):
        concatenate(house, halves)
    assert house.wait(20) == -signal.SIGKILL, house.tail()
    house.start()
    catalog.inspect(house.data)
    answer = concatenate(house, halves)
    stored = [row for row in catalog.rows(house.data) if row["checksum"] == sha1(data).digest()]
    if not stored:
        assert answer.status == 201, answer
        stored = [row for row in catalog.rows(house.data) if row["checksum"] == sha1(data).digest()]
    assert len(stored) == len(catalog.inspect(house.data)) == 1
    owner = client.Client(house, x_api_key=house.key)
    verdict = owner.check(base64_sha1(data))[0]
    assert owner.original(verdict["assetId"]).body == data
    owner.close()


class Part:
    """A finished part of a concatenation."""

    def __init__(self, server, piece):
        answer = tus(server, "POST", draft.RESOURCE, "Upload-Concat: partial", f"Upload-Length: {len(piece)}",
                     "Content-Type: application/offset+octet-stream", body=piece)
        assert answer.status == 201 and draft.offset(answer) == len(piece), answer
        self.location = draft.path(answer.header("Location"))


def concatenate(server, parts):
    return tus(server, "POST", draft.RESOURCE, "Upload-Concat: final;" + " ".join(part.location for part in parts))


def tus(server, method, target, *fields, body=b""):
    with draft.Wire(server) as wire:
        lines = [f"{method} {target} HTTP/1.1", "Host: nightstand.test", f"x-api-key: {server.key}", "Tus-Resumable: 1.0.0",
                 f"Content-Length: {len(body)}", *fields]
        return wire.send(("\r\n".join(lines) + "\r\n\r\n").encode() + body).answer(method)


class Senders:
    """One sender for each door, who never stops; what the server's death interrupts they go on with."""

    def __init__(self, server, seed):
        self.server, self.seed = server, seed
        self.pending: dict[int, Transfer] = {}
        self.finished: list[Transfer] = []
        self.unexpected: list[str] = []
        self.counts = dict.fromkeys(range(len(DOORS)), 0)
        self.figures = collections.Counter()
        self.lock = threading.Lock()

    def start(self):
        self.over, self.killed = threading.Event(), threading.Event()
        self.threads = [threading.Thread(target=self._send, args=(index,), daemon=True) for index in self.counts]
        for thread in self.threads:
            thread.start()

    def stop(self):
        """The server is dead."""
        self.over.set()
        self.killed.set()
        for thread in self.threads:
            thread.join(60)
            assert not thread.is_alive(), f"a sender hangs on a dead server: {self.pending}"
        assert not self.unexpected, self.unexpected

    def next(self, index):
        chance = random.Random(f"{self.seed} {index} {self.counts[index]}")
        self.counts[index] += 1
        size = chance.choice((300, 5_000, 60_000, 60_000, 400_000, 400_000, 3_000_000))
        name = f"{self.seed}-{index}-{self.counts[index]}.mov"
        return Transfer(DOORS[index], media.mov(name, size), name, self.server.key, seed=self.seed)

    def _send(self, index):
        while not self.over.is_set():
            with self.lock:
                transfer = self.pending.get(index)
                if transfer is None:
                    transfer = self.pending[index] = self.next(index)
                elif transfer.addresses():
                    self.figures["uploads resumed"] += 1
            try:
                transfer.go(self.server)
            except (OSError, Closed):
                with self.lock:
                    self.figures["interruptions"] += 1
                # A connection may break a moment before its server is known to be dead.
                if not self.killed.wait(5):
                    self.unexpected.append(f"{transfer}: interrupted by a living server")
                return
            except Exception as error:
                self.unexpected.append(f"{type(error).__name__}: {error}")
                return
            with self.lock:
                del self.pending[index]
                self.finished.append(transfer)
                transfer.forget()


class Proof:
    """A server on a folder of its own that is killed again and again, and what is looked at after each death."""

    def __init__(self, server, seed, chance):
        self.server, self.chance = server, chance
        self.senders = Senders(server, seed)
        self.figures = self.senders.figures
        # What inspections read: an original that did not change is read again every tenth time, and at the end.
        self.read = {}

    def run(self, turns):
        for turn in range(turns):
            known = len(self.senders.finished)
            self.senders.start()
            wait_until(time.monotonic() + self.chance.uniform(0.005, 0.45))
            self.server.kill()
            self.figures["kills"] += 1
            self.senders.stop()
            if self.chance.random() < 0.15:
                # Recovery itself is killed, before it says that it is ready.
                self.server.spawn()
                wait_until(time.monotonic() + self.chance.uniform(0, 0.06))
                self.server.kill()
                self.figures["recoveries killed"] += 1
            self.server.start()
            if turn % 10 == 9:
                self.read.clear()
            self.after_death(known)
        self.finish()

    def after_death(self, known):
        """The first `known` files were finished before the server's last life."""
        senders, server = self.senders, self.server
        rows = self.exactly_one_asset_each()
        for transfer in senders.pending.values():
            self.figures["acknowledged offsets kept"] += sum(each.told > 0 for each in [transfer, *transfer.halves])
            transfer.ask(server)
            row = rows.get(transfer.digest)
            if transfer.location is not None and row is not None:
                assert transfer.asset == row, f"{transfer}: stored, and who lost the answer does not hear of it"
                self.figures["lost answers replayed"] += transfer.replayed(server)
            elif transfer.ended:
                # tus: all its bytes had come, and being asked is what stores them.
                transfer.stored(server)
                self.figures["whole uploads stored when asked"] += transfer.replayed(server)
        fresh = senders.finished[known:]
        older = self.chance.sample(senders.finished[:known], min(known, 3))
        for transfer in [*fresh, *older]:
            transfer.stored(server)
            self.figures["downloads compared"] += 1
        for transfer in [*self.chance.sample(fresh, min(len(fresh), 6)), *older]:
            self.figures["answers replayed"] += transfer.replayed(server)
        # What else is open was created by an answer that nobody heard. Without it there is nothing that nobody knows.
        waiting = senders.pending.values()
        known_by_name = {each.name for each in waiting if (each.location or "").startswith(UPSTREAM)}
        self.figures["creations nobody heard of"] += cancel(
            server, lambda upload: not any(upload["location"] in each.addresses() for each in waiting)
            and upload.get("name") not in known_by_name)
        catalog.staging_holds_what_was_promised(server.data)

    def exactly_one_asset_each(self):
        """Of everything that was acknowledged, and at most one of what was not; nothing else. Digest to asset."""
        rows = catalog.inspect(self.server.data, read=self.read)
        by_digest = {row["checksum"]: row["id"] for row in rows}
        assert len(by_digest) == len(rows), "the same bytes are stored twice"
        by_digest = {digest: asset_id(asset) for digest, asset in by_digest.items()}
        for transfer in self.senders.finished:
            assert by_digest.get(transfer.digest) == transfer.asset, f"{transfer}: acknowledged as {transfer.asset}"
        attempted = {each.digest for each in [*self.senders.finished, *self.senders.pending.values()]}
        assert by_digest.keys() <= attempted, "something is stored that nobody sent"
        return by_digest

    def finish(self):
        """Everything is sent to its end; then nothing lies around."""
        senders, server = self.senders, self.server
        for transfer in senders.pending.values():
            transfer.go(server)
            transfer.stored(server)
            transfer.replayed(server)
            transfer.forget()
        senders.finished += senders.pending.values()
        senders.pending.clear()
        cancel(server)
        assert catalog.staged(server.data) == [], "no orphan"
        assert catalog.open_uploads(server.data) == []
        self.read.clear()
        assert len(self.exactly_one_asset_each()) == len(senders.finished)
        catalog.sums_hold(server.data)
        catalog.integrity(server.data)
        server.stop()
        catalog.inspect(server.data, digests=False)
        for transfer in senders.finished:
            self.figures[f"by {transfer.door}"] += 1
            if transfer.door not in WHOLE:
                self.figures["bytes sent by doors that resume"] += transfer.sent
                self.figures["bytes of their files"] += transfer.length


def asset_id(raw):
    """The text of an id as the catalog holds it."""
    return str(uuid.UUID(bytes=raw)) if len(raw) == 16 else raw.decode()


def wait_until(moment):
    while time.monotonic() < moment:
        time.sleep(0.001)


@pytest.mark.timeout(7200)
def test_killed_at_random_moments_through_every_door(launch):
    seed = os.environ.get("NIGHTSTAND_SEED") or str(random.SystemRandom().randrange(1 << 32))
    print(f"\nNIGHTSTAND_SEED={seed}")
    chance, began, figures = random.Random(seed), time.monotonic(), collections.Counter()
    for first in range(0, RUNS, RUNS_PER_FOLDER):
        proof = Proof(founded(launch), f"{seed}.{first}", chance)
        proof.run(min(RUNS_PER_FOLDER, RUNS - first))
        figures += proof.figures
        shutil.rmtree(proof.server.data)
    print(f"{time.monotonic() - began:.0f} s:", ", ".join(f"{count} {name}" for name, count in figures.items()))
    assert figures["kills"] == RUNS
    assert all(figures[f"by {door}"] for door in DOORS), "a door through which nothing came proves nothing"
    assert figures["uploads resumed"] > RUNS // 4, "too few interruptions in the middle to prove anything"
    assert figures["acknowledged offsets kept"] > RUNS // 4 and figures["answers replayed"] > RUNS


def cancel(server, which=lambda _: True):
    """The owner sees uploads in the list and cancels them: those whose creation's answer the crash took, say, because nobody
    else knows their addresses. Returns how many."""
    owner = client.Client(server, x_api_key=server.key)
    listed = owner.get(draft.RESOURCE, checked=False)
    assert listed.status == 200, listed
    chosen = [upload for upload in listed.json() if which(upload)]
    for upload in chosen:
        answer = owner.delete(
            f"{draft.RESOURCE}/{upload['id']}", checked=False, fields={"Tus-Resumable": "1.0.0"})
        assert answer.status == 204, answer
    owner.close()
    return len(chosen)
