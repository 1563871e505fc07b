"""Immich's multipart form as a resumable upload: whatever its size and wherever it was cut, the photo in it is stored byte
for byte. The form is read again from disk, block by block, and its delimiters fall on every side of a block's edge."""

import random

import pytest

from harness import client, media, multipart
from harness.draft import IMMICH, Draft, offset, path, stored

BLOCK = 1 << 20
FIELDS = f"Content-Type: {multipart.content_type()}"
ROUND = random.Random("nightstand forms")
# Bytes of the photo: the form around it is some 600 bytes, and a block has 4096 bytes of slack.
SIZES = sorted({
    *(n * BLOCK + d for n in (1, 2, 3) for d in (-5000, -4096, -700, -600, -100, -1, 0, 1, 100, 3500, 4096, 5000)),
    *(ROUND.randrange(1, 12 << 20) for _ in range(12))})


@pytest.fixture
def speaker(plain_server):
    return Draft(plain_server, plain_server.key)


def check(speaker, answer, data, body):
    assert answer.status == 201, answer
    assert speaker.says_complete(answer) is True
    stored(speaker.server, answer.json()["id"], data)
    assert offset(answer) == len(body)


@pytest.mark.parametrize("size", SIZES)
def test_in_one_request(speaker, size):
    data = media.mov(f"form {size}", size)
    body = multipart.upload(data, "film.mov")
    check(speaker, speaker.create(body, FIELDS, target=IMMICH), data, body)


@pytest.mark.parametrize("size", SIZES[::3])
def test_in_pieces(speaker, size):
    data = media.mov(f"form in pieces {size}", size)
    body = multipart.upload(data, "film.mov", sidecar=b"<x:xmpmeta/>" * 100)
    first, second = sorted(random.Random(size).sample(range(len(body)), 2))
    location = speaker.begun(body[:first], FIELDS, target=IMMICH)
    assert offset(speaker.append(location, first, body[first:second], complete=False)) == second
    check(speaker, speaker.append(location, second, body[second:]), data, body)


def test_what_ended_says_where_it_ended(speaker, seed):
    """Its offset is the form's whole length, in the answer and afterwards."""
    data = media.jpeg(seed)
    body = multipart.upload(data)
    location = speaker.begun(body[:575], FIELDS, target=IMMICH)
    check(speaker, speaker.append(location, 575, body[575:]), data, body)
    for answer in (speaker.look(location), speaker.append(location, len(body))):
        assert offset(answer) == len(body) and speaker.says_complete(answer) is True, answer.fields
    assert speaker.look(location).header("Upload-Length") == str(len(body))


def test_what_failed_says_where_it_ended(speaker, seed):
    body = multipart.upload(b"no photo", "notes.txt")
    text = b"this is text and no photo\n" * 40
    for whole, begun in ((body, speaker.begun(body[:100], FIELDS, target=IMMICH)), (text, speaker.begun(text[:100]))):
        assert speaker.append(begun, 100, whole[100:]).status >= 400
        answer = speaker.look(begun)
        assert offset(answer) == len(whole) and answer.header("Upload-Length") == str(len(whole)), answer.fields
        assert speaker.says_complete(answer) is True
        assert answer.header("X-Asset-Status") == "rejected" and answer.header("X-Asset-Error") == "unsupported_type"


def test_many_forms_of_one_size_do_not_look_like_one_that_fails(plain_server, seed):
    """Each becomes a photo of its own: an address whose 104s arrive keeps getting them."""
    speaker = Draft(plain_server, plain_server.key)
    for turn in range(6):
        for body, fields, target in (
            (multipart.upload(media.mov(f"{seed} {turn}", 3000)), [FIELDS], IMMICH),
            (media.mov(f"{seed} raw {turn}", 3000), [], "/api/backup/assets"),
            (media.mov(f"{seed} named {turn}", 3000), [], "/api/backup/assets?filename=same.mov"),
        ):
            answer = speaker.create(body, *fields, target=target)
            assert answer.status == 201 and answer.interim == [104], (turn, target, answer)


def test_a_form_that_was_told_of_by_104_can_be_asked_for(speaker, seed):
    data = media.mov(seed, 2 * BLOCK)
    body = multipart.upload(data, "film.mov")
    with speaker.wire() as wire:
        wire.send(speaker.creation(len(body), FIELDS, target=IMMICH) + body[:-9])
        location = path(wire.interim().header("Location"))
        wire.half_close()
        wire.gone()
    check(speaker, speaker.append(location, len(body) - 9, body[-9:]), data, body)


def test_the_right_to_upload_reads_no_photo_of_a_form(plain_server, seed):
    """Whoever may upload and nothing else gets no photo out, by no door."""
    owner = client.Client(plain_server, x_api_key=plain_server.key)
    made = owner.post("/api/api-keys", {"name": seed[:40], "permissions": ["asset.upload"]}).json()
    owner.close()
    data = media.jpeg(seed)
    body = multipart.upload(data)
    speaker = Draft(plain_server, plain_server.key)
    location = speaker.begun(body[:9], FIELDS, target=IMMICH)
    check(speaker, speaker.append(location, 9, body[9:]), data, body)
    uploader = Draft(plain_server, made["secret"])
    answer = uploader.exchange(uploader.head_of("GET", location))
    assert answer.status == 403 and data not in answer.body, answer
    answer = speaker.exchange(speaker.head_of("GET", location))
    assert answer.status == 200 and answer.body == data, answer
