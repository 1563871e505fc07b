"""Many at once: one writer per upload, one asset per content, whatever the doors; and a crowd that delays nobody."""

import base64
import statistics
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from harness import catalog, client, media, multipart
from harness.client import Client, base64_sha1, sha1
from harness.draft import IMMICH, RAW, Draft
from harness.process import until
from harness.transfer import UPSTREAM
from harness.tus import MEDIA, Tus, holds_none, holds_one, metadata
from harness.wire import Closed, Wire, elapsed

GONE = (404, 410)


@pytest.fixture
def tus(plain_server):
    return Tus(plain_server, plain_server.key)


def together(*work):
    """Runs everything at the same moment; the results in order, an exception as a value."""
    start = threading.Barrier(len(work))

    def run(one):
        start.wait(10)
        try:
            return one()
        except (ConnectionError, Closed) as ended:
            return ended

    with ThreadPoolExecutor(len(work)) as pool:
        return list(pool.map(run, work))


def status(result):
    """A connection that the newcomer ended counts as no answer."""
    return None if isinstance(result, Exception) else result.status


# MARK: One writer


@pytest.mark.parametrize("size", [10, 50_000, 3_000_000])
def test_eight_patches_at_one_offset(tus, resident, size):
    """All bring the same place, each its own bytes: exactly one wins per offset, and the file is the winners' bytes."""
    front = media.mov(f"eight {size}", 1000)
    rounds = 4
    total = len(front) + rounds * size
    address = tus.create(total, Upload_Metadata=metadata(filename="eight.mov"))
    assert tus.append(address, 0, front).status == 204
    whole, offset = front, len(front)
    for turn in range(rounds):
        offers = [media.noise(f"eight {size} {turn} {index}", size) for index in range(8)]
        answers = together(*(lambda data=data: tus.append(address, offset, data) for data in offers))
        statuses = [status(answer) for answer in answers]
        assert set(statuses) <= {204, 409, 423, None}, statuses
        reached = tus.offset(address)
        # A winner that was overtaken half-way has kept what it brought; the next went on, or heard 409.
        told = {int(answer.header("upload-offset")) for answer in answers if status(answer) == 204}
        assert len(told) == statuses.count(204) <= 1, statuses
        staged = whole_bytes(tus.server, address)
        assert len(staged) == reached and staged[:offset] == whole
        brought = staged[offset:]
        assert any(data[: len(brought)] == brought for data in offers), "the bytes of two connections are mixed"
        winner = next(data for data in offers if data[: len(brought)] == brought)
        if len(brought) < size:
            assert statuses.count(204) == 0
            assert tus.append(address, reached, winner[len(brought) :]).status == 204
        else:
            assert statuses.count(204) == 1 or None in statuses, "whose bytes count and who was not cut hears so"
        whole, offset = whole + winner, offset + size
    holds_one(resident, whole)


def whole_bytes(server, address):
    """The upload's bytes as they lie on disk: in staging, or among the originals once it is stored."""
    token = base64.urlsafe_b64decode(address.rsplit("/", 1)[1] + "=")
    with catalog.opened(server.data) as database:
        row = database.execute("SELECT staged, asset FROM upload WHERE token = ?", (token,)).fetchone()
    if row["staged"]:
        return (server.data / "staging" / row["staged"].decode()).read_bytes()
    answer = Tus(server, server.key).request("GET", address)
    assert answer.status == 200
    return answer.body


@pytest.mark.parametrize("make", ["tus", "draft"])
def test_eight_finishes_of_one_upload(plain_server, tus, resident, make):
    """The last byte eight times at once: one finish, one asset, and everybody who hears of success hears of the same."""
    data = media.mov(f"last byte {make}", 200_000)
    last = len(data) - 1
    if make == "tus":
        address = tus.create(len(data))
        assert tus.append(address, 0, data[:last]).status == 204
        work = [lambda: tus.append(address, last, data[last:])] * 8
    else:
        draft = Draft(plain_server, plain_server.key)
        address = draft.begun(data[:last], length=len(data))
        work = [lambda: draft.append(address, last, data[last:])] * 8
    answers = together(*work)
    successes = [answer for answer in answers if status(answer) in (200, 201, 204)]
    asset = holds_one(resident, data)
    assert {answer.header("x-asset-id") for answer in successes} <= {asset}
    assert all(status(answer) in (200, 201, 204, 400, 409, 423, 503, None) for answer in answers), answers
    looked = tus.status(address)
    assert looked.header("x-asset-id") == asset and looked.header("upload-offset") == str(len(data))


# MARK: One asset


