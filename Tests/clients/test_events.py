"""What happens, as it happens: /api/backup/events as a browser's EventSource reads it."""

import http.client
import json
import signal
import socket

import pytest

from harness import catalog, client, media
from harness.transfer import Transfer
from harness.wire import Closed, Wire


class Stream:
    """Reads events; every wait has an end."""

    def __init__(self, server, someone, **fields):
        self.connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
        sent = {name.replace("_", "-"): value for name, value in (someone.fields | fields).items()}
        self.connection.request("GET", "/api/backup/events", headers=sent)
        self.answer = self.connection.getresponse()
        self.status = self.answer.status

    def next(self, event=None):
        """The next event (of that name): (name, id, data); None at the end of the stream."""
        while True:
            name, id, data = "message", None, []
            while True:
                line = self.answer.readline()
                if not line:
                    return None
                line = line.decode().rstrip("\n")
                if not line:
                    break
                field, _, value = line.partition(": ")
                if field == "event":
                    name = value
                elif field == "id":
                    id = int(value)
                elif field == "data":
                    data.append(value)
            if data and event in (None, name):
                return name, id, json.loads("\n".join(data))

    def close(self):
        self.connection.close()


@pytest.fixture
def open_stream(server):
    made = []

    def open(someone, **fields):
        stream = Stream(server, someone, **fields)
        made.append(stream)
        return stream

    yield open
    for stream in made:
        stream.close()


@pytest.fixture
def anna(server):
    session = client.session(server)
    yield session
    session.close()


def test_a_photo_is_told_at_once_and_its_device_after_it(anna, open_stream):
    stream = open_stream(anna)
    assert stream.status == 200 and stream.answer.getheader("Content-Type").startswith("text/event-stream")
    id = anna.store(media.jpeg("live"), "live.jpg")
    _, number, data = stream.next("activity")
    assert (data["kind"], data["assetId"], data["name"], data["id"]) == ("stored", id, "live.jpg", number)
    assert stream.next("devices")[2] == {"ids": [data["deviceId"]]}


def test_it_goes_on_behind_the_last_event(anna, open_stream):
    stream = open_stream(anna)
    anna.store(media.jpeg("one"), "one.jpg")
    last = stream.next("activity")[1]
    stream.close()
    for name in ["two", "three"]:
        anna.store(media.jpeg(name), f"{name}.jpg")
    again = open_stream(anna, Last_Event_ID=str(last))
    assert [again.next("activity")[2]["name"] for _ in range(2)] == ["two.jpg", "three.jpg"]
    for strange in ["999999999", "-5", "x", str(2**70)]:
        assert open_stream(anna, Last_Event_ID=strange).next()[0] == "reset"


def test_nobody_hears_what_is_not_theirs(server, anna, add_user, open_stream):
    bert = add_user(server)
    stream = open_stream(bert)
    anna.store(media.jpeg("hers"), "hers.jpg")
    bert.store(media.jpeg("his"), "his.jpg")
    assert stream.next("activity")[2]["name"] == "his.jpg"
    key = client.api_key(bert, "asset.upload")
    assert Stream(server, key).status == 403
    assert Stream(server, client.Client(server)).status == 401


def test_a_login_that_ended_hears_nothing_more(server, anna, open_stream):
    """However much goes on: each piece of news is told to those who are still logged in."""
    other, _ = client.log_in(server)
    stream = open_stream(other)
    anna.store(media.jpeg("before"), "before.jpg")
    assert stream.next("activity")[2]["name"] == "before.jpg"
    other.post("/api/auth/logout")
    anna.store(media.jpeg("after"), "after.jpg")
    heard = []
    while event := stream.next():
        heard.append(event)
    assert "after.jpg" not in str(heard)


