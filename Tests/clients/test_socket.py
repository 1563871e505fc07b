"""Events by Socket.IO: a real client hears of its own photos, and of nobody else's; hostile frames end one connection."""

import base64
import hashlib
import json
import os
import queue
import re
import struct

import pytest
import socketio

from harness import client, media, process
from harness.wire import Wire

PATH = "/api/socket.io/?EIO=4&transport=websocket"
EVENT = "AssetUploadReadyV2"


class Listener:
    """python-socketio as the app and the web page use Socket.IO: WebSocket only, one credential."""

    def __init__(self, server, **headers):
        self.events, self.gone = queue.Queue(), queue.Queue()
        self.io = socketio.Client(reconnection=False, handle_sigint=False)
        self.io.on(EVENT, self.events.put)
        self.io.on("disconnect", self.gone.put)
        self.io.connect(server.url, headers=headers, transports=["websocket"], socketio_path="/api/socket.io",
                        wait_timeout=10)

    def next(self, limit=30):
        return self.events.get(timeout=limit)

    def close(self):
        self.io.disconnect()


@pytest.fixture
def listen():
    made = []

    def connect(server, **headers):
        made.append(Listener(server, **headers))
        return made[-1]

    yield connect
    for listener in made:
        listener.close()


def bearer(user):
    return user.fields["Authorization"]


def cookie(user):
    return "immich_access_token=" + bearer(user).removeprefix("Bearer ")


def test_a_new_photo_is_announced_to_its_owner_alone(server, add_user, listen, seed):
    anna = client.session(server)
    bert = add_user(server)
    key = client.api_key(anna, "asset.read")
    mine = [
        listen(server, Cookie=cookie(anna)), listen(server, Authorization=bearer(anna)),
        listen(server, **{"x-immich-user-token": bearer(anna).removeprefix("Bearer ")}),
        listen(server, **{"x-api-key": key.fields["x_api_key"]})]
    his = listen(server, Cookie=cookie(bert))

    asset = anna.store(media.jpeg(seed), "IMG_1.jpg")
    for listener in mine:
        event = listener.next()
        assert event["asset"]["id"] == event["exif"]["assetId"] == asset
        assert event["asset"]["ownerId"] == anna.me()["id"]
        assert event["asset"]["thumbhash"] and event["asset"]["originalFileName"] == "IMG_1.jpg"
        assert anna.get(f"/api/assets/{asset}/thumbnail").status == 200
    # What came first to each would show it, had there been anything of the other's before.
    other = bert.store(media.jpeg(seed + "b"), "IMG_2.jpg")
    assert his.next()["asset"]["id"] == other
    again = anna.store(media.jpeg(seed + "c"), "IMG_3.jpg")
    assert [listener.next()["asset"]["id"] for listener in mine] == [again] * len(mine)
    assert his.events.empty()


def test_the_event_is_what_the_sync_stream_says(server, listen, seed):
    anna = client.session(server)
    ear = listen(server, Cookie=cookie(anna))
    anna.store(media.jpeg(seed))
    event = ear.next()
    answer = anna.post("/api/sync/stream", {"types": ["AssetsV2", "AssetExifsV1"]})
    lines = {line["type"]: line["data"] for line in map(json.loads, answer.body.decode().splitlines())}
    assert event == {"asset": lines["AssetV2"], "exif": lines["AssetExifV1"]}


def test_pictures_that_are_made_again_are_no_news(server, admin, listen, seed):
    anna = client.session(server)
    ear = listen(server, Cookie=cookie(anna))
    first = anna.store(media.jpeg(seed))
    assert ear.next()["asset"]["id"] == first
    assert admin.put("/api/jobs/thumbnailGeneration", {"command": "start", "force": True}).status == 200
    second = anna.store(media.jpeg(seed + "2"))
    assert ear.next()["asset"]["id"] == second
    hidden = anna.store(media.jpeg(seed + "3"), visibility="hidden")
    third = anna.store(media.jpeg(seed + "4"))
    assert ear.next()["asset"]["id"] == third, hidden