def by_multipart(server, data):
    return Client(server, x_api_key=server.key).upload(data, "twin.mov")


def by_raw(server, data):
    head = (f"POST {RAW}?filename=twin.mov HTTP/1.1\r\nHost: x\r\nx-api-key: {server.key}\r\n"
            f"Content-Length: {len(data)}\r\n\r\n").encode()
    with Wire(server) as wire:
        return wire.send(head + data).answer()


def by_tus(server, data):
    tus = Tus(server, server.key)
    return tus.append(tus.create(len(data)), 0, data)


def by_draft(server, data):
    return Draft(server, server.key).create(data)


def by_form(server, data):
    """Immich's form, made resumable."""
    return Draft(server, server.key).create(
        multipart.upload(data, "twin.mov"), f"Content-Type: {multipart.content_type()}", target=IMMICH)


def by_upstream(server, data):
    return Draft(server, server.key).create(data, f"Repr-Digest: sha=:{base64_sha1(data)}:", target=UPSTREAM)


def by_halves(server, data):
    """Two parts and what is put together of them."""
    tus, middle = Tus(server, server.key), len(data) // 2
    parts = [tus.create(len(half), Upload_Concat="partial") for half in (data[:middle], data[middle:])]
    for address, half in zip(parts, (data[:middle], data[middle:])):
        assert tus.append(address, 0, half).status == 204
    return tus.request("POST", Upload_Concat="final;" + " ".join(parts))


DOORS = [by_multipart, by_raw, by_tus, by_draft, by_form, by_upstream, by_halves]
PAIRS = [(one, two) for index, one in enumerate(DOORS) for two in DOORS[index:]]


def outcome(answer):
    assert answer.status in (200, 201, 204), answer
    if said := answer.header("x-asset-status"):
        return said, answer.header("x-asset-id")
    body = answer.json()
    return body["status"], body["id"]


@pytest.mark.parametrize("one, two", PAIRS, ids=lambda door: door.__name__)
@pytest.mark.parametrize("turn", range(3))
def test_two_finishes_of_the_same_bytes(plain_server, resident, one, two, turn):
    data = media.mov(f"twins {one.__name__} {two.__name__} {turn}", 300_000)
    before = resident.count()
    results = together(lambda: one(plain_server, data), lambda: two(plain_server, data))
    said = [outcome(result) for result in results]
    assert sorted(word for word, _ in said) == ["created", "duplicate"], said
    asset = holds_one(resident, data)
    assert {name for _, name in said} == {asset}
    assert resident.count() == before + 1


@pytest.mark.parametrize("door", DOORS, ids=lambda door: door.__name__)
def test_many_finishes_of_the_same_bytes(plain_server, resident, door):
    data = media.mov(f"crowd of twins {door.__name__}", 300_000)
    results = together(*(lambda door=other: door(plain_server, data) for other in [door] * 4 + DOORS))
    said = [outcome(result) for result in results]
    assert sorted(word for word, _ in said) == ["created"] + ["duplicate"] * (3 + len(DOORS)), said
    assert {name for _, name in said} == {holds_one(resident, data)}


