"""An upload that began in one dialect goes on in another, and is stored all the same."""

import pytest

from harness import media, multipart
from harness.client import base64_sha1, sha1
from harness.draft import IMMICH, RAW, RESOURCE, Draft, final, offset
from harness.tus import Tus, holds_one, metadata

MIB = 1 << 20


@pytest.fixture
def tus(plain_server):
    return Tus(plain_server, plain_server.key)


@pytest.fixture
def draft(plain_server):
    return Draft(plain_server, plain_server.key)


def finished(resident, answer, data, status=204):
    assert answer.status == status and answer.header("X-Asset-Status") == "created", answer.fields
    assert answer.header("X-Asset-Id") == holds_one(resident, data)


@pytest.mark.parametrize("target", [RESOURCE, RAW])
@pytest.mark.parametrize("said", ["at the creation", "by the last part"])
def test_tus_finishes_what_the_draft_began(tus, draft, resident, seed, target, said):
    """tus knows no flag: the byte that reaches the length ends the upload."""
    data = media.mov(seed, 300_000)
    location = draft.begun(data[:1000], length=len(data) if said == "at the creation" else None, target=target)
    assert tus.append(location, 1000, data[1000:5000]).status == 204
    fields = {} if said == "at the creation" else {"Upload_Length": len(data)}
    finished(resident, tus.append(location, 5000, data[5000:], **fields), data)


def test_tus_finishes_what_the_draft_brought_whole(tus, draft, resident, seed):
    """"All is here" is the last that a tus client asks, by HEAD or by an empty PATCH at the end."""
    for way in ("HEAD", "PATCH"):
        data = media.mov(f"{seed} {way}", 50_000)
        location = draft.begun(data, length=len(data))
        if way == "HEAD":
            finished(resident, tus.status(location), data, status=200)
        else:
            finished(resident, tus.append(location, len(data)), data)


def test_tus_finishes_a_form(tus, draft, resident, seed):
    data = media.mov(seed, 2 * MIB)
    body = multipart.upload(data, "film.mov")
    location = draft.begun(
        body[:700], f"Content-Type: {multipart.content_type()}", target=IMMICH, length=len(body))
    answer = tus.append(location, 700, body[700:])
    finished(resident, answer, data)
    assert offset(answer) == len(body)


def test_the_draft_finishes_what_tus_began(tus, draft, seed):
    data = media.mov(seed, 60_000)
    location = tus.create(len(data), Upload_Metadata=metadata(filename="a.mov"))
    assert tus.append(location, 0, data[:999]).status == 204
    final(draft, draft.append(location, 999, data[999:]), data)


def test_who_follows_the_hint_has_the_photo_stored(tus, draft, resident, seed):
    """`X-Upload-Resume` may point to an upload that the draft began."""
    data = media.mov(seed, 3 * MIB)
    draft.begun(data[:2 * MIB], f"Repr-Digest: sha=:{base64_sha1(data)}:", length=len(data))
    answer = tus.request("POST", Upload_Length=len(data), Upload_Metadata=metadata(filename="a.mov", sha1=sha1(data).digest()))
    assert answer.status == 201, answer
    location, _, stands = answer.header("X-Upload-Resume").partition("; offset=")
    assert int(stands) == 2 * MIB
    finished(resident, tus.append(location, int(stands), data[int(stands):]), data)


def test_the_right_to_upload_reads_no_photo(plain_server, resident, seed):
    """An upload that is complete at once, made of a digest alone, must not hand the photo out."""
    data = media.jpeg(seed)
    Draft(plain_server, plain_server.key).create(data)
    keys = {
        name: resident.post("/api/api-keys", {"name": f"{name} {seed}"[:40], "permissions": permissions}).json()["secret"]
        for name, permissions in {"upload": ["asset.upload"], "both": ["asset.upload", "asset.download"]}.items()}
    said = metadata(filename="a.jpg", sha1=sha1(data).digest())
    for name, key in keys.items():
        tus = Tus(plain_server, key)
        location = tus.create(len(data), Upload_Metadata=said)
        answer = tus.request("GET", location)
        if name == "both":
            assert answer.status == 200 and answer.body == data
        else:
            assert answer.status == 403 and data not in answer.body, answer
        assert tus.status(location).header("X-Asset-Status") == "duplicate"
        assert Tus(plain_server).request("GET", location).status == 401
