"""The chaos proxy does what it says, before it is trusted with a server."""

import contextlib
import hashlib
import socket
import threading
import time

import pytest

from harness import chaos, media
from harness.process import until

HEAD = b"PUT / HTTP/1.1\r\nContent-Length: 1000000\r\n\r\n"


class Listener:
    """A server that swallows: per connection what came, and how it ended. Answers `ok` where `echo` is set."""

    def __init__(self):
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.received, self.ended = bytearray(), None
        self.greet = threading.Event()
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self):
        with contextlib.suppress(OSError):
            peer, _ = self.socket.accept()
            peer.sendall(b"hello")
            while True:
                try:
                    data = peer.recv(65536)
                except ConnectionResetError:
                    self.ended = "reset"
                    return
                if not data:
                    self.ended = "end"
                    return
                self.received += data


@pytest.fixture
def rig():
    listener = Listener()
    with chaos.Chaos(listener.port) as proxy:
        yield listener, proxy
    listener.socket.close()


def connect(proxy):
    client = socket.create_connection(("127.0.0.1", proxy.port), timeout=5)
    assert client.recv(5, socket.MSG_WAITALL) == b"hello"
    return client


def test_without_a_plan_everything_passes_both_ways(rig):
    listener, proxy = rig
    data = HEAD + media.noise("pass", 1_000_000)
    with connect(proxy) as client:
        client.sendall(data)
        client.shutdown(socket.SHUT_WR)
        until(lambda: listener.ended == "end", what="the clean end")
    assert hashlib.sha256(listener.received).digest() == hashlib.sha256(data).digest()
    assert proxy.cuts == 0


@pytest.mark.parametrize("then, ended", [(chaos.RESET, "reset"), (chaos.CLOSE, "end")])
@pytest.mark.parametrize("cut", [0, 1, 4095, 70_000])
def test_a_cut_comes_at_its_byte_and_in_its_manner(rig, cut, then, ended):
    listener, proxy = rig
    plan = proxy.plan(cut, then)
    with connect(proxy) as client:
        with contextlib.suppress(ConnectionError):
            client.sendall(HEAD[:10])
            client.sendall(HEAD[10:] + b"x" * 500_000)
        until(lambda: listener.ended, what="the end")
        link = plan.link()
        assert listener.ended == ended
        assert len(listener.received) <= len(HEAD) + cut and link.passed <= cut
        if then == chaos.CLOSE:
            assert len(listener.received) == len(HEAD) + cut == len(HEAD) + link.passed
        with contextlib.suppress(ConnectionResetError):
            assert client.recv(1) == b""
    assert proxy.cuts == 1


def test_a_stall_holds_everything_and_lets_it_go_late(rig):
    listener, proxy = rig
    plan = proxy.plan(10, chaos.STALL)
    with connect(proxy) as client:
        client.sendall(HEAD + b"y" * 1000)
        link = plan.link()
        assert link.was_cut.wait(5)
        until(lambda: len(listener.received) == len(HEAD) + 10, what="what went before the stall")
        assert listener.ended is None
        link.release()
        until(lambda: len(listener.received) == len(HEAD) + 1000, what="the late bytes")


def test_a_vanished_peer_keeps_both_ends_open_and_says_nothing(rig):
    listener, proxy = rig
    plan = proxy.plan(10, chaos.VANISH)
    with connect(proxy) as client:
        client.sendall(HEAD + b"z" * 1000)
        link = plan.link()
        assert link.was_cut.wait(5)
        client.sendall(b"into the void" * 100_000)
        client.settimeout(0.2)
        with pytest.raises(TimeoutError):
            client.recv(1)
        assert listener.ended is None and len(listener.received) == len(HEAD) + 10
    link.end()
    until(lambda: listener.ended == "reset", what="the end of the half-open connection")


def test_a_rate_is_kept_and_single_bytes_go_singly(rig):
    listener, proxy = rig
    proxy.plan(rate=100_000)
    with connect(proxy) as client:
        start = time.monotonic()
        client.sendall(HEAD + b"r" * 50_000)
        until(lambda: len(listener.received) == len(HEAD) + 50_000, what="everything")
        assert 0.3 < time.monotonic() - start < 5


def test_one_byte_writes(rig):
    listener, proxy = rig
    plan = proxy.plan(piece=1)
    with connect(proxy) as client:
        client.sendall(HEAD + b"1" * 2000)
        until(lambda: len(listener.received) == len(HEAD) + 2000, what="everything")
    # What the listener reads at once is its kernel's affair.
    assert plan.link().writes == 2000
