"""Behind real reverse proxies: small and large uploads through each, by every door, with 104 policy `auto`.

nginx has a habit of its own: a 104 from behind is for it the final answer (docs tell why `auto` holds it back).
"""

import contextlib
import functools
import hashlib
import os
from base64 import b64encode

import pytest

from harness import catalog, client, multipart, proxies
from harness.client import Client
from harness.draft import IMMICH, RAW, Draft, path
from harness.film import Film
from harness.process import until
from harness.transfer import BACKGROUND, UPSTREAM
from harness.tus import MEDIA, Tus
from harness.wire import Closed, Wire, get

SMALL = 3_000_000
LARGE = int(os.environ.get("NIGHTSTAND_PROXY_MB", "300")) * 1_000_000
OPEN = ["nginx", "nginx-streaming", "haproxy", "caddy"]
PATIENCE = 60


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    """One server with one user, and every proxy before it."""
    from harness.process import Nightstand
    folder = tmp_path_factory.mktemp("proxies")
    server = Nightstand(folder / "data", "--max-connections-per-address", "0").start()
    made = {}

    def proxy(kind):
        if kind not in made:
            made[kind] = proxies.Proxy(kind, server.port, folder / kind)
        made[kind].key = server.key
        return made[kind]

    server.proxy = proxy
    try:
        client.sign_up(server)
        session, _ = client.log_in(server)
        server.key = client.api_key(session).fields["x_api_key"]
        session.close()
        yield server
    finally:
        for proxy in made.values():
            proxy.close()
        server.close()


@pytest.fixture
def someone(house):
    made = Client(house, x_api_key=house.key)
    yield made
    made.close()


def framed(film, name):
    """A multipart body around the film: its length and its pieces."""
    before, after = multipart.upload(b"\0FILM\0", name).split(b"\0FILM\0")

    def pieces():
        yield before
        yield from film.pieces()
        yield after

    return len(before) + film.size + len(after), pieces()


def send(proxy, head, pieces):
    """A proxy that refuses may close before everything is sent: its answer is what counts."""
    with Wire(proxy, limit=PATIENCE) as wire:
        with contextlib.suppress(ConnectionError):
            wire.send(head)
            for piece in pieces:
                wire.send(piece)
        return wire.answer()


def by_multipart(proxy, film):
    count, pieces = framed(film, "film.mov")
    head = (f"POST /api/assets HTTP/1.1\r\nHost: x\r\nx-api-key: {proxy.key}\r\n"
            f"Content-Type: {multipart.content_type()}\r\nContent-Length: {count}\r\n\r\n").encode()
    return send(proxy, head, pieces)


def by_raw(proxy, film):
    head = (f"PUT {RAW}?filename=film.mov HTTP/1.1\r\nHost: x\r\nx-api-key: {proxy.key}\r\n"
            f"Content-Length: {film.size}\r\n\r\n").encode()
    return send(proxy, head, film.pieces())


def by_tus(proxy, film):
    tus = Tus(proxy, proxy.key, limit=PATIENCE)
    address = tus.create(film.size)
    return send(proxy, tus.head("PATCH", address, length=film.size, Content_Type=MEDIA, Upload_Offset=0), film.pieces())


