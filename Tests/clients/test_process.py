"""The process: ready line, exit codes, SIGTERM in every situation, the data directory's guard."""

import os
import signal
import subprocess

import pytest

from harness import catalog, client, draft, media, multipart, process
from harness.client import Client
from harness.tus import MEDIA, Tus
from harness.wire import Closed, Wire, elapsed, get


def test_sigterm_ends_an_idle_server_at_once(launch):
    server = launch()
    with Wire(server) as wire:
        assert wire.send(get()).answer().status == 200
        _, seconds = elapsed(server.stop)
        assert seconds < 5
        wire.gone()


@pytest.mark.parametrize("scheme", ["plain", "tls"])
def test_sigterm_with_a_hanging_upload_ends_within_ten_seconds(launch, tmp_path, scheme):
    """Also beside a download that nobody reads and a head that never ends. Default options: this is the promise."""
    server = launch(tls=process.Certificate(tmp_path) if scheme == "tls" else None, founded=True)
    session = client.session(server)
    asset = session.store(media.mov("drain", 8_000_000), "drain.mov")
    token = session.fields["Authorization"]
    body = multipart.upload(b"x" * 100_000, "hang.jpg")
    with Wire(server) as upload, Wire(server, receive_buffer=4096) as download, Wire(server) as slow:
        upload.send((f"POST /api/assets HTTP/1.1\r\nHost: x\r\nAuthorization: {token}\r\n"
                     f"Content-Type: {multipart.content_type()}\r\nContent-Length: {len(body)}\r\n\r\n").encode()
                    + body[:50_000])
        download.send(get(f"/api/assets/{asset}/original", f"Authorization: {token}"))
        slow.send(b"GET / HTTP/1.1\r\n")
        process.until(lambda: catalog.staged(server.data), what="the upload has begun")
        server.signal(signal.SIGTERM)
        code, seconds = elapsed(lambda: server.wait(15))
        assert code == 0, server.tail()
        assert seconds < 10, f"it took {seconds:.1f} s"
    server.start()
    assert len(catalog.inspect(server.data)) == 1


def test_sigterm_lets_a_running_upload_finish(launch):
    """The signal comes in the middle of a body; the client sends the rest and is told that the photo is stored."""
    server = launch(founded=True)
    session = client.session(server)
    data = media.jpeg("finish")
    body = multipart.upload(data, "finish.jpg")
    with Wire(server) as wire:
        wire.send((f"POST /api/assets HTTP/1.1\r\nHost: x\r\nAuthorization: {session.fields['Authorization']}\r\n"
                   f"Content-Type: {multipart.content_type()}\r\nContent-Length: {len(body)}\r\n\r\n").encode()
                  + body[:1000])
        process.until(lambda: catalog.staged(server.data), what="the upload has begun")
        server.signal(signal.SIGTERM)
        process.until(lambda: refuses(server), what="no new connection is accepted")
        answer = wire.send(body[1000:]).answer()
        assert answer.status == 201 and answer.header("connection") == "close"
        assert wire.ends() == b""
    assert server.wait(12) == 0
    server.start()
    assert len(catalog.inspect(server.data)) == 1


@pytest.mark.parametrize("protocol", ["tus", "draft"])
def test_sigterm_cuts_resumable_uploads_and_keeps_what_came(launch, protocol):
    """No answer that a client would take for a refusal: a cut, or at most a 5xx. After the restart it goes on where it stood."""
    server = launch("--shutdown-timeout", "1", founded=True)
    session = client.session(server)
    server.key = client.api_key(session).fields["x_api_key"]
    session.close()
    data = media.mov(f"stopped {protocol}", 4_000_000)
    if protocol == "tus":
        speaker = Tus(server, server.key)
        location = speaker.create(len(data))
        head = speaker.head("PATCH", location, length=len(data), Content_Type=MEDIA, Upload_Offset=0)
    else:
        speaker = draft.Draft(server, server.key)
        location = speaker.begun(length=len(data))
        head = speaker.part(location, 0, len(data))
    with speaker.wire() as wire:
        wire.send(head + data[:3_500_000])
        process.until(
            lambda: sum((server.data / "staging" / name).stat().st_size for name in catalog.staged(server.data)) >= 3 << 20,
            30, "what came is written")
        server.signal(signal.SIGTERM)
        code, seconds = elapsed(lambda: server.wait(15))
        assert code == 0 and seconds < 10, server.tail()
        try:
            assert wire.answer().status >= 500
        except (Closed, ConnectionError):
            pass
    server.start()
    stands = speaker.offset(location) if protocol == "tus" else speaker.stands_at(location)
    assert 3 << 20 <= stands <= 3_500_000
    answer = speaker.append(location, stands, data[stands:])
    assert answer.status in (201, 204), answer
    draft.stored(server, answer.header("X-Asset-Id"), data)
    catalog.inspect(server.data)


def refuses(server):
    try:
        with Wire(server, tls=False, limit=1) as wire:
            return not wire.send(get())._more()
    except (ConnectionError, TimeoutError):
        return True


