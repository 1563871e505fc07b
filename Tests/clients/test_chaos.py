"""Uploads through a network that breaks: thousands of interruptions, then one asset with the right digest.

A small client of our own speaks tus and the IETF draft (interop version 8) through the chaos proxy. After every
interruption it asks where the upload stands and goes on there: nothing else is known of the lost connection.
"""

import contextlib
import hashlib
import itertools
import os
import random
import threading
import time
from base64 import b64encode, urlsafe_b64decode
from concurrent.futures import ThreadPoolExecutor

import pytest

from harness import catalog, chaos, client, media, multipart
from harness.draft import Draft, path
from harness.film import Film
from harness.process import until
from harness.tus import MEDIA, Tus, holds_none, holds_one
from harness.wire import Closed, Wire

SEED = os.environ.get("NIGHTSTAND_SEED", "chaos")
INTERRUPTIONS = int(os.environ.get("NIGHTSTAND_INTERRUPTIONS", "4000"))
FILM_MIB = int(os.environ.get("NIGHTSTAND_FILM_MIB", "256"))
ENDINGS = [chaos.RESET, chaos.CLOSE, chaos.STALL, chaos.VANISH]
TAKEOVER = 5.0
# The server writes in blocks of this size; less lies in its hands or in the kernel's.
BLOCK = 1 << 20


class TusCourier:
    """One upload by tus. `place` is the server or a proxy before it."""

    def __init__(self, place, key):
        self.place, self.tus = place, Tus(place, key)

    def begin(self, length):
        self.address = self.tus.create(length)

    def part(self, offset, count):
        """The head of a request that brings everything from `offset` on."""
        return self.tus.head("PATCH", self.address, length=count, Content_Type=MEDIA, Upload_Offset=offset)

    def look(self):
        return self.tus.status(self.address)

    def is_whole(self, answer):
        return answer.header("upload-offset") == answer.header("upload-length")


class DraftCourier:
    """One upload by the draft."""

    def __init__(self, place, key):
        self.place, self.draft = place, Draft(place, key, 8)

    def begin(self, length):
        self.address = path(self.draft.create(b"", complete=False, length=length).header("Location"))

    def part(self, offset, count):
        return self.draft.part(self.address, offset, count, complete=True)

    def look(self):
        return self.draft.look(self.address)

    def is_whole(self, answer):
        return self.draft.says_complete(answer) is True


COURIERS = [TusCourier, DraftCourier]


def offset_of(answer):
    assert answer.status in (200, 204), answer
    return int(answer.header("upload-offset"))


def looked(courier):
    """HEAD, within the time that a takeover may take. Returns the offset and whether the upload is whole."""
    start = time.monotonic()
    answer = courier.look()
    took = time.monotonic() - start
    assert took < TAKEOVER, f"HEAD waited {took:.1f} s for a connection that was dead"
    return offset_of(answer), courier.is_whole(answer)


def interrupt(courier, proxy, data, offset, cut, then, garbage=b""):
    """Sends everything from `offset` on through the proxy, which breaks the connection after `cut` bytes.

    `garbage` is what the client said after the cut: a late byte of it in the file would spoil the digest.
    Returns None where the server ended it before the cut: an older connection's bytes arrived after HEAD had looked.
    """
    plan = proxy.plan(cut, then)
    with Wire(proxy) as wire:
        with contextlib.suppress(ConnectionError):
            wire.send(courier.part(offset, len(data) - offset) + data[offset : offset + cut] + garbage)
        link = plan.link()
        until(lambda: link.was_cut.is_set() or link.over.is_set(), what=f"the cut after {cut} bytes")
    return link if link.was_cut.is_set() else None


def complete(courier, data, offset):
    """The last request, undisturbed."""
    for _ in range(3):
        with Wire(courier.place) as wire:
            with contextlib.suppress(ConnectionError):
                wire.send(courier.part(offset, len(data) - offset) + data[offset:])
            answer = wire.answer()
        if answer.status not in (400, 409):
            break
        # An older connection's bytes arrived after HEAD had looked; perhaps all of them.
        offset, whole = looked(courier)
        if whole:
            answer = courier.look()
            break
    assert answer.status in (200, 201, 204), answer
    assert answer.header("x-asset-status") in ("created", "duplicate"), answer.fields
    return answer


