"""The proof of crashes itself: whatever a crash could spoil, made by hand between a death and the restart, is noticed."""

import os
import random

import pytest

from harness import catalog, client, draft, media
from harness.deaths import Proof
from harness.transfer import Transfer


@pytest.fixture
def proof(launch):
    """A photo that was stored, another of which 1000 bytes were acknowledged, and a dead server."""
    server = launch(founded=True)
    session = client.session(server)
    server.key = client.api_key(session).fields["x_api_key"]
    session.close()
    made = Proof(server, "spoilt", random.Random(1))
    done = Transfer("draft", media.mov("done", 5000), "done.mov", server.key)
    done.go(server)
    done.forget()
    made.senders.finished.append(done)
    half = Transfer("draft in parts", media.mov("half", 5000), "half.mov", server.key)
    half.location, half.told, half.promised = half._speaker(server).begun(half.body[:1000], length=5000), 1000, True
    made.senders.pending[0] = half
    server.kill()
    return made


def original(proof):
    row, = catalog.rows(proof.server.data)
    return proof.server.data / "originals" / row["key"].decode()


def alter(proof, statement):
    with catalog.opened(proof.server.data, write=True) as database:
        assert database.execute(statement).rowcount == 1


def flip(proof):
    """A byte, with the file's time as it was."""
    path = original(proof)
    data, times = bytearray(path.read_bytes()), path.stat()
    data[2500] ^= 1
    path.write_bytes(data)
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


SPOILT = {
    "a flipped byte": flip,
    "a lost file": lambda proof: original(proof).unlink(),
    "a short file": lambda proof: os.truncate(original(proof), 4999),
    "a stranger among the originals": lambda proof: original(proof).with_name("stranger.mov").write_bytes(b"x"),
    "a photo that is gone": lambda proof: (original(proof).unlink(), alter(proof, "DELETE FROM asset"), alter(proof, "UPDATE user SET used = 0")),
    "an answer that is gone": lambda proof: alter(proof, "DELETE FROM upload WHERE state = 'complete'"),
    "another answer": lambda proof: alter(proof, "UPDATE upload SET result_asset = randomblob(16) WHERE state = 'complete'"),
    "an upload that is gone": lambda proof: alter(proof, "DELETE FROM upload WHERE state = 'open'"),
    "an offset that was taken back": lambda proof: (
        alter(proof, "UPDATE upload SET offset = 999, sha1_state = NULL WHERE state = 'open'"),
        [os.truncate(proof.server.data / "staging" / name, 999) for name in catalog.staged(proof.server.data)]),
}


@pytest.mark.parametrize("what", SPOILT)
def test_what_a_crash_could_spoil_is_noticed(proof, what):
    proof.server.start()
    proof.after_death(0)
    proof.server.kill()
    SPOILT[what](proof)
    proof.server.start()
    with pytest.raises(AssertionError) as noticed:
        proof.after_death(0)
    print(noticed.value)


def test_an_orphan_is_noticed(proof):
    proof.server.start()
    proof.after_death(0)
    (proof.server.data / "staging" / "orphan").write_bytes(b"x")
    with pytest.raises(AssertionError, match="staging holds something else"):
        proof.after_death(0)


def test_what_did_not_change_is_read_once(proof, monkeypatch):
    proof.server.start()
    read, opened = {}, []
    real = catalog.hashlib.file_digest
    monkeypatch.setattr(catalog.hashlib, "file_digest", lambda file, digest: opened.append(file.name) or real(file, digest))
    for _ in range(3):
        catalog.inspect(proof.server.data, read=read)
    assert len(opened) == 1
    proof.after_death(0)
    proof.after_death(0)
    assert len(opened) == 2
