"""A simulated power cut: only what was synced is left, and the machine has another boot.

An offset that a client was told is on disk; what comes after it may be gone. An asset that was answered is there.
"""

import select
import signal

import pytest

from harness import catalog, client, draft, media, power
from harness.process import Nightstand, until
from harness.transfer import HALVES, Transfer
from harness.wire import Closed

pytestmark = pytest.mark.skipif(not power.COMPILER, reason="no C compiler: nothing to record the syncs with")

# What the server writes at once.
BLOCK = 1 << 20
POINTS = ["staged-synced", "intents-committed", "renamed", "folder-synced", "recorded"]


@pytest.fixture(scope="session")
def library(tmp_path_factory):
    return power.shim(tmp_path_factory.mktemp("syncs"))


@pytest.fixture
def house(launch, library, tmp_path):
    """A server whose syncs are recorded."""
    log = tmp_path / "syncs"
    server = launch(ready=False, environment={"LD_PRELOAD": str(library), "NIGHTSTAND_SYNCS": str(log)}, founded=True)
    power.settled(server.data, log)
    server.start().syncs = log
    session = client.session(server)
    server.key = client.api_key(session).fields["x_api_key"]
    session.close()
    return server


@pytest.fixture
def after_the_cut(tmp_path):
    """`after_the_cut(server)`: a server on what the power cut left of the dead one's data, in another boot."""
    made = []

    def start(server):
        copy = tmp_path / f"after{len(made)}"
        lost = power.cut(server.data, power.Syncs(server.syncs), copy)
        other = Nightstand(copy, environment={"NIGHTSTAND_BOOT_ID": f"another boot {len(made)}"})
        made.append(other)
        other.key = server.key
        other.lost = lost
        return other.start()

    yield start
    for server in made:
        server.close()


def staged_bytes(server):
    return sum((server.data / "staging" / name).stat().st_size for name in catalog.staged(server.data))


def test_an_acknowledged_offset_survives_and_what_came_after_it_may_not(house, after_the_cut):
    """Parts that were answered, and behind them bytes of a request that was not: those lie in the kernel alone."""
    uploads = []
    for index, version in enumerate(draft.VERSIONS):
        data = media.mov(f"power {version}", 3_000_000)
        speaker = draft.Draft(house, house.key, version)
        told = 100_000 + 250_001 * index
        uploads.append((speaker, data, speaker.begun(data[:told]), told))
    wires, beyond = [], 0
    try:
        for speaker, data, location, told in uploads:
            wire = speaker.wire()
            wires.append(wire)
            wire.send(speaker.part(location, told, len(data) - told) + data[told:told + 900_000])

        promised = sum(told for *_, told in uploads)
        until(lambda: staged_bytes(house) > promised, what="the server writes behind the acknowledged offset")
        house.kill()
    finally:
        for wire in wires:
            wire.socket.close()
    promised = {name: offset for name, offset in catalog.open_uploads(house.data)}
    after = after_the_cut(house)
    assert after.lost[0] > 0, "nothing was lost: the cut proves nothing"
    # Catalog and disk agree before anybody asks.
    catalog.inspect(after.data)
    for speaker, data, location, told in uploads:
        speaker.server = after
        stands = speaker.stands_at(location)
        assert stands >= told, f"{told} were acknowledged, {stands} are left"
        assert stands in promised.values(), "after another boot only what was recorded counts"
        answer = speaker.append(location, stands, data[stands:])
        assert answer.status == 201, answer
        draft.stored(after, answer.json()["id"], data)
    catalog.inspect(after.data)
    assert catalog.staged(after.data) == []


@pytest.mark.parametrize("way", ["append", "creation"])
def test_an_offset_that_a_104_told_survives(house, after_the_cut, way):
    """Progress in the middle of a request is a promise like any other."""
    data = media.mov(f"progress {way}", 56 << 20)
    speaker = draft.Draft(house, house.key)
    head = speaker.creation(len(data), complete=False)
    if way == "append":
        location = speaker.begun()
        head = speaker.part(location, 0, len(data), complete=False)
    with speaker.wire() as wire:
        wire.send(head)
        if way == "creation":
            location = draft.path(wire.interim().header("Location"))
        # Block by block, as slowly as a phone, until something is told; with that the machine loses its power.
        sent, told = 0, None
        while told is None:
            wire.send(data[sent:sent + BLOCK])
            sent += BLOCK
            assert sent < len(data), "no progress is told"
            if select.select([wire.socket], [], [], 0.3)[0]:
                told = draft.offset(wire.interim())
        # And what comes right behind is written, but not synced yet.
        wire.send(data[sent:sent + 2 * BLOCK])
        until(lambda: staged_bytes(house) > told, what="the server writes behind the offset that it told")
        house.kill()
    assert told >= BLOCK
    after = after_the_cut(house)
    assert after.lost[0] > 0, "nothing was lost: the cut proves nothing"
    speaker.server = after
    stands = speaker.stands_at(location)
    assert stands >= told, f"a 104 told {told}, {stands} are left"
    answer = speaker.append(location, stands, data[stands:])
    assert answer.status == 201, answer
    draft.stored(after, answer.json()["id"], data)


@pytest.mark.parametrize("door", ["multipart", "raw", "tus", "draft", "resumable multipart", "upstream", HALVES])
@pytest.mark.parametrize("point", POINTS)
def test_a_power_cut_in_the_finish_sequence(house, after_the_cut, point, door):
    kept = Transfer(door, media.mov(f"kept {point} {door}", 200_000), "kept.mov", house.key, seed=1)
    kept.go(house)
    house.restart(NIGHTSTAND_CRASH_AT=point)
    transfer = Transfer(door, media.mov(f"{point} {door}", 300_000), "cut.mov", house.key, seed=2)
    with pytest.raises((OSError, Closed)):
        transfer.go(house)
    assert house.wait(20) == -signal.SIGKILL
    after = after_the_cut(house)
    catalog.inspect(after.data)
    draft.stored(after, kept.asset, kept.data)
    kept.replayed(after)
    if transfer.told == 0 and transfer.location is not None:
        # Its client was told of no byte. Where the file's name was not yet synced, it may have to start over.
        stands = draft.Draft(after, house.key, transfer.version).look(transfer.location)
        if stands.status == 410:
            transfer.location = None
    transfer.go(after)
    draft.stored(after, transfer.asset, transfer.data)
    transfer.replayed(after)
    assert len(catalog.inspect(after.data)) == 2
    assert catalog.staged(after.data) == []


def test_the_record_of_syncs_is_true(house, tmp_path):
    """The harness itself: a finished photo loses nothing by the cut."""
    transfer = Transfer("raw", media.mov("recorded", 500_000), "recorded.mov", house.key)
    transfer.go(house)
    house.kill()
    syncs = power.Syncs(house.syncs)
    power.cut(house.data, syncs, tmp_path / "copy")
    catalog.inspect(tmp_path / "copy")
    assert len(catalog.rows(tmp_path / "copy")) == 1
