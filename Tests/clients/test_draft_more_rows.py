"""The IETF draft, row by row, over all interop versions: progress, interruptions, endings, limits, rights (R17 to R33)."""

import base64
import gzip
import hashlib

import pytest

from harness import catalog, client, media, multipart
from harness.client import base64_sha1
from harness.draft import IMMICH, RAW, RESOURCE, VERSIONS, Draft, final, gone, limits, offset, path, problem, stored, token

MIB = 1 << 20
WEEK = 7 * 86_400


@pytest.mark.parametrize("how", ["creation", "append"])
@pytest.mark.parametrize("version", [5, 6, 7, 8])
def test_R17_progress_is_told_by_104(plain_server, seed, version, how):
    """What a 104 says is on disk; that of an append names no Location; there are not many of them."""
    speaker, size = Draft(plain_server, plain_server.key, version), 64 * MIB
    head = speaker.creation(size, complete=False)
    if how == "append":
        head = speaker.part(speaker.begun(), 0, size, complete=False)
    with speaker.wire() as wire:
        wire.send(head)
        if how == "creation":
            location = path(wire.interim().header("Location"))
        sent, told = 0, []
        piece = media.noise(seed, MIB)
        while sent < size:
            wire.send(piece)
            sent += MIB
            wire.socket.settimeout(0)
            try:
                wire._more()
            except BlockingIOError:
                pass
            wire.socket.settimeout(wire.limit)
        answer = wire.answer()
        told = [early for early in answer.informational if early.header("Upload-Offset") is not None]
    assert answer.status in (201, 204) and offset(answer) == size, answer
    assert told, "no progress in 64 MiB"
    offsets = [offset(early) for early in told]
    assert offsets == sorted(set(offsets)) and offsets[-1] <= size
    assert len(told) <= 4 + 60, "more than one per 16 MiB and second"
    for early in told:
        assert early.status == 104
        assert early.header("Upload-Draft-Interop-Version") == str(version)
        if how == "append":
            assert early.header("Location") is None
        elif early.header("Location"):
            assert path(early.header("Location")) == location
    Draft(plain_server, plain_server.key, version).cancel(location if how == "creation" else head.split(b" ")[1].decode())


@pytest.mark.parametrize("version", [3, 4])
def test_R17_no_progress_for_who_does_not_know_it(plain_server, seed, version):
    """Before version 5 there is one 104 of a creation and none of an append."""
    speaker, data = Draft(plain_server, plain_server.key, version), media.noise(seed, 40 * MIB)
    created = speaker.create(data, complete=False)
    assert created.interim == [104] and created.informational[0].header("Upload-Offset") is None
    location = path(created.header("Location"))
    answer = speaker.append(location, len(data), data, complete=False)
    assert answer.interim == [] and offset(answer) == 2 * len(data)
    assert speaker.cancel(location).status == 204


@pytest.mark.parametrize("complete", [True, False])
def test_R18_a_content_length_beyond_the_length_is_refused_before_its_body(speaker, seed, complete):
    """Nothing of it came, so nothing of the upload is in doubt (docs/api.md): it goes on."""
    data = media.jpeg(seed)
    location = speaker.begun(data[:100], length=len(data))
    with speaker.wire() as wire:
        answer = wire.send(speaker.part(location, 100, len(data) - 99, complete=complete)).answer()
    assert answer.status == 400 and problem(answer)[0] == "inconsistent-upload-length", answer
    assert speaker.says_complete(answer) is False
    final(speaker, speaker.append(location, 100, data[100:]), data)


def test_R18_a_body_that_exceeds_the_length_ends_the_upload(speaker, seed):
    data = media.jpeg(seed)
    location = speaker.begun(length=len(data))
    answer = speaker.append(location, 0, data + b"beyond", chunked=True)
    assert answer.status == 400, answer
    assert problem(answer)[0] == "inconsistent-upload-length"
    assert gone(speaker, location)


