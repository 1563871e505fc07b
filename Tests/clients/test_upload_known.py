"""What a creation announces and is here already: all of it is answered at once, without its body; of a good part of it the
client hears where to go on."""

import pytest

from harness import client, media, multipart
from harness.client import base64_sha1, sha1
from harness.draft import IMMICH, RAW, RESOURCE, final, offset, path
from harness.transfer import BACKGROUND, UPSTREAM
from harness.tus import MEDIA, Tus, metadata
from harness.wire import Closed, Wire

MIB = 1 << 20


def digest(data):
    return f"Repr-Digest: sha=:{base64_sha1(data)}:"


@pytest.mark.parametrize("target", [RESOURCE, RAW, BACKGROUND, UPSTREAM])
def test_the_draft_is_answered_before_the_body(speaker, resident, seed, target):
    """No 104 either: there is nothing to resume."""
    data = media.mov(seed, 300_000)
    asset = resident.store(data, "known.mov")
    with speaker.wire() as wire:
        answer = wire.send(speaker.creation(len(data), digest(data), target=target)).answer()
    assert answer.status == 200 and answer.interim == [], answer
    assert answer.json()["id"] == answer.header("X-Asset-Id") == asset
    assert answer.header("X-Asset-Status") == "duplicate" and speaker.says_complete(answer) is True


@pytest.mark.parametrize("door", ["tus", "multipart", "draft's multipart", "raw"])
def test_the_others_are_answered_before_the_body(plain_server, resident, seed, door):
    data = media.mov(seed, 300_000)
    asset = resident.store(data, "known.mov")
    tus, body = Tus(plain_server, plain_server.key), multipart.upload(data, "again.mov")
    form = [f"POST {IMMICH} HTTP/1.1", "Host: x", f"x-api-key: {plain_server.key}", f"Content-Type: {multipart.content_type()}",
            f"Content-Length: {len(body)}", f"x-immich-checksum: {sha1(data).hexdigest()}"]
    if door == "tus":
        head = tus.head("POST", RESOURCE, length=len(data), Upload_Length=len(data), Content_Type=MEDIA,
                        Upload_Metadata=metadata(filename="a.mov", sha1=sha1(data).digest()))
    elif door == "raw":
        head = "\r\n".join([f"PUT {RAW} HTTP/1.1", "Host: x", f"x-api-key: {plain_server.key}", f"Content-Length: {len(data)}",
                            digest(data), "", ""]).encode()
    else:
        draft = ["Upload-Draft-Interop-Version: 8", "Upload-Complete: ?1"] if door == "draft's multipart" else []
        head = "\r\n".join([*form, *draft, "", ""]).encode()
    with Wire(plain_server) as wire:
        answer = wire.send(head).answer()
    assert answer.status == (201 if door == "tus" else 200), answer
    if door == "multipart":
        assert answer.json() == {"id": asset, "status": "duplicate"}
    else:
        assert (answer.header("X-Asset-Id"), answer.header("X-Asset-Status")) == (asset, "duplicate"), answer.fields


def test_another_person_s_photo_is_not_known(server, admin, add_user, seed):
    """What others have is nobody's business: all of it is taken, and stored."""
    data = media.mov(seed, 50_000)
    admin.store(data, "mine.mov")
    bert = client.api_key(add_user(server))
    tus = Tus(server, bert.fields["x_api_key"])
    created = tus.request("POST", Upload_Length=len(data), Upload_Metadata=metadata(sha1=sha1(data).digest()))
    assert created.header("upload-offset") == "0" and created.header("x-asset-id") is None, created.fields
    assert created.header("x-upload-resume") is None
    answer = tus.append(created.header("location"), 0, data)
    assert answer.header("x-asset-status") == "created"


def test_whose_half_is_here_is_sent_there(speaker, resident, seed):
    """A 104 with that upload's address, and the connection is cut: URLSession then goes on there by itself."""
    data = media.mov(seed, 3 * MIB)
    there = speaker.begun(data[:2 * MIB], digest(data), length=len(data))
    with speaker.wire() as wire:
        wire.send(speaker.creation(len(data), digest(data)))
        early = wire.interim()
        assert early.status == 104 and path(early.header("Location")) == there
        try:
            rest = wire.answer()
        except (Closed, ConnectionError):
            rest = None
        assert rest is None, f"an answer would end it as an error: {rest}"
    assert speaker.stands_at(there) == 2 * MIB
    final(speaker, speaker.append(there, 2 * MIB, data[2 * MIB:]), data)


def test_whose_half_is_here_and_who_does_not_go_there_may_send_everything(speaker, resident, seed):
    data = media.mov(seed, 2 * MIB)
    there = speaker.begun(data[:MIB + 1], digest(data), length=len(data))
    with speaker.wire() as wire:
        wire.send(speaker.creation(len(data), digest(data)))
        assert path(wire.interim().header("Location")) == there
        wire.gone()
    answer = speaker.create(data, digest(data))
    final(speaker, answer, data)
    # The half that nobody needs any more ends as the same photo, and does not begin another.
    looked = speaker.append(there, MIB + 1, data[MIB + 1:])
    assert looked.status in (200, 201) and looked.header("X-Asset-Id") == answer.header("X-Asset-Id"), looked


def test_less_than_1_mib_is_not_worth_the_way(speaker, seed):
    data = media.mov(seed, 2 * MIB)
    there = speaker.begun(data[:MIB - 1], digest(data), length=len(data))
    answer = speaker.create(data, digest(data))
    assert path(answer.informational[0].header("Location")) != there
    final(speaker, answer, data)
    assert offset(speaker.look(there)) is not None
