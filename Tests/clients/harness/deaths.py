"""A server that dies again and again under uploads through every door, and the proof that nothing of theirs was lost."""

import collections
import random
import threading
import time
import uuid

from . import catalog, client, draft, media
from .transfer import DOORS, FORM, UPSTREAM, WHOLE, Transfer
from .wire import Closed


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
            if transfer.location is None and row is not None:
                # Its creation brought everything, and nobody heard the answer: it begins anew, and becomes a duplicate.
                transfer.stored_unheard = True
            if transfer.door == FORM and row is not None and not (transfer.ended or transfer.stored_unheard):
                # Its body is an upload, and the photo in it an asset: between the two the body waits whole, and is ended once more.
                assert transfer.told == transfer.length, f"{transfer}: stored before its form was whole"
                transfer.go(server)
                self.figures["forms ended once more"] += 1
            if row is not None and not transfer.stored_unheard:
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