def test_R19_reaching_the_length_does_not_complete(speaker, seed):
    data = media.jpeg(seed)
    location = speaker.begun(length=len(data))
    answer = speaker.append(location, 0, data, complete=False)
    assert answer.status in (201, 204) and speaker.says_complete(answer) is False, answer
    answer = speaker.look(location)
    assert offset(answer) == len(data) and speaker.says_complete(answer) is False
    final(speaker, speaker.append(location, len(data)), data)


@pytest.mark.parametrize("target", [RESOURCE, RAW, IMMICH])
@pytest.mark.parametrize("ending", ["close", "reset", "half-close"])
def test_R20_an_interrupted_request_is_not_complete(speaker, seed, ending, target):
    data = media.jpeg(seed, edge=200)
    body, fields = data, []
    if target == IMMICH:
        body, fields = multipart.upload(data, f"{seed}.jpg"), [f"Content-Type: {multipart.content_type()}"]
    cut = len(body) // 2
    with speaker.wire() as wire:
        wire.send(speaker.creation(len(body), *fields, target=target) + body[:cut])
        location = path(wire.interim().header("Location"))
        if ending == "reset":
            wire.reset()
        elif ending == "half-close":
            wire.half_close()
            wire.gone()
    answer = speaker.look(location)
    stands = offset(answer)
    assert answer.status in (200, 204) and 0 <= stands <= cut
    # A reset may throw away what the kernel had not yet handed over; a peaceful end must not.
    assert ending == "reset" or stands == cut
    assert speaker.says_complete(answer) is False
    answer = speaker.append(location, stands, body[stands:])
    assert answer.status == 201 and speaker.says_complete(answer) is True, answer
    stored(speaker.server, answer.json()["id"], data)


def test_R20_a_chunked_body_without_its_end_is_not_complete(speaker, seed):
    data = media.jpeg(seed)
    with speaker.wire() as wire:
        wire.send(speaker.creation(None) + multipart.chunked(data).removesuffix(b"0\r\n\r\n"))
        location = path(wire.interim().header("Location"))
        wire.half_close()
        wire.gone()
    assert speaker.stands_at(location) == len(data)
    assert speaker.says_complete(speaker.look(location)) is False
    final(speaker, speaker.append(location, len(data)), data)


@pytest.mark.parametrize("loss", ["shorter", "missing"])
def test_R21_an_upload_whose_bytes_are_lost_is_dead(launch, loss):
    """Never a smaller offset."""
    server = launch(founded=True)
    session = client.session(server)
    server.key = client.api_key(session).fields["x_api_key"]
    uploads = [(Draft(server, server.key, version), media.mov(f"lost {version}", 5000)) for version in VERSIONS]
    places = [speaker.begun(data) for speaker, data in uploads]
    server.kill()
    for name in catalog.staged(server.data):
        file = server.data / "staging" / name
        if loss == "missing":
            file.unlink()
        else:
            with file.open("r+b") as opened:
                opened.truncate(4999)
    server.start()
    for (speaker, _), location in zip(uploads, places):
        assert gone(speaker, location)


def test_R22_an_append_to_a_complete_upload(speaker, seed):
    data = media.jpeg(seed)
    location = speaker.begun(data[:100])
    asset = final(speaker, speaker.append(location, 100, data[100:]), data)
    # Only the answer was lost: it is told again.
    again = speaker.append(location, len(data))
    assert again.status in (200, 201) and speaker.says_complete(again) is True, again
    assert again.json()["id"] == again.header("X-Asset-Id") == asset
    answer = speaker.append(location, len(data), b"more")
    assert answer.status == 400 and problem(answer)[0] == "inconsistent-upload-length", answer
    answer = speaker.look(location)
    assert offset(answer) == len(data) and speaker.says_complete(answer) is True
    assert answer.header("X-Asset-Id") == asset
    stored(speaker.server, asset, data)