def test_a_second_signal_does_not_turn_success_into_failure(launch):
    server = launch()
    server.signal(signal.SIGTERM)
    server.stop()


def test_sigint_ends_it_like_sigterm(launch):
    server = launch()
    server.signal(signal.SIGINT)
    assert server.wait(12) == 0


def test_nothing_but_the_ready_line_on_standard_output(launch):
    server = launch()
    Client(server).get("/api/nothing")
    reader = server.process.stdout
    server.signal(signal.SIGTERM)
    assert reader.read() == b""
    assert server.wait(12) == 0


def failing(*words, **environment):
    done = subprocess.run([str(process.binary()), *map(str, words)], capture_output=True, timeout=30,
                          env=process.clean_environment() | environment)
    assert done.stdout == b"" and done.stderr.strip(), done
    return done


@pytest.mark.parametrize("words", [
    ["serve"], ["serve", "--data", "x", "--port", "70000"], ["serve", "--data", "x", "--nonsense"], ["nonsense"],
    ["serve", "--data", "x", "--head-timeout", "-1"], ["user", "add"],
])
def test_usage_errors_end_with_64(words, tmp_path):
    done = subprocess.run([str(process.binary()), *words], capture_output=True, timeout=30, cwd=tmp_path,
                          env=process.clean_environment())
    assert done.returncode == 64, done
    assert done.stderr.strip() and not list(tmp_path.iterdir()), "nothing was made on the way"


def test_a_taken_port_is_unavailable(launch, tmp_path):
    server = launch()
    done = failing("serve", "--data", tmp_path / "other", "--port", server.port)
    assert done.returncode == 69, done
    assert str(server.port).encode() in done.stderr


def test_two_servers_never_share_a_data_directory(launch):
    server = launch()
    done = failing("serve", "--data", server.data, "--port", 0)
    assert done.returncode in (69, 78), done
    assert Client(server).get("/api/server/ping").status == 200


def test_a_folder_with_other_files_is_not_taken_for_a_data_directory(tmp_path):
    """A mount that did not come up leaves an empty or foreign folder; writing there would hide photos."""
    (tmp_path / "somebody's file").write_text("x")
    done = failing("serve", "--data", tmp_path, "--port", 0)
    assert done.returncode == 78, done
    assert sorted(os.listdir(tmp_path)) == ["somebody's file"]


def test_originals_that_vanished_are_noticed_at_start(server, admin):
    """The catalog is there, the disk with the originals is not: the server refuses instead of starting empty."""
    admin.store(media.jpeg("vanish"))
    server.stop()
    (server.data / "originals").rename(server.data / "originals.away")
    (server.data / "originals").mkdir()
    done = failing("serve", "--data", server.data, "--port", 0)
    assert done.returncode == 78, done


def test_a_catalog_from_the_future_is_refused(server):
    server.stop()
    with catalog.opened(server.data, write=True) as rows:
        rows.text_factory = str
        tables = {name for (name,) in rows.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        table = next(name for name in tables if "migration" in name.lower())
        columns = [row[1] for row in rows.execute(f"PRAGMA table_info({table})")]
        last = rows.execute(f"SELECT * FROM {table} ORDER BY {columns[0]} DESC LIMIT 1").fetchone()
        first = last[0] + 900 if isinstance(last[0], int) else "9000_future"
        rows.execute(f"INSERT INTO {table} VALUES ({', '.join('?' * len(columns))})", (first, *tuple(last)[1:]))
    done = failing("serve", "--data", server.data, "--port", 0)
    assert done.returncode == 78, done
    assert b"newer" in done.stderr.lower()


def test_settings_come_from_the_environment_too(launch, tmp_path):
    server = process.Nightstand(tmp_path / "data", environment={"NIGHTSTAND_HEAD_TIMEOUT": "1"})
    try:
        server.start()
        with Wire(server) as wire:
            assert wire.send(b"GET / HTTP/1.1\r\n").answer().status == 408
    finally:
        server.close()


def test_users_and_keys_from_the_command_line(launch, tmp_path):
    """Offline before the first start, and beside a running server."""
    data = tmp_path / "offline"
    server = launch(ready=False, data=data)
    secret = tmp_path / "password"
    secret.write_text(client.PASSWORD + "\n")
    server.command("user", "add", "root@example.org", "--admin", "--password-file", secret)
    key = server.command("key", "create", "root@example.org", "--name", "shell").stdout.decode().strip().split()[-1]
    server.start()
    assert Client(server, x_api_key=key).me()["isAdmin"] is True
    assert Client(server).get("/api/server/config").json()["isInitialized"] is True
    assert b"root@example.org" in server.command("user", "list").stdout
    listed = server.command("key", "list", "root@example.org").stdout.decode()
    assert "shell" in listed and key not in listed
    session, _ = client.log_in(server, "root@example.org")
    secret.write_text("another password\n")
    server.command("user", "password", "root@example.org", "--password-file", secret)
    assert session.get("/api/users/me").status == 401, "a new password ends every session"
    assert client.log_in(server, "root@example.org", "another password")[1].status == 201
    assert server.command("user", "add", "root@example.org", "--password-file", secret, check=False).returncode != 0