@pytest.mark.parametrize("door", ["multipart", "raw"])
def test_announced_bytes_wait_for_those_in_flight(plain_server, resident, door):
    """An upload that announces its digest while the same bytes come in elsewhere ends as their duplicate, never as a second asset."""
    data = media.mov(f"in flight {door}", 2_000_000)
    digest = sha1(data).hexdigest()
    tus = Tus(plain_server, plain_server.key)
    address = tus.create(len(data), Upload_Metadata=metadata(filename="first.mov", checksum=digest))
    assert tus.append(address, 0, data[: len(data) // 2]).status == 204

    def second():
        if door == "multipart":
            return Client(plain_server, x_api_key=plain_server.key).upload(
                data, "second.mov", fields={"x-immich-checksum": digest})
        head = (f"POST {RAW}?filename=second.mov HTTP/1.1\r\nHost: x\r\nx-api-key: {plain_server.key}\r\n"
                f"x-immich-checksum: {digest}\r\nContent-Length: {len(data)}\r\n\r\n").encode()
        with Wire(plain_server) as wire:
            return wire.send(head + data).answer()

    results = together(second, lambda: tus.append(address, len(data) // 2, data[len(data) // 2 :]))
    said = [outcome(result) for result in results]
    assert sorted(word for word, _ in said) == ["created", "duplicate"], said
    assert {name for _, name in said} == {holds_one(resident, data)}


# MARK: DELETE at every state


def test_delete_before_the_first_byte(tus, resident):
    data = media.mov("delete new", 50_000)
    address = tus.create(len(data))
    assert tus.delete(address).status == 204
    assert tus.append(address, 0, data).status in GONE
    holds_none(resident, data)


@pytest.mark.parametrize("turn", range(3))
def test_delete_while_bytes_come_in(tus, resident, turn):
    data = media.mov(f"delete receiving {turn}", 3_000_000)
    address = tus.create(len(data))
    with tus.wire() as wire:
        wire.send(tus.head("PATCH", address, length=len(data), Content_Type=MEDIA, Upload_Offset=0) + data[:1_000_000])
        answer, seconds = elapsed(lambda: tus.delete(address))
        assert answer.status == 204 and seconds < 5
        wire.gone()
    assert tus.status(address).status in GONE
    holds_none(resident, data)
    assert staged_of(tus.server, address) is None


@pytest.mark.parametrize("turn", range(8))
def test_delete_while_it_is_being_stored(tus, resident, turn):
    """The last bytes and a DELETE at the same moment: the photo is there whole, or not at all."""
    data = media.mov(f"delete finishing {turn}", 1_000_000)
    address = tus.create(len(data))
    assert tus.append(address, 0, data[:-1]).status == 204
    finished, deleted = together(lambda: tus.append(address, len(data) - 1, data[-1:]), lambda: tus.delete(address))
    assert status(deleted) in (204, 423, 409, *GONE), deleted
    kept = resident.check(base64_sha1(data))[0]["action"] == "reject"
    if status(finished) == 204:
        assert kept, "somebody was told that the photo is stored"
    if kept:
        holds_one(resident, data)
    if status(deleted) == 204:
        assert tus.status(address).status in GONE
    assert staged_of(tus.server, address) is None or status(deleted) != 204


@pytest.mark.parametrize("state", ["complete", "failed", "deleted", "partial", "consumed"])
def test_delete_of_what_is_over(tus, resident, state):
    data = media.mov(f"delete {state}", 50_000)
    if state == "failed":
        data = b"no photo " * 1000
    address = tus.create(len(data), Upload_Concat="partial" if state in ("partial", "consumed") else None)
    answer = tus.append(address, 0, data)
    assert answer.status == 204 or state == "failed"
    if state == "deleted":
        assert tus.delete(address).status == 204
    if state == "consumed":
        assert tus.request("POST", Upload_Concat=f"final;{address}").status == 201
    assert tus.delete(address).status in ((204,) if state in ("complete", "partial") else (204, *GONE))
    assert tus.status(address).status in GONE
    (holds_one if state in ("complete", "deleted", "consumed") else holds_none)(resident, data)


@pytest.mark.parametrize("state", ["new", "begun", "whole", "complete", "failed", "deleted", "form"])
def test_delete_by_the_draft(plain_server, resident, state):
    """The same of an upload that the draft began; whole: all its bytes are there, and nobody said that it is complete."""
    draft = Draft(plain_server, plain_server.key)
    data = b"no photo " * 1000 if state == "failed" else media.mov(f"delete draft {state}", 50_000)
    fields, body, target = [], data, RAW
    if state == "form":
        body, fields, target = multipart.upload(data), [f"Content-Type: {multipart.content_type()}"], IMMICH
    begun = {"new": 0, "whole": len(body)}.get(state, 1000)
    address = draft.begun(body[:begun], *fields, target=target, length=len(body))
    if state in ("complete", "failed"):
        assert draft.append(address, begun, body[begun:]).status == (201 if state == "complete" else 415)
    if state == "deleted":
        assert draft.cancel(address).status == 204
    answer = draft.cancel(address)
    assert answer.status == 204 or (state == "deleted" and answer.status == 410), answer
    assert draft.look(address).status == draft.append(address, begun, body[begun:]).status == draft.cancel(address).status == 410
    assert staged_of(plain_server, address) is None
    (holds_one if state == "complete" else holds_none)(resident, data)


def staged_of(server, address):
    token = base64.urlsafe_b64decode(address.rsplit("/", 1)[1] + "=")
    with catalog.opened(server.data) as database:
        row = database.execute("SELECT staged FROM upload WHERE token = ?", (token,)).fetchone()
    name = row["staged"] if row else None
    return name if name and (server.data / "staging" / name.decode()).exists() else None


# MARK: A crowd


@pytest.mark.timeout(180)
def test_500_trickling_uploads_delay_nobody(launch, add_user):
    """Sixteen people's 32 uploads each send a few bytes now and then; a photo of 3 MB still takes less than a second."""
    server = launch("--max-connections-per-address", "0", "--max-connections", "2048", founded=True)
    session = client.session(server)
    server.key = client.api_key(session).fields["x_api_key"]
    people = [client.api_key(add_user(server, email=f"crowd{index}@example.org")).fields["x_api_key"] for index in range(16)]
    count, length = 500, 100_000
    wires, stop, failures = [], threading.Event(), []
    sent = [0] * count

    def begin(index):
        tus = Tus(server, people[index % len(people)], source=f"127.0.2.{1 + index % 100}")
        data = media.mov(f"trickle {index}", length)
        address = tus.create(len(data))
        wire = tus.wire()
        wire.send(tus.head("PATCH", address, length=len(data), Content_Type=MEDIA, Upload_Offset=0) + data[:1000])
        sent[index] = 1000
        return wire, tus, address, data

    def trickle():
        try:
            while not stop.is_set():
                for index, (wire, _, _, data) in enumerate(wires):
                    wire.send(data[sent[index] : sent[index] + 50])
                    sent[index] += 50
                    if stop.is_set():
                        return
        except OSError as error:
            failures.append(error)

    with ThreadPoolExecutor(8) as pool:
        wires = list(pool.map(begin, range(count)))
    drip = threading.Thread(target=trickle, daemon=True)
    drip.start()
    try:
        times = {}
        for door in DOORS:
            taken = []
            for turn in range(5):
                data = media.mov(f"beside {door.__name__} {turn}", 3_000_000)
                answer, seconds = elapsed(lambda: door(server, data))
                assert outcome(answer)[0] == "created"
                taken.append(seconds)
            times[door.__name__] = statistics.median(taken), max(taken)
        print("\n" + "; ".join(f"{name} {middle * 1000:.0f} ms, at most {most * 1000:.0f}" for name, (middle, most) in times.items()))
        assert max(most for _, most in times.values()) < 1, times
        assert server.resident() < 200 << 20
    finally:
        stop.set()
        drip.join(10)
    assert not drip.is_alive() and not failures, failures
    assert min(sent) > 1000, "they did not trickle while the photos came"

    # None of the 500 was thrown out: each finishes on the connection that it began on.
    def finish(index):
        wire, _, _, data = wires[index]
        status = wire.send(data[sent[index] :]).answer().status
        wire.socket.close()
        return status

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(finish, range(count))) == {204}
    assert len(catalog.inspect(server.data)) == count + 5 * len(DOORS)


def test_one_person_cannot_take_every_writer(launch, add_user):
    """The 33rd upload at the same time of one person hears so and loses nothing; another person is not concerned."""
    server = launch("--max-connections-per-address", "0", founded=True)
    someone = client.api_key(client.session(server))
    tus = Tus(server, someone.fields["x_api_key"])
    other = Tus(server, client.api_key(add_user(server)).fields["x_api_key"])
    wires = []
    try:
        for index in range(32):
            address = tus.create(10_000)
            wire = tus.wire()
            wire.send(tus.head("PATCH", address, length=10_000, Content_Type=MEDIA, Upload_Offset=0) + b"x" * 10)
            wires.append(wire)
        until(lambda: sum(upload["isReceiving"] for upload in tus.open_uploads()) == 32, what="32 are receiving")
        data = media.mov("thirty-third", 50_000)
        address = tus.create(len(data))
        answer = tus.append(address, 0, data)
        assert answer.status in (423, 429, 503) and int(answer.header("retry-after")) > 0, answer
        assert other.append(other.create(len(data)), 0, data).status == 204
        wires.pop().socket.close()
        until(lambda: tus.append(address, tus.offset(address), data[tus.offset(address):]).status == 204, what="a place comes free")
        holds_one(someone, data)
    finally:
        for wire in wires:
            wire.socket.close()


@pytest.mark.timeout(180)
def test_one_person_cannot_open_uploads_without_end(launch):
    """1000 may be open; the next hears so, until one of them ends."""
    server = launch(founded=True)
    someone = client.api_key(client.session(server))
    tus = Tus(server, someone.fields["x_api_key"])
    limit = 1000

    def create(_):
        answer = tus.request("POST", Upload_Length=1000)
        return answer.status, answer.header("location"), answer.header("retry-after")

    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(create, range(limit + 8)))
    refused = [each for each in made if each[0] != 201]
    assert len(refused) == 8 and {each[0] for each in refused} == {429}, refused[:3]
    assert len(tus.open_uploads()) == limit
    assert tus.delete(next(each[1] for each in made if each[0] == 201)).status == 204
    assert create(0)[0] == 201 and create(0)[0] == 429
    # What needs no open upload goes on.
    data = media.jpeg("beside a thousand")
    assert someone.upload(data, "p.jpg").status == 201