def test_a_slow_reader_whose_login_ends_does_not_hear_the_rest(server, anna):
    """It is 30,000 events behind, and reads none of them until its login is gone."""
    behind = 30_000
    with catalog.opened(server.data, write=True) as db:
        (user,) = db.execute("SELECT number FROM user").fetchone()
        first = db.execute("SELECT max(number) FROM activity").fetchone()[0]
        db.executemany("INSERT INTO activity (at, kind, user, name) VALUES (0, 'rejected', ?, ?)", ((user, "x" * 200) for _ in range(behind)))
    other, _ = client.log_in(server)
    with Wire(server, receive_buffer=4096) as wire:
        wire.send(f"GET /api/backup/events?lastEventId={first} HTTP/1.1\r\nHost: x\r\nAuthorization: {other.fields['Authorization']}\r\n\r\n".encode())
        assert wire._more() and wire.pending.startswith(b"HTTP/1.1 200")
        assert other.post("/api/auth/logout").status == 200
        while not wire.pending.endswith(b"\r\n0\r\n\r\n") and wire._more():
            pass
        assert 0 < wire.pending.count(b"event: activity") < behind - 1000


def test_streams_are_bounded_and_places_come_back(server, anna, open_stream):
    streams = [open_stream(anna) for _ in range(16)]
    assert [stream.status for stream in streams] == [200] * 16, "devices that are no browsers"
    another = open_stream(anna)
    assert another.status == 429 and another.answer.getheader("Retry-After")
    for stream in streams:
        stream.connection.sock and stream.connection.sock.shutdown(socket.SHUT_RDWR)
        stream.close()
    # A closed one is noticed when something is written to it.
    for index in range(200):
        anna.store(media.jpeg(f"photo {index}"))
        again = open_stream(anna)
        if again.status == 200:
            return
    pytest.fail("no place came back")


def test_uploads_under_way_are_told(server, anna, open_stream):
    stream = open_stream(anna)
    with socket.create_connection(("127.0.0.1", server.port)) as raw:
        raw.sendall(
            (f"POST /api/backup/assets?filename=film.mov HTTP/1.1\r\nHost: x\r\nContent-Length: 9000000\r\n"
             f"Authorization: {anna.fields['Authorization']}\r\n\r\n").encode() + bytes(3 << 20))
        while True:
            (upload,) = stream.next("progress")[2]["uploads"]
            assert upload["name"] == "film.mov" and upload["totalBytes"] == 9000000
            if upload["receivedBytes"] > 0:
                break
    # In either order: that nothing moves any more, and what became of it.
    has_ended = is_told = False
    while not (has_ended and is_told):
        name, _, data = stream.next()
        has_ended |= name == "progress" and data["uploads"] == []
        is_told |= name == "activity" and data["kind"] == "broken"


def test_a_server_that_stops_ends_its_streams(server, anna, open_stream):
    stream = open_stream(anna)
    anna.store(media.jpeg("one"))
    assert stream.next("activity")
    anna.close()
    server.stop()
    assert stream.next("activity") is None


@pytest.mark.parametrize("door", ["multipart", "raw", "tus", "draft", "resumable multipart"])
@pytest.mark.parametrize("point", ["intents-committed", "renamed", "folder-synced"])
def test_nothing_is_told_before_it_is_recorded(server, open_stream, point, door):
    """The server dies in the finish: whoever listens has not heard of a photo that is not in the catalog."""
    session = client.session(server)
    key = client.api_key(session).fields["x_api_key"]
    first = media.jpeg("first")
    server.restart(NIGHTSTAND_CRASH_AT=f"{point}:2")
    stream = open_stream(session)
    session.close()
    assert session.upload(first, "first.jpg").status == 201
    assert stream.next("activity")[2]["name"] == "first.jpg", "it listens"
    transfer = Transfer(door, media.mov(f"told {point} {door}", 50_000), "second.mov", key, seed=1)
    with pytest.raises((OSError, Closed)):
        transfer.go(server)
    assert server.wait(20) == -signal.SIGKILL
    try:
        while event := stream.next():
            assert event[0] != "activity", f"told, and not recorded: {event}"
    except (OSError, http.client.HTTPException):
        pass
    session.close()
