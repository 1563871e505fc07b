"""kill -9: at each named point of the finish sequence, and at random moments under load.

What must hold after every restart: each acknowledged photo downloads whole, no row is without its file and no file
without its row, staging is empty, the catalog is sound. The seed is printed; NIGHTSTAND_SEED=… repeats the moments
and the bytes, though not the scheduling between them.
"""

import concurrent.futures
import http.client
import os
import random
import signal
import threading
import time

import pytest

from harness import catalog, client, media, multipart
from harness.client import base64_sha1, sha1
from harness.wire import Closed, Wire

POINTS = ["staged-synced", "digest-compared", "intents-committed", "renamed", "folder-synced", "recorded"]
ROUNDS = int(os.environ.get("NIGHTSTAND_CRASHES", "80"))
UPLOADERS = 8


def crash_during(server, someone, data, *, sidecar=None):
    """Uploads and expects the server to die under it."""
    with pytest.raises((http.client.HTTPException, OSError)):
        someone.upload(data, "crash.jpg", sidecar=sidecar)
    assert server.wait(20) == -signal.SIGKILL, server.tail()
    someone.close()


@pytest.mark.parametrize("passage", [1, 3])
@pytest.mark.parametrize("point", POINTS)
def test_killed_at_a_named_point(launch, point, passage):
    """At the first passage, and at the third with two photos stored before it in the same life."""
    server = launch(founded=True)
    session = client.session(server)
    someone = client.api_key(session)
    session.close()
    kept = media.jpeg("kept")
    first = someone.store(kept, "crash.jpg")
    someone.close()
    server.restart(NIGHTSTAND_CRASH_AT=f"{point}:{passage}")
    before = [someone.store(media.jpeg(f"before {index}"), "crash.jpg") for index in range(passage - 1)]
    data, sidecar = media.mov(f"crash {point}", 300_000), b"<x:xmpmeta/>"
    crash_during(server, someone, data, sidecar=sidecar)

    server.start()
    found = catalog.inspect(server.data)
    known = someone.check(base64_sha1(data))[0]
    assert len(found) == passage + (known["action"] == "reject")
    if point in ("staged-synced", "digest-compared"):
        assert known["action"] == "accept", "nothing said that it should be stored"
    if point == "recorded":
        assert known["action"] == "reject", "its row was committed"
    again = someone.upload(data, "crash.jpg", sidecar=sidecar)
    assert again.status == (201 if known["action"] == "accept" else 200), again
    assert someone.original(again.json()["id"]).body == data
    assert someone.original(first).body == kept
    for index, asset in enumerate(before):
        assert someone.original(asset).body == media.jpeg(f"before {index}")
    assert len(catalog.inspect(server.data)) == passage + 1
    assert catalog.sidecars(server.data)
    catalog.sums_hold(server.data)
    catalog.integrity(server.data)
    server.stop()


@pytest.mark.parametrize("point", POINTS)
def test_killed_at_a_named_point_under_load(launch, point):
    """Several uploads finish together in one commit; the process dies at the fifth passage."""
    server = launch(founded=True)
    session = client.session(server)
    someone = client.api_key(session)
    server.restart(NIGHTSTAND_CRASH_AT=f"{point}:5")
    load = Load(server, someone.fields["x_api_key"], f"under load {point}")
    load.start()
    assert server.wait(30) == -signal.SIGKILL
    load.stop()
    server.start()
    load.verify(server, someone)
    catalog.inspect(server.data)
    catalog.sums_hold(server.data)
    catalog.integrity(server.data)