def test_only_who_is_known_gets_in(server, admin):
    upgrade = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
               "Sec-WebSocket-Key": base64.b64encode(os.urandom(16)).decode()}

    def ask(target=PATH, checked=True, **fields):
        fields = {name.replace("_", "-"): value for name, value in fields.items()}
        return client.Client(server).get(target, fields=upgrade | fields, checked=checked)

    assert ask().status == 401
    assert ask(x_api_key="no such key").status == 401
    assert ask(Cookie="immich_access_token=nonsense").status == 401
    poor = client.api_key(client.log_in(server)[0], "asset.upload")
    refused = ask(x_api_key=poor.fields["x_api_key"])
    assert refused.status == 403 and "asset.read" in refused.json()["message"]
    user = client.session(server)
    # A page of another site can open a WebSocket to here, and the browser sends the cookie with it.
    assert ask(Cookie=cookie(user), Origin="https://evil.example").status == 403
    assert ask(Cookie=cookie(user), Sec_Fetch_Site="cross-site").status == 403
    key = {"x_api_key": admin.fields["x_api_key"]}
    assert ask("/api/socket.io/?EIO=4&transport=polling", **key).status == 400
    assert ask("/api/socket.io/?EIO=3&transport=websocket", **key).status == 400
    plain = ask(Upgrade=None, Connection=None, **key)
    assert plain.status == 426 and plain.header("Upgrade") == "websocket" and plain.header("Sec-WebSocket-Version") == "13"
    assert ask(Sec_WebSocket_Version="8", **key).status == 426
    assert ask(Sec_WebSocket_Key="c2hvcnQ=", **key).status == 400


def test_a_login_that_ends_hears_nothing_more(server, listen, seed):
    anna = client.session(server)
    other, _ = client.log_in(server)
    ear, still = listen(server, Cookie=cookie(anna)), listen(server, Cookie=cookie(other))
    assert anna.post("/api/auth/logout").status == 200
    asset = other.store(media.jpeg(seed))
    assert still.next()["asset"]["id"] == asset
    assert ear.gone.get(timeout=10)
    assert ear.events.empty()


def test_the_server_says_goodbye_and_is_found_again(server, listen, seed):
    anna = client.session(server)
    ear = listen(server, Cookie=cookie(anna))
    server.restart()
    assert ear.gone.get(timeout=10)
    anna.close()
    again = listen(server, Cookie=cookie(anna))
    asset = anna.store(media.jpeg(seed))
    assert again.next()["asset"]["id"] == asset


# Below the library: bytes of our own.

def frame(opcode, payload=b"", final=True, mask=b"\x01\x02\x03\x04"):
    head = bytes([(0x80 if final else 0) | opcode])
    if len(payload) < 126:
        head += bytes([0x80 | len(payload)])
    elif len(payload) < 65536:
        head += bytes([0x80 | 126]) + struct.pack(">H", len(payload))
    else:
        head += bytes([0x80 | 127]) + struct.pack(">Q", len(payload))
    return head + mask + bytes(byte ^ mask[index & 3] for index, byte in enumerate(payload))


