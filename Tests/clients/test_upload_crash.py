"""kill -9 during uploads through every door: at each named point of the finish sequence, and at random moments.

What must hold after every restart: no offset that a client was told is taken back, the upload goes on there, its bytes become
exactly one asset, the answer is replayed to who lost it, and nothing lies around that no row speaks of. The seed is printed;
NIGHTSTAND_SEED=… repeats the moments and the bytes, though not the scheduling between them.
"""

import os
import random
import signal
import threading
import time

import pytest

from harness import catalog, client, draft, media
from harness.client import base64_sha1, sha1
from harness.transfer import DOORS, RESUMABLE, Transfer
from harness.wire import Closed

POINTS = ["staged-synced", "digest-compared", "intents-committed", "renamed", "folder-synced", "recorded"]
# On the way of the bytes, before the finish. One request is checkpointed only while it lasts long.
EARLY = [("upload-inserted", door) for door in RESUMABLE] + [
    (point, door) for point in ("checkpoint-synced", "checkpointed") for door in ("tus", "tus with parts' checksums", "draft in parts")]
RUNS = int(os.environ.get("NIGHTSTAND_CRASH_RUNS", "30"))
SENDERS = 7


@pytest.fixture
def house(launch):
    """A server, and an API key of its admin."""
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
    forget_the_lost(house)
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
    """Seven senders that never stop, each by a door of its own; what the server's death interrupts they go on with."""

    def __init__(self, server, seed):
        self.server, self.seed = server, seed
        self.pending: dict[int, Transfer] = {}
        self.finished: list[Transfer] = []
        self.unexpected: list[str] = []
        self.interrupted = self.resumed = 0
        self.counts = dict.fromkeys(range(SENDERS), 0)
        self.lock = threading.Lock()

    def start(self):
        self.over, self.killed = threading.Event(), threading.Event()
        self.threads = [threading.Thread(target=self._send, args=(index,), daemon=True) for index in range(SENDERS)]
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
        return Transfer(DOORS[index % len(DOORS)], media.mov(name, size), name, self.server.key, seed=self.seed)

    def _send(self, index):
        while not self.over.is_set():
            with self.lock:
                transfer = self.pending.get(index)
                if transfer is None:
                    transfer = self.pending[index] = self.next(index)
                elif transfer.location is not None:
                    self.resumed += 1
            try:
                transfer.go(self.server)
            except (OSError, Closed):
                with self.lock:
                    self.interrupted += 1
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


def wait_until(moment):
    while time.monotonic() < moment:
        time.sleep(0.001)


@pytest.mark.timeout(3600)
def test_killed_at_random_moments_through_every_door(house):
    seed = os.environ.get("NIGHTSTAND_SEED") or str(random.SystemRandom().randrange(1 << 32))
    print(f"\nNIGHTSTAND_SEED={seed}")
    chance, began, compared = random.Random(seed), time.monotonic(), 0
    senders = Senders(house, seed)
    for turn in range(RUNS):
        known = len(senders.finished)
        senders.start()
        wait_until(time.monotonic() + chance.uniform(0.005, 0.45))
        house.kill()
        senders.stop()
        if chance.random() < 0.15:
            # Recovery itself is killed, before it says that it is ready.
            house.spawn()
            wait_until(time.monotonic() + chance.uniform(0, 0.06))
            house.kill()
        house.start()
        fresh = senders.finished[known:]
        older = chance.sample(senders.finished[:known], min(known, 3))
        for transfer in [*fresh, *older]:
            draft.stored(house, transfer.asset, transfer.data)
            compared += 1
        for transfer in chance.sample(fresh, min(len(fresh), 4)):
            transfer.replayed(house)
        found = catalog.inspect(house.data, digests=turn % 10 == 9 or turn == RUNS - 1)
        attempted = {each.digest for each in [*senders.finished, *senders.pending.values()]}
        assert {row["checksum"] for row in found} <= attempted, "something is stored that nobody sent"
    for transfer in senders.pending.values():
        transfer.go(house)
    everything = [*senders.finished, *senders.pending.values()]
    for transfer in everything:
        draft.stored(house, transfer.asset, transfer.data)
    assert len(catalog.rows(house.data)) == len(everything) == len({each.asset for each in everything})
    forget_the_lost(house)
    assert catalog.staged(house.data) == [], "no orphan"
    catalog.inspect(house.data)
    catalog.sums_hold(house.data)
    catalog.integrity(house.data)
    house.stop()
    catalog.inspect(house.data)
    doors = {door: sum(each.door == door for each in everything) for door in DOORS}
    wasted = sum(each.sent for each in everything if each.door in RESUMABLE) / sum(len(each.body) for each in everything if each.door in RESUMABLE)
    print(f"{RUNS} kills in {time.monotonic() - began:.0f} s: {len(everything)} files stored ({doors}), {senders.interrupted} interruptions, "
          f"{senders.resumed} uploads resumed, {compared} downloads compared after a crash, {wasted:.2f} times the bytes sent by doors that resume")
    assert senders.resumed > RUNS // 4, "too few interruptions in the middle to prove anything"


def forget_the_lost(server):
    """Creations whose answer the crash took: nobody knows their addresses, the owner sees them in the list and cancels them."""
    owner = client.Client(server, x_api_key=server.key)
    listed = owner.get(draft.RESOURCE, checked=False)
    assert listed.status == 200, listed
    uploads = listed.json()
    for upload in uploads if isinstance(uploads, list) else uploads["uploads"]:
        answer = owner.delete(
            f"{draft.RESOURCE}/{upload['id']}", checked=False, fields={"Tus-Resumable": "1.0.0"})
        assert answer.status == 204, answer
    owner.close()