@pytest.mark.parametrize("newcomer", ["HEAD", "PATCH", "DELETE"])
def test_R23_a_newcomer_ends_the_request_in_flight(speaker, seed, newcomer):
    data = media.mov(seed, 200_000)
    location = speaker.begun()
    with speaker.wire() as old:
        # 100 says that the server has begun to receive this part.
        old.send(speaker.part(location, 0, len(data), "Expect: 100-continue"))
        assert old.interim().status == 100
        old.send(data[:70_000])
        if newcomer == "PATCH":
            # Where the old one stands is a guess; the refusal tells, and what it tells is accepted.
            answer = speaker.append(location, 0, data)
            stands = offset(answer) if answer.status == 409 else 0
        elif newcomer == "DELETE":
            assert speaker.cancel(location).status == 204
            old.gone(6)
            assert gone(speaker, location)
            return
        else:
            stands = speaker.stands_at(location)
            assert stands <= 70_000
            answer = None
        old.gone(6)
        if answer is None or answer.status == 409:
            answer = speaker.append(location, stands, data[stands:])
    final(speaker, answer, data)


def test_R24_cancelling(speaker, seed):
    location = speaker.begun(media.jpeg(seed)[:100])
    assert speaker.cancel(location).status == 204
    assert gone(speaker, location)


def test_R24_cancelling_a_complete_upload_keeps_the_asset(speaker, seed):
    data = media.jpeg(seed)
    location = speaker.begun()
    asset = final(speaker, speaker.append(location, 0, data), data)
    assert speaker.cancel(location).status in (204, 404, 410)
    stored(speaker.server, asset, data)


@pytest.mark.parametrize("target", [RESOURCE, RAW, IMMICH])
def test_R25_options_announces_the_limits(speaker, target):
    stranger = Draft(speaker.server, None, speaker.version)
    answer = stranger.exchange(stranger.head_of("OPTIONS", target))
    assert answer.status in (200, 204), answer
    assert limits(answer)
    assert answer.header("Upload-Complete") is None and answer.header("Upload-Incomplete") is None
    assert answer.header("Accept-Patch") == "application/partial-upload" or "application/partial-upload" in answer.header("Accept-Patch")


def test_R26_limits_do_not_tighten_and_time_runs_out(speaker, seed):
    known = {"max-size", "min-size", "max-append-size", "min-append-size", "max-age", "expires"}
    answer = speaker.create(media.jpeg(seed)[:10], complete=False)
    first, second = limits(answer), limits(speaker.look(path(answer.header("Location"))))
    assert set(first) <= known and set(second) <= known
    for name in ("max-size", "max-append-size"):
        assert second.get(name) == first.get(name)
    age = "expires" if speaker.version == 6 else "max-age"
    if speaker.version >= 6:
        assert 0 < second[age] <= first[age] <= WEEK
        assert ({"expires", "max-age"} - {age}).isdisjoint(first)


def test_R27_too_large(speaker, seed):
    most = limits(speaker.exchange(speaker.head_of("OPTIONS", RESOURCE)))["max-size"]
    answer = speaker.create(b"", complete=False, length=most + 1)
    assert answer.status == 413, answer
    assert limits(answer)["max-size"] == most
    with speaker.wire() as wire:
        answer = wire.send(speaker.creation(most + 1)).answer()
    assert answer.status == 413 and limits(answer)["max-size"] == most, answer


def test_R28_100_continue_is_sent_besides_104(speaker, seed):
    data = media.jpeg(seed)
    with speaker.wire() as wire:
        wire.send(speaker.creation(len(data), "Expect: 100-continue"))
        assert {wire.interim().status, wire.interim().status} == {100, 104}
        final(speaker, wire.send(data).answer(), data)
    location = speaker.begun()
    with speaker.wire() as wire:
        wire.send(speaker.part(location, 0, 10, "Expect: 100-continue", complete=False))
        assert wire.interim().status == 100
        assert offset(wire.send(data[:10]).answer()) == 10
    with speaker.wire() as wire:
        answer = wire.send(speaker.part(location, 3, 10, "Expect: 100-continue", complete=False)).answer()
        assert answer.status == 409 and answer.interim == [], "the refusal comes instead of 100"


def test_R29_a_transfer_coding_is_removed_before_counting(speaker, seed):
    data = media.jpeg(seed)
    location = speaker.begun(data[:1000], chunked=True)
    assert speaker.stands_at(location) == 1000
    final(speaker, speaker.append(location, 1000, data[1000:], chunked=True), data)


