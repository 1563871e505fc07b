"""Memory stays flat whatever the size of an upload. A gibibyte by default; NIGHTSTAND_UPLOAD_GIB=10 makes it ten."""

import hashlib
import os
import threading

import pytest

from harness import media, multipart
from harness.client import base64_sha1
from harness.wire import Wire

GIB = int(os.environ.get("NIGHTSTAND_UPLOAD_GIB", "1"))
LIMIT = 80 << 20
IDLE_LIMIT = 30 << 20


class Watch:
    """The most memory that the server held while it was watched."""

    def __init__(self, server):
        self.server, self.peak, self.over = server, server.resident(), threading.Event()
        self.thread = threading.Thread(target=self._look, daemon=True)

    def _look(self):
        while not self.over.wait(0.02):
            self.peak = max(self.peak, self.server.resident())

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.thread.join()


@pytest.mark.timeout(120 + 120 * GIB)
def test_a_huge_upload_keeps_memory_flat(server, admin):
    """Chunked and made up on the fly, so that neither side ever holds it; then back as a range and as a whole."""
    idle = server.resident()
    block = media.noise("huge", 1 << 20)
    head = multipart.encode([
        multipart.field("fileCreatedAt", multipart.CREATED), multipart.field("fileModifiedAt", multipart.MODIFIED),
        multipart.file("assetData", "huge.mov", b"")])
    start = head.rindex(b"\r\n--")
    before, after = head[:start], head[start:]
    digest = hashlib.sha1(usedforsecurity=False)
    with Watch(server) as watch, Wire(server, limit=120) as wire:
        wire.send((f"POST /api/assets HTTP/1.1\r\nHost: x\r\nx-api-key: {admin.fields['x_api_key']}\r\n"
                   f"Content-Type: {multipart.content_type()}\r\nTransfer-Encoding: chunked\r\n\r\n").encode())
        wire.send(b"%x\r\n%s\r\n" % (len(before), before))
        for index in range(GIB << 10):
            piece = index.to_bytes(8, "big") + block[8:]
            digest.update(piece)
            wire.send(b"%x\r\n" % len(piece) + piece + b"\r\n")
        answer = wire.send(b"%x\r\n%s\r\n0\r\n\r\n" % (len(after), after)).answer()
        assert answer.status == 201, answer
        asset = answer.json()["id"]
        uploading = watch.peak
        # Back again, streamed.
        wire.send((f"GET /api/assets/{asset}/original HTTP/1.1\r\nHost: x\r\n"
                   f"x-api-key: {admin.fields['x_api_key']}\r\nConnection: close\r\n\r\n").encode())
        back, size, head_over = hashlib.sha1(usedforsecurity=False), 0, False
        while piece := wire.socket.recv(1 << 20):
            if not head_over:
                _, separator, piece = piece.partition(b"\r\n\r\n")
                assert separator
                head_over = True
            back.update(piece)
            size += len(piece)
    print(f"\nidle {idle >> 20} MiB, upload of {GIB} GiB {uploading >> 20} MiB, with download {watch.peak >> 20} MiB")
    assert size == GIB << 30 and back.digest() == digest.digest()
    assert watch.peak < LIMIT, f"{watch.peak >> 20} MiB resident"


def test_an_idle_server_is_small(launch):
    from harness import client
    server = launch()
    client.sign_up(server)
    session, _ = client.log_in(server)
    for index in range(20):
        session.store(media.jpeg(f"idle {index}"), "idle.jpg")
    session.close()
    print(f"\nidle: {server.resident() >> 20} MiB")
    assert server.resident() < IDLE_LIMIT, f"{server.resident() >> 20} MiB resident when idle"


def test_json_bodies_are_bounded_in_memory(server, admin):
    """Sixteen checks of the largest size at once: each is bounded, and so is their sum."""
    from concurrent.futures import ThreadPoolExecutor
    from harness.client import Client
    items = [{"id": "x" * 150, "checksum": base64_sha1(str(index).encode())} for index in range(5000)]
    with Watch(server) as watch, ThreadPoolExecutor(16) as pool:
        statuses = set(pool.map(
            lambda _: Client(server, **admin.fields).post("/api/assets/bulk-upload-check", {"assets": items}).status,
            range(32)))
    assert statuses == {200}
    print(f"\n32 checks of 5,000, 16 at once: {watch.peak >> 20} MiB")
    assert watch.peak < 150 << 20
