"""Phones that read the sync stream slowly, or ask for it twice: everybody else's backup goes on."""

import json
import os
import socket
import time
import uuid

import pytest

from harness import catalog, client


def begin(server, session, types=("AssetsV2",)):
    """A stream whose reader takes next to nothing."""
    body = json.dumps({"types": list(types)})
    reader = socket.socket()
    reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    reader.settimeout(30)
    reader.connect(("127.0.0.1", server.port))
    token = session.fields["Authorization"]
    reader.sendall((f"POST /api/sync/stream HTTP/1.1\r\nHost: x\r\nAuthorization: {token}\r\nContent-Type: application/json\r\n"
                    f"Content-Length: {len(body)}\r\n\r\n{body}").encode())
    return reader


def head(reader):
    received = b""
    while b"\r\n\r\n" not in received:
        piece = reader.recv(256)
        if not piece:
            break
        received += piece
    return received


def drained(reader):
    """Reads to the end; whether the answer is whole."""
    received = b""
    try:
        while not received.endswith(b"\r\n0\r\n\r\n"):
            piece = reader.recv(65536)
            if not piece:
                return False
            received = received[-64:] + piece
    except ConnectionResetError:
        return False
    return True


def fill(data, email, count):
    """Assets without files: more than sockets and buffers hold of a stream."""
    with catalog.opened(data, write=True) as db:
        owner, folder = db.execute("SELECT number, folder FROM user WHERE email = ?", [email]).fetchone()
        for number in range(count):
            key = f"{folder.decode()}/2024/2024-05/{number}.jpg"
            db.execute(
                "INSERT INTO asset (id, owner, sha1, kind, mime_type, size, original_key, place, original_name, file_created_at,"
                " file_modified_at, local_date_time, created_at, updated_at, is_favorite, visibility)"
                " VALUES (?, ?, ?, 'IMAGE', 'image/jpeg', 5, ?, ?, ?, 1, 1, 1, 1, 1, 0, 'timeline')",
                [uuid.uuid4().bytes, owner, os.urandom(20), key, number, f"{number}.jpg".encode() * 20])
        db.execute("DELETE FROM job")


@pytest.fixture
def crowd(launch, add_user):
    server = launch(founded=True)
    bert = add_user(server)
    bert.close()
    fill(server.data, "anna@example.org", 8000)
    yield server


def test_slow_readers_of_one_person_leave_everybody_else_a_place(crowd):
    logins = [client.log_in(crowd)[0] for _ in range(3)]
    readers = [begin(crowd, session) for session in logins[:2]]
    assert all(b" 200 " in head(reader) for reader in readers)
    bert, _ = client.log_in(crowd, "bert@example.org")
    started = time.monotonic()
    answer = bert.post("/api/sync/stream", {"types": ["UsersV1"]})
    assert answer.status == 200 and b"SyncCompleteV1" in answer.body
    assert time.monotonic() - started < 5
    # The third of that person hears that there is no place, before any head that says otherwise.
    answer = logins[2].post("/api/sync/stream", {"types": ["UsersV1"]})
    assert answer.status == 503 and answer.header("retry-after") == "5"
    assert answer.json()["code"] == "sync_busy"
    # It cost the two nothing, whose phones are only slow; and one that is through leaves its place.
    assert drained(readers[0]) and drained(readers[1])
    assert logins[2].post("/api/sync/stream", {"types": ["UsersV1"]}).status == 200
    for one in (*readers, *logins, bert):
        one.close()


def test_a_newer_stream_of_a_login_ends_the_older(crowd):
    session, _ = client.log_in(crowd)
    older = begin(crowd, session)
    assert b" 200 " in head(older)
    answer = session.post("/api/sync/stream", {"types": ["UsersV1"]})
    assert answer.status == 200 and b"SyncCompleteV1" in answer.body
    assert not drained(older)
    older.close()
    session.close()


def test_phones_begin_again_where_the_operator_says_so(server):
    """After the catalog was put back to an older state, phones know more than it does."""
    session = client.session(server)
    other, _ = client.log_in(server)
    assert server.command("user", "resync", "anna@example.org").stdout.decode().split()[1] == "logins"
    for phone in (session, other):
        assert any(row["isPendingSyncReset"] for row in phone.get("/api/sessions").json() if row["current"])
        lines = phone.post("/api/sync/stream", {"types": ["UsersV1"]}).body.splitlines()
        assert [json.loads(line)["type"] for line in lines] == ["SyncResetV1"]
        assert phone.post("/api/sync/ack", {"acks": [json.loads(lines[0])["ack"]]}).status == 204
        lines = phone.post("/api/sync/stream", {"types": ["UsersV1"]}).body.splitlines()
        assert [json.loads(line)["type"] for line in lines][-1] == "SyncCompleteV1"
        phone.close()
    assert server.command("user", "resync", "nobody@example.org", check=False).returncode != 0