class Raw:
    """One WebSocket, byte by byte."""

    def __init__(self, server, key, behind=b""):
        self.wire = Wire(server, limit=30)
        secret = base64.b64encode(os.urandom(16)).decode()
        self.wire.send((f"GET {PATH} HTTP/1.1\r\nHost: x\r\nx-api-key: {key}\r\nConnection: keep-alive, Upgrade\r\n"
                        f"Upgrade: WebSocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {secret}\r\n"
                        "\r\n").encode() + behind)
        self.rest = b""
        head = self._until(b"\r\n\r\n").decode()
        assert head.startswith("HTTP/1.1 101 "), head
        expected = hashlib.sha1((secret + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()).digest()
        accept = re.search(r"(?i)sec-websocket-accept: (\S+)", head)[1]
        assert base64.b64decode(accept) == expected
        opcode, hello = self.next()
        assert opcode == 1 and hello.startswith(b"0{"), hello
        self.hello = json.loads(hello[1:])

    def _more(self):
        piece = self.wire.socket.recv(65536)
        self.rest += piece
        return piece

    def _until(self, mark):
        while mark not in self.rest:
            assert self._more(), self.rest
        head, self.rest = self.rest.split(mark, 1)
        return head

    def _take(self, count):
        while len(self.rest) < count:
            if not self._more():
                raise EOFError
        piece, self.rest = self.rest[:count], self.rest[count:]
        return piece

    def next(self):
        first, length = self._take(2)
        assert first & 0xF0 == 0x80 and not length & 0x80, "a server's frames are whole and not masked"
        if length == 126:
            length, = struct.unpack(">H", self._take(2))
        elif length == 127:
            length, = struct.unpack(">Q", self._take(8))
        return first & 0x0F, self._take(length)

    def send(self, raw):
        self.wire.send(raw)
        return self

    def ends_with(self):
        """The close code; frames before it are passed over."""
        while True:
            opcode, payload = self.next()
            if opcode == 8:
                return struct.unpack(">H", payload[:2])[0]

    def close(self):
        self.wire.socket.close()


@pytest.fixture
def raw(server, admin):
    made = []

    def connect(**options):
        made.append(Raw(server, admin.fields["x_api_key"], **options))
        return made[-1]

    yield connect
    for socket in made:
        socket.close()


def test_the_greeting_names_the_times(raw):
    hello = raw().hello
    assert hello["pingInterval"] == 25000 and hello["pingTimeout"] == 20000 and hello["upgrades"] == []
    assert hello["maxPayload"] == 65536 and hello["sid"]


def test_frames_behind_the_request_and_frames_in_pieces(raw):
    socket = raw(behind=frame(1, b"40"))
    assert socket.next()[1].startswith(b'40{"sid":')
    for byte in frame(9, b"are you there") + frame(1, b"4", final=False) + frame(0, b"0"):
        socket.send(bytes([byte]))
    assert socket.next() == (10, b"are you there")
    assert socket.next()[1].startswith(b'40{"sid":')
    socket.send(frame(1, b"40/admin,"))
    assert socket.next() == (1, b'44/admin,{"message":"Invalid namespace"}')
    socket.send(frame(8, struct.pack(">H", 1000)))
    assert socket.ends_with() == 1000


def test_over_tls(tls_server):
    socket = Raw(tls_server, tls_server.key, behind=frame(1, b"40"))
    assert socket.next()[1].startswith(b'40{"sid":')
    for _ in range(200):
        socket.send(frame(9, b"y" * 125))
    assert [socket.next() for _ in range(200)] == [(10, b"y" * 125)] * 200
    socket.send(frame(8, struct.pack(">H", 1001)))
    assert socket.ends_with() == 1001
    socket.close()


@pytest.mark.parametrize(("bytes_", "code"), [
    (b"\x81\x02hi", 1002), (b"\xf1\x80", 1002), (b"\x83\x80\0\0\0\0", 1002), (frame(0, b"x"), 1002),
    (frame(9, b"x", final=False), 1002), (frame(1, b"\xc3\x28"), 1007),
    (b"\x81\xff\x7f" + b"\xff" * 7, 1009), (frame(1, b"x" * 65537), 1009), (frame(2, b"x"), 1003),
    (frame(1, b"40", final=False) + frame(0, b"x" * 65535), 1009),
    (frame(1, b"nonsense"), 1008), (frame(1, b"41"), 1000)])
def test_hostile_frames_end_their_connection_with_the_right_code(raw, server, admin, bytes_, code):
    assert raw().send(bytes_).ends_with() == code
    assert admin.get("/api/users/me").status == 200


def test_a_client_that_never_reads_is_cut_off(raw, server, admin):
    socket = raw()
    before = server.resident()
    flood = frame(9, b"x" * 125) * 500
    with pytest.raises(OSError):
        for _ in range(2000):
            socket.send(flood)
    assert server.resident() < before + (16 << 20)
    assert admin.get("/api/users/me").status == 200


def test_random_frames_never_harm_the_server(raw, admin):
    import random
    dice = random.Random(5)
    for _ in range(150):
        socket = raw()
        junk = bytearray(b"".join(
            frame(dice.choice([0, 1, 2, 8, 9, 10]), dice.randbytes(dice.randrange(200)), dice.random() < 0.8)
            for _ in range(4)))
        for _ in range(dice.randrange(4)):
            junk[dice.randrange(len(junk))] ^= 1 << dice.randrange(8)
        try:
            socket.send(bytes(junk))
        except OSError:
            pass
        socket.close()
    assert admin.get("/api/users/me").status == 200


def test_two_hundred_idle_listeners_cost_little(server, add_user):
    """And a user may have only so many."""
    users = [client.log_in(server)[0]] + [add_user(server, f"user{number}@example.org") for number in range(3)]
    keys = [client.api_key(user).fields["x_api_key"] for user in users]
    before, sockets = server.resident(), []
    try:
        for number in range(200):
            sockets.append(Raw(server, keys[number % 4]).send(frame(1, b"40")))
            assert sockets[-1].next()[1].startswith(b"40")
        assert server.resident() - before < 8 << 20
        for _ in range(14):
            sockets.append(Raw(server, keys[0]))
        with pytest.raises(AssertionError):
            Raw(server, keys[0])
        # Who leaves makes room.
        sockets[0].close()
        process.until(lambda: _connects(server, keys[0]), what="a free place")
    finally:
        for socket in sockets:
            socket.close()


def _connects(server, key):
    try:
        Raw(server, key).close()
        return True
    except AssertionError:
        return False