class Load:
    """Eight uploaders that never stop. What was acknowledged, and what was merely sent, is remembered."""

    def __init__(self, server, key, seed):
        self.server, self.key, self.seed = server, key, seed
        self.acknowledged: dict[str, bytes] = {}
        self.attempted: set[bytes] = set()
        self.unexpected: list[str] = []
        self.lock = threading.Lock()
        self.over = threading.Event()
        self.threads: list[threading.Thread] = []

    def start(self):
        self.over.clear()
        self.threads = [threading.Thread(target=self._upload, args=(index,), daemon=True) for index in range(UPLOADERS)]
        for thread in self.threads:
            thread.start()
        return self

    def stop(self):
        self.over.set()
        for thread in self.threads:
            thread.join(30)
            assert not thread.is_alive(), "an uploader hangs on a dead server"
        assert not self.unexpected, self.unexpected

    def _upload(self, index):
        source, turn = random.Random(f"{self.seed} {index}"), 0
        while not self.over.is_set():
            try:
                with Wire(self.server, limit=20) as wire:
                    while not self.over.is_set():
                        turn += 1
                        # Mostly small files, so that many finish; some large enough to die in the middle of.
                        size = source.choice([200, 3_000, 3_000, 40_000, 40_000, 400_000])
                        data = source.randbytes(size) + f"{self.seed} {index} {turn}".encode()
                        self._once(wire, data, twice=source.random() < 0.1)
            except (OSError, Closed, AssertionError) as error:
                if isinstance(error, AssertionError):
                    self.unexpected.append(str(error))
                if self.server.process is None or self.server.process.poll() is not None:
                    return

    def _once(self, wire, data, twice):
        body = multipart.upload(data, "load.jpg")
        request = (f"POST /api/assets HTTP/1.1\r\nHost: x\r\nx-api-key: {self.key}\r\n"
                   f"Content-Type: {multipart.content_type()}\r\nContent-Length: {len(body)}\r\n\r\n").encode() + body
        with self.lock:
            self.attempted.add(sha1(data).digest())
        for _ in range(2 if twice else 1):
            answer = wire.send(request).answer()
            if answer.status not in (200, 201):
                raise AssertionError(f"{answer}")
            with self.lock:
                self.acknowledged[answer.json()["id"]] = sha1(data).digest()

    def verify(self, server, someone, assets=None):
        """Every acknowledged photo (or those named) downloads with the SHA-1 it was sent with."""
        with self.lock:
            wanted = dict(self.acknowledged) if assets is None else {id: self.acknowledged[id] for id in assets}
        someone.close()
        for asset, digest in wanted.items():
            answer = someone.original(asset)
            assert answer.status == 200, f"acknowledged, and gone after the crash: {asset}: {answer}"
            assert sha1(answer.body).digest() == digest, f"acknowledged, and not whole: {asset}"
        return len(wanted)


@pytest.mark.timeout(900)
def test_killed_at_random_moments_under_load(launch):
    seed = os.environ.get("NIGHTSTAND_SEED") or str(random.SystemRandom().randrange(1 << 32))
    print(f"\nNIGHTSTAND_SEED={seed}")
    chance = random.Random(seed)
    server = launch(founded=True)
    session = client.session(server)
    someone = client.api_key(session)
    session.close()
    key, began, checked = someone.fields["x_api_key"], time.monotonic(), 0
    load = Load(server, key, seed)
    # What inspections read: an original that did not change is read again every tenth time, and at the end.
    read = {}
    for turn in range(ROUNDS):
        known = set(load.acknowledged)
        load.seed = f"{seed} {turn}"
        load.start()
        # From the middle of the first upload to a few group commits later.
        moment = time.monotonic() + chance.uniform(0.005, 0.35)
        while time.monotonic() < moment:
            time.sleep(0.001)
        server.kill()
        load.stop()
        if chance.random() < 0.15:
            # Recovery itself is killed, before it says that it is ready.
            server.spawn()
            moment = time.monotonic() + chance.uniform(0, 0.06)
            while time.monotonic() < moment:
                time.sleep(0.001)
            server.kill()
        server.start()
        fresh = set(load.acknowledged) - known
        older = chance.sample(sorted(known), min(len(known), 5))
        checked += load.verify(server, someone, [*fresh, *older])
        if turn % 10 == 9 or turn == ROUNDS - 1:
            read.clear()
        found = catalog.inspect(server.data, read=read)
        assert {row["checksum"] for row in found} <= load.attempted, "something is stored that nobody sent"
    load.verify(server, someone)
    catalog.sums_hold(server.data)
    catalog.integrity(server.data)
    server.stop()
    catalog.inspect(server.data)
    print(f"{ROUNDS} kills in {time.monotonic() - began:.0f} s: {len(load.acknowledged)} acknowledged of "
          f"{len(load.attempted)} sent, {checked} downloads compared after a crash")
    assert len(load.acknowledged) > ROUNDS, "the load was too small to prove anything"


def test_many_clients_reconnect_to_a_restarted_server(server, admin):
    """After kill -9 the same port can be had again at once, and a crowd that comes back is served."""
    port = server.port
    admin.close()
    server.kill()
    server.options += ["--port", str(port)]
    server.start()
    assert server.port == port
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        assert set(pool.map(lambda _: client.Client(server).get("/api/server/ping").status, range(64))) == {200}