@pytest.mark.parametrize("make", COURIERS)
@pytest.mark.parametrize("then", ENDINGS)
@pytest.mark.parametrize("mark", [4096, 64 << 10, 1 << 20, 16 << 20])
def test_cut_at_every_interesting_byte(plain_server, resident, make, then, mark):
    data = media.mov(f"mark {make.__name__} {then} {mark}", mark + 1000)
    size = len(data)
    interesting = [0, 1, mark - 1, mark, mark + 1, size - 1, size]
    with chaos.Chaos(plain_server.port) as proxy:
        courier = make(proxy, plain_server.key)
        courier.begin(size)
        offset, whole, cuts = 0, False, 0
        for place in interesting:
            while not whole and place >= offset:
                link = interrupt(courier, proxy, data, offset, place - offset, then)
                reached, whole = looked(courier)
                assert offset <= reached <= place
                offset = reached
                if link:
                    link.end()
                    cuts += 1
                    break
        assert proxy.cuts == cuts == len(interesting)
        if not whole:
            complete(courier, data, offset)
    holds_one(resident, data)


@pytest.mark.timeout(240)
def test_thousands_of_interruptions(launch):
    """Eight uploads at once, by both protocols, each cut again and again at random and at awkward places."""
    server = launch("--max-connections-per-address", "0", founded=True)
    someone = client.api_key(client.session(server))
    key = someone.fields["x_api_key"]
    runners = 8
    each = -(-INTERRUPTIONS // runners)
    photos = [media.mov(f"thousands {index}", 6_000_000 + index) for index in range(runners)]
    waits = []

    def run(index):
        choice = random.Random(f"{SEED} {index}")
        data = photos[index]
        with chaos.Chaos(server.port) as proxy:
            courier = COURIERS[index % 2](proxy, key)
            courier.begin(len(data))
            offset, sent, previous = 0, 0, None
            while (turn := proxy.cuts) < each:
                left = len(data) - offset
                fair = max(2 * (left - 10) // (each - turn + 1), 1)
                cut = choice.choice([0, 1, choice.randrange(fair), choice.randrange(fair), 4096 - offset % 4096])
                cut = min(cut, left - 1)
                link = interrupt(courier, proxy, data, offset, cut, choice.choice(ENDINGS), garbage=b"late" * 50)
                start = time.monotonic()
                reached, whole = looked(courier)
                waits.append(time.monotonic() - start)
                sent = max(sent, offset + cut)
                assert not whole and offset <= reached <= sent, (turn, offset, cut, reached)
                # Where nothing of it counted, its head may still be on its way, and be as good as the next one's.
                is_past = reached > offset
                offset = reached
                # The connection before the last wakes up again, with its late bytes.
                if previous:
                    previous.release()
                    previous = None
                if link and link.plan.then == chaos.STALL and is_past:
                    previous = link
                elif link:
                    link.end()
            complete(courier, data, offset)
            return proxy.cuts

    started = time.monotonic()
    with ThreadPoolExecutor(runners) as pool:
        cuts = list(pool.map(run, range(runners)))
    took = time.monotonic() - started
    print(f"\n{sum(cuts)} interruptions in {took:.1f} s (seed {SEED}); HEAD took {sorted(waits)[len(waits) // 2] * 1000:.1f} ms "
          f"in the middle, {max(waits) * 1000:.0f} ms at most")
    assert cuts == [each] * runners and sum(cuts) >= INTERRUPTIONS
    for data in photos:
        holds_one(someone, data)
    assert len(catalog.inspect(server.data)) == runners
    assert someone.count() == runners


@pytest.mark.parametrize("make", COURIERS)
@pytest.mark.parametrize("then", [chaos.STALL, chaos.VANISH])
@pytest.mark.parametrize("newcomer", ["HEAD", "PATCH", "DELETE"])
def test_a_half_dead_connection_is_taken_over(plain_server, resident, make, then, newcomer):
    data = media.mov(f"half dead {make.__name__} {then} {newcomer}", 5_000_000)
    cut = 3 * BLOCK + 1000
    with chaos.Chaos(plain_server.port) as proxy:
        courier = make(proxy, plain_server.key)
        courier.begin(len(data))
        link = interrupt(courier, proxy, data, 0, cut, then)
        until(lambda: bytes_on_disk(plain_server, courier) >= 3 * BLOCK, what="what came before the cut is read")
        start = time.monotonic()
        if newcomer == "HEAD":
            offset, _ = looked(courier)
            assert 3 * BLOCK <= offset <= cut
        elif newcomer == "PATCH":
            # A newcomer that knows no offset hears it; the one that it took over from is gone all the same.
            with Wire(proxy) as wire:
                answer = wire.send(courier.part(0, len(data))).answer()
            assert answer.status == 409 and 3 * BLOCK <= (offset := int(answer.header("upload-offset"))) <= cut
        else:
            with Wire(proxy) as wire:
                fields = f"x-api-key: {plain_server.key}\r\nTus-Resumable: 1.0.0\r\n" if make is TusCourier else ""
                wire.send(f"DELETE {courier.address} HTTP/1.1\r\nHost: x\r\n{fields}\r\n".encode())
                assert wire.answer().status == 204
        assert time.monotonic() - start < TAKEOVER
        if newcomer == "DELETE":
            assert courier.look().status in (404, 410)
            link.release()
            return holds_none(resident, data)
        complete(courier, data, offset)
    holds_one(resident, data)


def bytes_on_disk(server, courier):
    """How far the bytes on disk reach, seen from behind: asking the server would take the upload over."""
    token = urlsafe_b64decode(courier.address.rsplit("/", 1)[1] + "=")
    with catalog.opened(server.data) as database:
        row = database.execute("SELECT staged, offset FROM upload WHERE token = ?", (token,)).fetchone()
    with contextlib.suppress(FileNotFoundError, TypeError):
        return max(row["offset"], (server.data / "staging" / row["staged"].decode()).stat().st_size)
    return row["offset"]


@pytest.mark.parametrize("make", COURIERS)
@pytest.mark.parametrize("wakes", ["before", "between", "after"])
def test_late_bytes_never_reach_the_file(plain_server, resident, make, wakes):
    """The old connection wakes up again, with other bytes, before, while or after the new one writes."""
    data = media.mov(f"late {make.__name__} {wakes}", 3_000_000)
    with chaos.Chaos(plain_server.port) as proxy:
        courier = make(proxy, plain_server.key)
        courier.begin(len(data))
        link = interrupt(courier, proxy, data, 0, 1_000_000, chaos.STALL, garbage=b"#" * 60_000)
        # Before the server has heard of it, nothing can be taken from it.
        watcher = Tus(plain_server, plain_server.key)
        token = courier.address.rsplit("/", 1)[1]
        until(lambda: any(upload["isReceiving"] for upload in watcher.open_uploads() if upload["id"] == token), what="it has begun")
        offset, _ = looked(courier)
        assert offset <= 1_000_000
        if wakes == "before":
            link.release()
            assert link.over.wait(10), "the server keeps a connection that it took the upload from"
            assert looked(courier)[0] == offset
        middle = 2_500_000
        with Wire(proxy) as wire:
            wire.send(courier.part(offset, len(data) - offset) + data[offset:middle])
            if wakes == "between":
                link.release()
                assert link.over.wait(10), "the server keeps a connection that it took the upload from"
            answer = wire.send(data[middle:]).answer()
            assert answer.status in (200, 201, 204), answer
        if wakes == "after":
            link.release()
            assert link.over.wait(10)
    holds_one(resident, data)


@pytest.mark.parametrize("make", COURIERS)
def test_a_living_writer_is_taken_over_again_and_again(plain_server, resident, make):
    """Forty connections, each sending as fast as it can, and each ended by the next one."""
    data = media.mov(f"living {make.__name__}", 24_000_000)
    courier = make(plain_server, plain_server.key)
    courier.begin(len(data))
    offset, takeovers, senders, ended = 0, 0, [], []

    def send(wire, start):
        with contextlib.suppress(OSError):
            wire.send(courier.part(start, len(data) - start))
            # Never the last byte: nobody may finish before the forty are through.
            for begin in range(start, len(data) - 1, 65536):
                wire.send(data[begin : min(begin + 65536, len(data) - 1)])
        with contextlib.suppress(ConnectionError, Closed):
            # One that came after the HEAD which should have ended it hears that the offset has moved, or that all is there.
            assert wire.answer().status in (400, 409)
        ended.append(start)

    while takeovers < 40:
        wire = Wire(plain_server)
        sender = threading.Thread(target=send, args=(wire, offset), daemon=True)
        sender.start()
        senders.append((sender, wire))
        reached, whole = looked(courier)
        assert reached >= offset and not whole
        offset, takeovers = reached, takeovers + 1
    complete(courier, data, offset)
    for sender, wire in senders:
        sender.join(5)
        wire.socket.close()
    assert len(ended) == 40, "a connection was taken over, and neither closed nor answered"
    holds_one(resident, data)


@pytest.mark.parametrize("make", COURIERS)
@pytest.mark.parametrize("plan", [{"piece": 1}, {"rate": 40_000.0}], ids=["byte by byte", "slowly"])
def test_slow_and_in_crumbs(plain_server, resident, make, plan):
    data = media.mov(f"crumbs {make.__name__} {plan}", 20_000)
    with chaos.Chaos(plain_server.port) as proxy:
        courier = make(proxy, plain_server.key)
        courier.begin(len(data))
        proxy.plan(**plan)
        complete(courier, data, 0)
    holds_one(resident, data)


@pytest.mark.parametrize("then", [chaos.RESET, chaos.CLOSE])
def test_an_optimistic_creation_goes_on_where_it_was_cut(launch, then):
    """The draft in one request: the address comes in the 104, and is all that is left after the cut."""
    server = launch(founded=True)
    someone = client.api_key(client.session(server))
    server.key = someone.fields["x_api_key"]
    for turn, cut in enumerate([0, 1, 4096, 100_000, 299_999]):
        data = media.mov(f"optimistic {then} {cut}", 300_000 - 1066)
        with chaos.Chaos(server.port) as proxy:
            draft = Draft(proxy, server.key, 8, source=f"127.2.0.{turn + 1}")
            # Not before its first byte: the address has come then.
            plan = proxy.plan(min(max(cut, 1), len(data)), then)
            with Wire(proxy, source=draft.source) as wire:
                wire.send(draft.creation(len(data), complete=True))
                address = path(wire.interim().header("Location"))
                with contextlib.suppress(ConnectionError):
                    wire.send(data)
                assert plan.link().was_cut.wait(10)
            courier = DraftCourier(proxy, server.key)
            courier.address = address
            offset, whole = looked(courier)
            assert 0 <= offset <= max(cut, 1)
            if not whole:
                complete(courier, data, offset)
        holds_one(someone, data)
    assert len(catalog.inspect(server.data)) == 5


@pytest.mark.parametrize("then", [chaos.RESET, chaos.CLOSE])
def test_a_multipart_upload_that_is_cut_leaves_nothing_or_everything(launch, then):
    """The ordinary door cannot resume: what is cut was never there; only the answer may be lost."""
    server = launch(founded=True)
    someone = client.api_key(client.session(server))
    data = media.mov(f"multipart {then}", 300_000)
    body = multipart.upload(data, "cut.mov")
    end = len(body)
    head = (f"POST /api/assets HTTP/1.1\r\nHost: x\r\nx-api-key: {someone.fields['x_api_key']}\r\n"
            f"Content-Type: {multipart.content_type()}\r\nContent-Length: {end}\r\n\r\n").encode()
    with chaos.Chaos(server.port) as proxy:
        for cut in (0, 1, 100, end // 2, end - 3, end - 1, end):
            plan = proxy.plan(cut, then)
            with Wire(proxy) as wire, contextlib.suppress(ConnectionError):
                wire.send(head + body)
            assert plan.link().was_cut.wait(10)
            until(lambda: catalog.staged(server.data) == [], what="nothing is left")
            assert cut == end or catalog.inspect(server.data, resting=False) == []
    # Where everything came and only the answer was lost, the repetition is a duplicate.
    assert someone.upload(data, "cut.mov").status in (200, 201)
    assert len(catalog.inspect(server.data)) == 1
    holds_one(someone, data)


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("make", COURIERS)
def test_a_film_that_is_cut_ten_times_transfers_less_than_1_percent_twice(launch, make):
    server = launch(founded=True)
    someone = client.api_key(client.session(server))
    film = Film(make.__name__, FILM_MIB << 20)
    choice = random.Random(f"{SEED} {make.__name__}")
    places = sorted(choice.randrange(1, film.size) for _ in range(10))
    transferred, offset = 0, 0
    with chaos.Chaos(server.port) as proxy:
        courier = make(proxy, someone.fields["x_api_key"])
        courier.begin(film.size)
        for place, then in zip(places, itertools.cycle([chaos.RESET, chaos.CLOSE, chaos.STALL])):
            # Faster than any phone sends, and slower than the server reads: what a cut loses is then what was on its way.
            plan = proxy.plan(place - offset, then, rate=100e6)
            with Wire(proxy) as wire:
                wire.send(courier.part(offset, film.size - offset))
                link = plan.link()
                with contextlib.suppress(ConnectionError):
                    # A little more than will pass: a stalled proxy takes no more than this.
                    for piece in film.pieces(offset, min(place + 65536, film.size)):
                        wire.send(piece)
                assert link.was_cut.wait(60)
            transferred += link.passed
            reached, whole = looked(courier)
            assert offset <= reached <= place and not whole
            offset = reached
            link.end()
        plan = proxy.plan()
        with Wire(proxy, limit=60) as wire:
            wire.send(courier.part(offset, film.size - offset))
            for piece in film.pieces(offset):
                wire.send(piece)
            answer = wire.answer()
        transferred += plan.link().passed
        assert proxy.cuts == 10
    expected = film.sha1()
    assert answer.header("repr-digest") == f"sha=:{b64encode(expected.digest()).decode()}:", answer.fields
    assert answer.header("x-asset-status") == "created"
    rows = catalog.rows(server.data)
    assert [row["checksum"] for row in rows] == [expected.digest()] and rows[0]["size"] == film.size
    with (server.data / "originals" / rows[0]["key"].decode()).open("rb") as stored:
        assert hashlib.file_digest(stored, "sha1").digest() == expected.digest()
    twice = transferred - film.size
    print(f"\n{film.size >> 20} MiB, ten cuts: {twice} bytes ({100 * twice / film.size:.3f} %) went twice")
    assert 0 <= twice < film.size / 100
