"""Clients that are slow, silent or many. Time-outs are shortened by the server's own options."""

import os
import select
import signal
import socket
import statistics
import struct
import time

import pytest

from harness import catalog, client, contract, draft, media, multipart, process
from harness.client import Client
from harness.process import until
from harness.wire import Wire, elapsed, exchange, get


@pytest.fixture(params=["plain", "tls"])
def impatient(request, launch, tmp_path):
    """A server whose patience is a second where the default is ten or sixty."""
    tls = process.Certificate(tmp_path) if request.param == "tls" else None
    server = launch("--head-timeout", "1", "--stall-timeout", "1", "--idle-timeout", "1", "--handshake-timeout", "1",
                    tls=tls, founded=True)
    session = client.session(server)
    server.key = client.api_key(session).fields["x_api_key"]
    session.close()
    return server


def upload_head(server, length):
    return (f"POST /api/assets HTTP/1.1\r\nHost: x\r\nx-api-key: {server.key}\r\n"
            f"Content-Type: {multipart.content_type()}\r\nContent-Length: {length}\r\n\r\n").encode()


def test_a_slow_head_gets_408(impatient):
    with Wire(impatient) as wire:
        answer, seconds = elapsed(lambda: wire.send(b"GET /api/server/ping HTTP/1.1\r\nHost: x\r\n").answer())
        assert answer.status == 408
        contract.check_error(answer)
        assert wire.ends() == b""
        assert 0.5 < seconds < 5


def test_a_head_that_drips_gets_408_all_the_same(impatient):
    """Each byte is progress, and none of them buys more time."""
    with Wire(impatient) as wire:
        wire.send(b"GET /api/server/ping HTTP/1.1\r\nX-Drip: ")
        start = time.monotonic()
        wire.socket.settimeout(0.1)
        while time.monotonic() - start < 10:
            try:
                wire.send(b"a")
                if wire._more():
                    break
                break
            except TimeoutError:
                continue
            except ConnectionError:
                break
        assert time.monotonic() - start < 5, "it may drip for ever"
        wire.socket.settimeout(5)
        assert wire.answer().status == 408


def test_a_silent_connection_is_closed(impatient):
    """Before the first byte, and between two requests."""
    with Wire(impatient) as wire:
        rest, seconds = elapsed(lambda: wire.ends(limit=6))
        assert seconds < 6 and not rest.startswith(b"HTTP/1.1 2")
    with Wire(impatient) as wire:
        assert wire.send(get()).answer().status == 200
        assert wire.ends(limit=6) == b""


def test_a_body_that_stalls_ends_and_leaves_nothing(impatient):
    from harness import catalog
    body = multipart.upload(b"x" * 100_000, "stalled.jpg")
    with Wire(impatient) as wire:
        wire.send(upload_head(impatient, len(body)) + body[:50_000])
        wire.gone(limit=8)
    until(lambda: catalog.staged(impatient.data) == [], what="staging is empty")
    assert catalog.inspect(impatient.data) == []