def test_R29_a_content_coding_is_refused(speaker, seed):
    """Photos do not compress, and nothing that sends them codes them."""
    packed = gzip.compress(media.jpeg(seed))
    for answer in (speaker.create(packed, "Content-Encoding: gzip"),
                   speaker.create(packed, "Content-Encoding: gzip", target=RAW)):
        assert answer.status == 415 and 104 not in answer.interim, answer
    data = media.jpeg(seed)
    final(speaker, speaker.create(data, "Content-Encoding: identity"), data)


def digest_field(name, data, algorithm="sha"):
    made = hashlib.new({"sha": "sha1", "sha-256": "sha256"}[algorithm], data).digest()
    return f"{name}: {algorithm}=:{base64.b64encode(made).decode()}:"


@pytest.mark.parametrize("algorithm", ["sha", "sha-256"])
def test_R30_the_digest_of_the_whole_is_compared_at_the_end(speaker, seed, algorithm):
    data = media.jpeg(seed)
    location = speaker.begun(data[:10], digest_field("Repr-Digest", data + b"other", algorithm))
    answer = speaker.append(location, 10, data[10:])
    assert answer.status == 400, answer
    assert speaker.says_complete(answer) is True
    assert (answer.header("X-Asset-Status"), answer.header("X-Asset-Error")) == ("rejected", "checksum_mismatch")
    location = speaker.begun(data[:10], digest_field("Repr-Digest", data, algorithm))
    final(speaker, speaker.append(location, 10, data[10:]), data)


@pytest.mark.parametrize("algorithm", ["sha", "sha-256"])
def test_R30_a_part_with_another_digest_is_not_appended(speaker, seed, algorithm):
    data = media.jpeg(seed)
    location = speaker.begun(data[:10])
    answer = speaker.append(location, 10, data[10:], digest_field("Content-Digest", data[10:] + b"other", algorithm))
    assert answer.status == 400, answer
    assert speaker.says_complete(answer) is False and speaker.stands_at(location) == 10
    final(speaker, speaker.append(location, 10, data[10:], digest_field("Content-Digest", data[10:], algorithm)), data)


def test_R30_a_creation_with_another_digest_of_its_part_keeps_nothing_of_it(speaker, seed):
    data = media.jpeg(seed)
    wrong = digest_field("Content-Digest", data + b"other")
    with speaker.wire() as wire:
        wire.send(speaker.creation(100, wrong, complete=False))
        location = path(wire.interim().header("Location"))
        answer = wire.send(data[:100]).answer()
    assert answer.status == 400 and speaker.says_complete(answer) is False, answer
    assert speaker.stands_at(location) == 0
    final(speaker, speaker.append(location, 0, data), data)


def test_R30_the_digest_is_told_to_who_wants_it(speaker, seed):
    data = media.jpeg(seed)
    answer = speaker.create(data, "Want-Repr-Digest: sha-256=1, sha=5")
    assert f"sha=:{base64_sha1(data)}:" in answer.header("Repr-Digest")


def test_R31_the_name_comes_from_content_disposition(speaker, seed):
    data = media.jpeg(seed)
    name = "Grüße; \"vom\" Meer 日本.jpg"
    encoded = client.quoted(name)
    location = speaker.begun(data[:10], f"Content-Disposition: inline; filename=plain.jpg; filename*=UTF-8''{encoded}")
    answer = speaker.append(location, 10, data[10:], "Content-Disposition: inline; filename=\"late.jpg\"")
    asset = final(speaker, answer, data)
    assert stored(speaker.server, asset, data)["originalFileName"] == name


