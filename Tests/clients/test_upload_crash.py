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
import time

import pytest

from harness import catalog, client, draft, media
from harness.client import base64_sha1, sha1
from harness.deaths import Proof, cancel
from harness.transfer import DOORS, RESUMABLE, Transfer
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
    server = launch(founded=True)
    session = client.session(server)
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


# Upstream's dialect announces the digest, and is answered before a byte is taken: it comes by no such point.
@pytest.mark.parametrize("door", [door for door in RESUMABLE if door != "upstream"])
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