def test_a_body_that_creeps_on_is_not_cut(impatient):
    """The time-out is for standing still, not for being slow: 3 seconds in pieces, with a patience of one."""
    from harness import media
    data = media.jpeg(f"creep {impatient.scheme}")
    body = multipart.upload(data, "creep.jpg")
    with Wire(impatient) as wire:
        wire.send(upload_head(impatient, len(body)))
        pieces, start = 12, time.monotonic()
        for index in range(pieces):
            wire.send(body[index * len(body) // pieces : (index + 1) * len(body) // pieces])
            while time.monotonic() - start < (index + 1) * 0.25:
                time.sleep(0.01)  # being slow is what this client does
        assert wire.answer().status == 201


def test_a_reader_that_stalls_is_cut(impatient):
    """Somebody asks for a large original and never reads: the connection and its descriptor come free."""
    import pathlib
    from harness import media
    someone = Client(impatient, x_api_key=impatient.key)
    asset = someone.upload(media.mov("stall", 20_000_000), "stall.mov").json()["id"]
    someone.close()
    descriptors = pathlib.Path(f"/proc/{impatient.process.pid}/fd")

    def open_originals():
        found = 0
        for path in list(descriptors.iterdir()):
            try:
                found += "originals/" in str(path.readlink()) and not str(path.readlink()).endswith(".nightstand")
            except OSError:
                continue
        return found

    with Wire(impatient, receive_buffer=4096) as wire:
        wire.send(get(f"/api/assets/{asset}/original", f"x-api-key: {impatient.key}"))
        until(lambda: open_originals() > 0, what="the original is being read")
        until(lambda: open_originals() == 0, limit=15, what="the original is closed again")


def latencies(server, count=60):
    out = []
    with Wire(server, source="127.0.0.200") as wire:
        for _ in range(count):
            answer, seconds = elapsed(lambda: wire.send(get()).answer())
            assert answer.status == 200
            out.append(seconds)
    return out


@pytest.mark.parametrize("scheme", ["plain", "tls"])
def test_300_slow_heads_delay_nobody(launch, tmp_path, scheme):
    """300 connections from several addresses each owe the end of a head; a normal client is answered at once.

    The bound is generous on purpose: it tells a server that waits from one that does not, it measures nothing.
    """
    server = launch("--head-timeout", "60", tls=process.Certificate(tmp_path) if scheme == "tls" else None)
    alone = statistics.median(latencies(server))
    slow = []
    try:
        for index in range(300):
            wire = Wire(server, source=f"127.0.0.{1 + index % 6}")
            wire.send(b"GET /api/server/ping HTTP/1.1\r\nHost: x\r\nX-Slow: ")
            slow.append(wire)
        crowded = latencies(server)
        fresh, seconds = elapsed(lambda: exchange(server, get(), source="127.0.0.201"))
        assert fresh.status == 200
        print(f"\nmedian latency: alone {alone * 1000:.2f} ms, beside 300 slow heads "
              f"{statistics.median(crowded) * 1000:.2f} ms; new connection {seconds * 1000:.2f} ms")
        assert statistics.median(crowded) < alone + 0.05
        assert seconds < 2
        # And they were not simply thrown out: each of them can still finish.
        for wire in slow:
            assert wire.send(b"a\r\n\r\n").answer().status == 200
    finally:
        for wire in slow:
            wire.socket.close()


def test_300_stalled_uploads_delay_nobody(launch):
    """Each holds a route open in the middle of its body. Others log in, upload and download meanwhile."""
    from harness import media
    server = launch(founded=True)
    session = client.session(server)
    server.key = client.api_key(session).fields["x_api_key"]
    stalled = []
    try:
        for index in range(300):
            wire = Wire(server, source=f"127.0.0.{1 + index % 6}")
            body = multipart.upload(b"x" * 3000, "s.jpg")
            wire.send(upload_head(server, len(body)) + body[:2000])
            stalled.append((wire, body))
        someone = Client(server, source="127.0.0.200", x_api_key=server.key)
        data = media.jpeg("beside")
        asset, seconds = elapsed(lambda: someone.store(data, "beside.jpg"))
        assert seconds < 3, f"an upload beside 300 stalled ones took {seconds:.1f} s"
        assert someone.original(asset).body == data
        assert client.log_in(server, source="127.0.0.201")[1].status == 201
        assert server.resident() < 120 << 20
        statuses = [wire.send(body[2000:]).answer().status for wire, body in stalled]
        assert sorted(set(statuses)) == [200, 201] and statuses.count(201) == 1
    finally:
        for wire, _ in stalled:
            wire.socket.close()


def test_one_address_cannot_take_every_place(launch):
    """The cap per address closes what is over it, and only for that address."""
    server = launch("--max-connections-per-address", "8")
    held = [Wire(server, source="127.0.0.5") for _ in range(8)]
    try:
        for wire in held:
            assert wire.send(get()).answer().status == 200
        with Wire(server, source="127.0.0.5") as wire:
            wire.gone()
        assert exchange(server, get(), source="127.0.0.6").status == 200
    finally:
        for wire in held:
            wire.socket.close()
    until(lambda: answers(server, "127.0.0.5"), what="places come free again")


def answers(server, source):
    from harness.wire import Closed
    try:
        return exchange(server, get(), source=source).status == 200
    except (Closed, ConnectionError):
        return False


def test_beyond_the_last_place_the_kernel_queue_waits(launch):
    """With four places taken a fifth client waits; when one leaves it is served. Nobody is turned away."""
    server = launch("--max-connections", "4", "--max-connections-per-address", "0")
    held = [Wire(server) for _ in range(4)]
    for wire in held:
        assert wire.send(get()).answer().status == 200
    with Wire(server) as fifth:
        fifth.send(get())
        fifth.socket.settimeout(0.3)
        with pytest.raises(TimeoutError):
            fifth.answer()
        held.pop().socket.close()
        fifth.socket.settimeout(10)
        assert fifth.answer().status == 200
    for wire in held:
        wire.socket.close()


def test_what_a_dead_client_had_sent_is_taken(launch):
    """The server stands still while its client goes on sending and dies: what the kernel has of it need not come again."""
    server = launch(founded=True)
    server.key = client.api_key(client.session(server)).fields["x_api_key"]
    speaker = draft.Draft(server, server.key)
    data = media.mov("sent in vain", 24 << 20)
    location = speaker.begun()
    with speaker.wire() as wire:
        head = speaker.part(location, 0, len(data))
        wire.send(head + data[:1 << 20])
        until(lambda: os.path.getsize(server.data / "staging" / catalog.staged(server.data)[0]) >= 1 << 20, what="the first block is written")
        server.signal(signal.SIGSTOP)
        try:
            wire.socket.setblocking(False)
            sent = 1 << 20
            # Two seconds and more without taking a byte: time enough that a 104 would be due behind it.
            while select.select([], [wire.socket], [], 2.2)[1]:
                sent += wire.socket.send(data[sent:sent + 65536])
            # tcp_info in linux/tcp.h: tcpi_bytes_acked lies 120 bytes from its start.
            taken, = struct.unpack_from("Q", wire.socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 256), 120)
            assert taken - len(head) > 2 << 20, "too little lies in the socket to prove anything"
            wire.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            wire.socket.close()
            with speaker.wire() as newcomer:
                newcomer.send(speaker.head_of("HEAD", location))
                server.signal(signal.SIGCONT)
                stands = draft.offset(newcomer.answer("HEAD"))
        finally:
            server.signal(signal.SIGCONT)
    # One of the acknowledged bytes is the opening of the connection.
    assert stands >= taken - 1 - len(head)
    assert speaker.append(location, stands, data[stands:]).status == 201