def test_R32_who_lost_the_right_meanwhile_does_not_store(speaker, seed):
    data = media.jpeg(seed)
    keeper = client.Client(speaker.server, x_api_key=speaker.server.key)
    made = keeper.post("/api/api-keys", {"name": seed[:40], "permissions": ["asset.upload"]}).json()
    lender = Draft(speaker.server, made["secret"], speaker.version)
    location = lender.begun()
    with lender.wire() as wire:
        wire.send(lender.part(location, 0, len(data), "Expect: 100-continue"))
        assert wire.interim().status == 100
        wire.send(data[:-1])
        assert keeper.delete(f"/api/api-keys/{made['apiKey']['id']}").status == 204
        answer = wire.send(data[-1:]).answer()
    keeper.close()
    assert answer.status in (401, 403), answer
    assert lender.says_complete(answer) is True
    assert lender.look(location).status == 401
    assert speaker.says_complete(speaker.look(location)) is False
    # The bytes were not at fault: the owner, with another key, has them stored.
    final(speaker, speaker.append(location, len(data)), data)


def test_R32_who_has_no_room_left_meanwhile_does_not_store(server, admin, add_user):
    """The quota shrank while the bytes came: they stay, and are stored once there is room."""
    bert = add_user(server)
    key = client.api_key(bert)
    server.key = key.fields["x_api_key"]
    me = bert.me()["id"]
    for version in VERSIONS:
        speaker, data = Draft(server, server.key, version), media.mov(f"no room {version}", 60_000)
        location = speaker.begun()
        with speaker.wire() as wire:
            wire.send(speaker.part(location, 0, len(data), "Expect: 100-continue"))
            assert wire.interim().status == 100
            wire.send(data[:-1])
            assert admin.put(f"/api/admin/users/{me}", {"quotaSizeInBytes": 10}).status == 200
            answer = wire.send(data[-1:]).answer()
        assert answer.status == 400 and answer.header("X-Asset-Error") == "quota_exceeded", answer
        assert answer.header("X-Asset-Status") is None, "the cause can pass"
        assert key.check(base64_sha1(data))[0]["action"] == "accept"
        assert speaker.stands_at(location) == len(data)
        assert admin.put(f"/api/admin/users/{me}", {"quotaSizeInBytes": None}).status == 200
        final(speaker, speaker.append(location, len(data)), data)


def test_R33_the_address_is_unguessable_and_suffices(speaker, seed):
    data = media.jpeg(seed)
    location, other = speaker.begun(data[:10]), speaker.begun(data[:10])
    assert token(location) != token(other) and len(token(location)) == 32
    bearer = Draft(speaker.server, None, speaker.version)
    assert bearer.stands_at(location) == 10
    assert bearer.cancel(other).status == 204
    assert bearer.create(data).status == 401, "creating needs a credential"
    wrong = Draft(speaker.server, "wrong", speaker.version)
    for answer in (wrong.look(location), wrong.append(location, 10, data[10:]), wrong.cancel(location)):
        assert answer.status == 401, answer
    altered = location[:-1] + ("A" if location[-1] != "A" else "E")
    for address in (altered, location[:-1], location + "A", RESOURCE + "/%00", RESOURCE + "/../uploads"):
        assert speaker.look(address).status in (400, 404), address
    final(bearer, bearer.append(location, 10, data[10:]), data)


def test_R33_somebody_else_may_not_touch_it(server, admin, add_user):
    bert = client.api_key(add_user(server))
    for version in VERSIONS:
        data = media.jpeg(f"somebody else {version}")
        anna = Draft(server, admin.fields["x_api_key"], version)
        stranger = Draft(server, bert.fields["x_api_key"], version)
        location = anna.begun(data[:10])
        for answer in (stranger.look(location), stranger.append(location, 10, data[10:]), stranger.cancel(location)):
            assert answer.status in (403, 404) and answer.header("Upload-Offset") is None, answer
        assert anna.stands_at(location) == 10


def test_R33_the_number_of_open_uploads_is_bounded(server, admin):
    """A thousand are allowed; the one beyond is refused until another ends."""
    speaker = Draft(server, admin.fields["x_api_key"])
    with speaker.wire() as wire:
        request = speaker.creation(0, complete=False)
        first = None
        for _ in range(1000):
            answer = wire.send(request).answer()
            assert answer.status == 201, answer
            first = first or path(answer.header("Location"))
    answer = speaker.create(complete=False)
    assert answer.status in (429, 503), answer
    assert speaker.cancel(first).status == 204
    assert speaker.create(complete=False).status == 201