def by_tus_in_chunks(proxy, film):
    tus = Tus(proxy, proxy.key, limit=PATIENCE)
    address, step = tus.create(film.size), max(film.size // 5, 1 << 20)
    for start in range(0, film.size, step):
        part = b"".join(film.pieces(start, min(start + step, film.size)))
        answer = tus.append(address, start, part, chunked=start % 2 == 0 and film.size == SMALL)
        assert answer.status == 204, answer
    return answer


def by_draft(proxy, film):
    """As iOS does: everything in one request, and a 104 if it may."""
    draft = Draft(proxy, proxy.key, 8, source="127.0.0.1")
    return send(proxy, draft.creation(film.size, complete=True, length=film.size), film.pieces())


def by_draft_in_two_parts(proxy, film):
    draft, half = Draft(proxy, proxy.key, 8, source="127.0.0.1"), film.size // 2
    answer = send(proxy, draft.creation(half, complete=False, length=film.size), film.pieces(0, half))
    assert answer.status == 201, answer
    location = path(answer.header("Location"))
    assert draft.stands_at(location) == half
    return send(proxy, draft.part(location, half, film.size - half, complete=True), film.pieces(half))


def by_resumable_multipart(proxy, film):
    """As URLSession sends the app's form."""
    draft = Draft(proxy, proxy.key, 8, source="127.0.0.1")
    count, pieces = framed(film, "film.mov")
    return send(proxy, draft.creation(count, f"Content-Type: {multipart.content_type()}", target=IMMICH, length=count), pieces)


def by_background(proxy, film):
    head = (f"POST {BACKGROUND} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {proxy.key}\r\n"
            f"Content-Length: {film.size}\r\n\r\n").encode()
    return send(proxy, head, film.pieces())


def by_upstream(proxy, film):
    draft = Draft(proxy, proxy.key, 8, source="127.0.0.1")
    digest = f"Repr-Digest: sha=:{b64encode(sha1_of(film)).decode()}:"
    return send(proxy, draft.creation(film.size, digest, target=UPSTREAM, length=film.size), film.pieces())


def by_tus_in_halves(proxy, film):
    tus, middle, parts = Tus(proxy, proxy.key, limit=PATIENCE), film.size // 2, []
    for start, end in ((0, middle), (middle, film.size)):
        parts.append(tus.create(end - start, Upload_Concat="partial"))
        answer = send(proxy, tus.head("PATCH", parts[-1], length=end - start, Content_Type=MEDIA, Upload_Offset=0), film.pieces(start, end))
        assert answer.status == 204, answer
    return tus.request("POST", Upload_Concat="final;" + " ".join(parts))


WHOLE = [by_multipart, by_raw, by_background, by_tus, by_draft, by_resumable_multipart, by_upstream]
DOORS = [*WHOLE, by_tus_in_chunks, by_tus_in_halves, by_draft_in_two_parts]


@functools.cache
def sha1_of(film):
    return film.sha1().digest()


def stored(house, someone, film, answer):
    """The answer says so, and the file on disk is the film."""
    assert answer.status in (200, 201, 204), answer
    expected = sha1_of(film)
    digest = b64encode(expected).decode()
    verdict = someone.check(digest)[0]
    assert verdict["action"] == "reject", verdict
    named = answer.header("x-asset-id") or answer.json()["id"]
    assert named == verdict["assetId"]
    row = next(row for row in catalog.rows(house.data) if row["checksum"] == expected)
    assert row["size"] == film.size
    original = house.data / "originals" / row["key"].decode()
    with original.open("rb") as file:
        assert hashlib.file_digest(file, "sha1").digest() == expected
    # A dozen films of this size would fill a small disk, and nobody looks at this one again.
    original.unlink()


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("kind", OPEN)
def test_3_mb_by_every_door(house, someone, kind, door):
    film = Film(f"{kind} {door.__name__}", SMALL)
    stored(house, someone, film, door(house.proxy(kind), film))


@pytest.mark.timeout(180)
@pytest.mark.parametrize("door", [by_multipart, by_raw, by_tus, by_draft, by_resumable_multipart])
@pytest.mark.parametrize("kind", OPEN)
def test_300_mb_by_every_door(house, someone, kind, door):
    film = Film(f"large {kind} {door.__name__}", LARGE)
    stored(house, someone, film, door(house.proxy(kind), film))


@pytest.mark.parametrize("kind", OPEN)
def test_no_104_where_a_proxy_can_be_seen(house, someone, kind):
    """`auto` cannot tell which proxies understand it."""
    film = Film(f"104 {kind}", 100_000)
    answer = by_draft(house.proxy(kind), film)
    assert answer.interim == []
    stored(house, someone, film, answer)


@pytest.mark.parametrize("setting", [("--interim-responses", "always"), ("--trusted-interim-proxies", "127.0.0.1")])
@pytest.mark.parametrize("kind", ["haproxy", "caddy"])
def test_a_104_comes_through_a_proxy_that_hands_it_on(launch, tmp_path, kind, setting):
    server = launch(*setting, founded=True)
    someone = client.api_key(client.session(server))
    film = Film(f"handed on {kind}", 500_000)
    proxy = proxies.Proxy(kind, server.port, tmp_path / kind)
    proxy.key = server.key = someone.fields["x_api_key"]
    try:
        answer = by_draft(proxy, film)
        assert set(answer.interim) == {104}
        assert path(answer.informational[0].header("Location"))
        stored(server, someone, film, answer)
    finally:
        proxy.close()


def test_an_nginx_that_cannot_be_seen_breaks_the_circuit(launch, tmp_path):
    """The first 104s break the answers; then the server notices that this client begins again and again."""
    server = launch(founded=True)
    someone = client.api_key(client.session(server))
    film = Film("unseen", 500_000)
    proxy = proxies.Proxy("nginx-unseen", server.port, tmp_path / "nginx")
    proxy.key = server.key = someone.fields["x_api_key"]
    try:
        for attempt in range(1, 5):
            answer = None
            with contextlib.suppress(Closed, ConnectionError, TimeoutError, AssertionError):
                # What names neither a file nor a digest is not watched: it could be any.
                draft = Draft(proxy, proxy.key, 8, source="127.0.0.1")
                name = 'Content-Disposition: attachment; filename="unseen.mov"'
                answer = send(proxy, draft.creation(film.size, name, length=film.size), film.pieces())
                break
        assert answer is not None and answer.status in (200, 201), (attempt, answer)
        print(f"\nattempt {attempt} succeeded")
        assert attempt > 1, "nginx understands a 104 nowadays: the documents may say so"
        again = by_draft(proxy, Film("unseen too", 500_000))
        assert again.status == 201, "from then on at once"
    finally:
        proxy.close()


@pytest.mark.parametrize("kind", OPEN)
def test_a_connection_serves_the_next_request_after_an_upload(house, someone, kind):
    """A 1xx that a proxy mistakes poisons the connection: the next answer on it would be another's."""
    proxy = house.proxy(kind)
    film = Film(f"keep {kind}", 50_000)
    draft = Draft(proxy, proxy.key, 8, source="127.0.0.1")
    with Wire(proxy) as wire:
        wire.send(draft.creation(film.size, complete=True))
        for piece in film.pieces():
            wire.send(piece)
        answer = wire.answer()
        assert answer.status == 201, answer
        for _ in range(3):
            wire.send(get())
            assert wire.answer().json() == {"res": "pong"}
    stored(house, someone, film, answer)


@pytest.mark.parametrize("kind", ["nginx-streaming", "haproxy", "caddy"])
def test_an_upload_that_is_cut_goes_on_behind_a_proxy(house, someone, kind):
    proxy = house.proxy(kind)
    film = Film(f"cut {kind}", SMALL)
    tus = Tus(proxy, proxy.key)
    address = tus.create(film.size)
    with tus.wire() as wire:
        wire.send(tus.head("PATCH", address, length=film.size, Content_Type=MEDIA, Upload_Offset=0))
        for piece in film.pieces(0, 2_000_000):
            wire.send(piece)
        direct = Tus(house, house.key)
        token = address.rsplit("/", 1)[1]
        until(lambda: any(upload["isReceiving"] for upload in direct.open_uploads() if upload["id"] == token), what="it came through")
        wire.reset()
    for _ in range(3):
        # What the proxy still had in hand may come after the first look.
        offset = tus.offset(address)
        assert 0 <= offset <= 2_000_000
        answer = tus.append(address, offset, b"".join(film.pieces(offset)))
        if answer.status != 409:
            break
    assert answer.status == 204, answer
    stored(house, someone, film, answer)


def test_nginx_as_it_comes_refuses_more_than_1_mib_in_plain_words(house, someone):
    """Every door's client reads a 413, nothing is stored, and a client that sends smaller chunks gets through."""
    proxy = house.proxy("nginx-default")
    film = Film("default", SMALL)
    for door in WHOLE:
        if door == by_tus:
            continue
        answer = door(proxy, film)
        assert answer.status == 413, (door, answer)
    tus = Tus(proxy, proxy.key)
    address = tus.create(film.size)
    answer = send(proxy, tus.head("PATCH", address, length=film.size, Content_Type=MEDIA, Upload_Offset=0), film.pieces())
    assert answer.header("tus-resumable") is None, "by this a client knows that the proxy speaks, not the server"
    assert answer.status == 413, answer
    assert tus.offset(address) == 0
    assert someone.check(b64encode(sha1_of(film)).decode())[0]["action"] == "accept"
    step = 1_000_000
    for start in range(0, film.size, step):
        answer = tus.append(address, start, b"".join(film.pieces(start, min(start + step, film.size))))
        assert answer.status == 204, answer
    stored(house, someone, film, answer)
