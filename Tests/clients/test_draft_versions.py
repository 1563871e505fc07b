"""What differs between the interop versions 3 to 8 of the IETF draft, and who gets a 104 at all."""

import pytest

from harness import client, draft, media
from harness.draft import RAW, RESOURCE, Draft, final, limits, offset, path, problem, stored


@pytest.fixture
def speak(plain_server):
    """`speak(6)`: a client of version 6."""
    return lambda version: Draft(plain_server, plain_server.key, version)


# MARK: Version 3 (draft -01, iOS 17)


def test_version_3_says_incomplete_in_place_of_complete(speak, seed):
    speaker, data = speak(3), media.jpeg(seed)
    answer = speaker.create(data[:10], complete=False)
    assert answer.status == 201
    assert answer.header("Upload-Incomplete") == "?1" and answer.header("Upload-Complete") is None
    answer = speaker.append(path(answer.header("Location")), 10, data[10:])
    assert answer.header("Upload-Incomplete") == "?0" and answer.header("Upload-Complete") is None
    final(speaker, answer, data)


def test_version_3_gets_204_for_head(speak, seed):
    speaker = speak(3)
    assert speaker.look(speaker.begun(media.jpeg(seed)[:10])).status == 204


def test_version_3_gets_201_and_more_follows_for_an_append(speak, seed):
    speaker = speak(3)
    answer = speaker.append(speaker.begun(), 0, media.jpeg(seed)[:10], complete=False)
    assert answer.status == 201 and answer.header("Upload-Incomplete") == "?1" and offset(answer) == 10


def test_version_3_is_told_the_offset_in_every_answer_of_a_live_upload(speak, seed):
    speaker, data = speak(3), media.jpeg(seed)
    created = speaker.create(data[:10], complete=False)
    location = path(created.header("Location"))
    answers = [created, speaker.look(location), speaker.append(location, 3, b"x"),
               speaker.append(location, 10, data[10:20], complete=False)]
    assert [offset(answer) for answer in answers] == [10, 10, 10, 20]


@pytest.mark.parametrize("field", ["Upload-Offset: 0", "Upload-Incomplete: ?1", "Upload-Incomplete: ?0"])
@pytest.mark.parametrize("method", ["HEAD", "DELETE"])
def test_version_3_may_not_say_where_it_stands_when_it_asks(speak, seed, method, field):
    speaker = speak(3)
    location = speaker.begun(media.jpeg(seed)[:10])
    assert speaker.exchange(speaker.head_of(method, location, field), method).status == 400
    assert speaker.stands_at(location) == 10


def test_version_3_needs_no_media_type_and_means_the_last_part_where_it_says_nothing(speak, seed):
    speaker, data = speak(3), media.jpeg(seed)
    location = speaker.begun(data[:10])
    request = speaker.head_of("PATCH", location, "Upload-Offset: 10", count=len(data) - 10)
    final(speaker, speaker.exchange(request + data[10:]), data)


# MARK: Version 4 (draft -02)


def test_version_4_fixes_the_size_by_the_content_length_of_the_last_part(speak, seed):
    speaker, data = speak(4), media.jpeg(seed)
    with speaker.wire() as wire:
        wire.send(speaker.creation(len(data)) + data[:5])
        location = path(wire.interim().header("Location"))
    stands = speaker.stands_at(location)
    answer = speaker.append(location, stands, data[stands:-1])
    assert answer.status == 400 and problem(answer)[0] == "inconsistent-upload-length", answer
    final(speaker, speaker.append(location, stands, data[stands:]), data)


# MARK: Version 5 (draft -03, iOS 18.0)


def test_version_5_may_create_and_append_nothing(speak, seed):
    speaker, data = speak(5), media.jpeg(seed)
    location = speaker.begun()
    assert speaker.append(location, 0, b"", complete=False).status == 201
    assert speaker.append(location, 0, data, complete=False).status == 201
    final(speaker, speaker.append(location, len(data), b""), data)


# MARK: Version 6 (drafts -04 and -05, iOS 18.1)


def test_version_6_is_told_when_the_upload_expires_by_its_old_name(speak, seed):
    said = limits(speak(6).create(media.jpeg(seed)[:10], complete=False))
    assert 0 < said["expires"] <= 7 * 86_400 and "max-age" not in said


def test_version_6_may_name_the_length(speak, seed):
    speaker, data = speak(6), media.jpeg(seed)
    location = speaker.begun(data[:10], length=len(data))
    assert speaker.look(location).header("Upload-Length") == str(len(data))
    final(speaker, speaker.append(location, 10, data[10:]), data)


# MARK: Versions 7 and 8 (drafts -06 to -08; -09 and later, iOS 26)


@pytest.mark.parametrize("version", [7, 8])
def test_from_version_7_the_expiry_is_max_age_and_an_append_is_204(speak, seed, version):
    speaker, data = speak(version), media.jpeg(seed)
    answer = speaker.create(data[:10], complete=False)
    assert 0 < limits(answer)["max-age"] <= 7 * 86_400 and "expires" not in limits(answer)
    answer = speaker.append(path(answer.header("Location")), 10, data[10:20], complete=False)
    assert answer.status == 204 and answer.header("Upload-Complete") == "?0"


def test_version_8_is_told_the_limits_in_104_and_head(speak, seed):
    speaker, data = speak(8), media.jpeg(seed)
    with speaker.wire() as wire:
        wire.send(speaker.creation(len(data)))
        early = wire.interim()
        assert limits(early)["max-size"] > 0 and limits(early)["max-age"] > 0
        final(speaker, wire.send(data).answer(), data)
    assert limits(speaker.look(speaker.begun(data[:1])))["max-size"] > 0


# MARK: All


def test_the_answer_repeats_the_request_s_number(speaker, seed):
    answer = speaker.create(media.jpeg(seed))
    assert answer.informational[0].header("Upload-Draft-Interop-Version") == str(speaker.version)


def test_an_upload_may_be_continued_in_another_version(speaker, speak, seed):
    data = media.jpeg(seed)
    location, stands = speaker.begun(), 0
    for version in reversed(draft.VERSIONS):
        other = speak(version)
        assert other.append(location, stands, data[stands:stands + 100], complete=False).status in (201, 204)
        stands += 100
        assert other.stands_at(location) == stands
    final(speaker, speaker.append(location, stands, data[stands:]), data)


def test_curl_without_a_version_follows_the_newest_rules_at_an_upload(speaker, plain_server, seed):
    data = media.jpeg(seed)
    location, plain = speaker.begun(data[:10]), Draft(plain_server, plain_server.key, None)
    assert plain.stands_at(location) == 10
    answer = plain.append(location, 10, data[10:20], complete=False)
    assert answer.status == 204 and answer.header("Upload-Complete") == "?0"
    answer = plain.append(location, 20, data[20:], chunked=True)
    assert answer.interim == []
    final(plain, answer, data)


@pytest.mark.parametrize("value", ["1", "true", "?2", '"?1"', "?1, ?1x", ""])
def test_a_field_that_does_not_parse_is_as_if_absent(speak, seed, value):
    speaker, data = speak(8), media.jpeg(seed)
    answer = speaker.exchange(speaker.head_of("POST", RAW, f"Upload-Complete: {value}", count=len(data)) + data)
    assert answer.status == 201 and answer.interim == [], answer
    stored(speaker.server, answer.json()["id"], data)


def test_parameters_of_a_field_are_ignored(speak, seed):
    speaker, data = speak(8), media.jpeg(seed)
    answer = speaker.exchange(speaker.head_of("POST", RAW, "Upload-Complete: ?1;a=b;c", count=len(data)) + data)
    assert answer.interim == [104]
    final(speaker, answer, data)


# MARK: Who gets a 104


@pytest.mark.parametrize("trace", [
    "Via: 1.1 proxy", "X-Forwarded-For: 10.0.0.1", "X-Forwarded-Proto: https", "X-Real-IP: 10.0.0.1", "Forwarded: for=10.0.0.1",
    "CF-Connecting-IP: 10.0.0.1", "CF-Ray: 1"])
def test_nobody_behind_a_proxy_gets_a_104(speaker, seed, trace):
    data = media.jpeg(seed)
    answer = speaker.create(data, trace)
    assert answer.interim == []
    final(speaker, answer, data)


@pytest.mark.parametrize("target", [RESOURCE, RAW])
def test_http_1_0_gets_no_interim_answer(speaker, seed, target):
    data = media.jpeg(seed)
    request = speaker.head_of("POST", target, speaker.completeness(True), "Expect: 100-continue", count=len(data), protocol="HTTP/1.0")
    answer = speaker.exchange(request + data)
    assert answer.interim == []
    final(speaker, answer, data)


def test_the_circuit_breaker_stops_104_where_it_breaks_uploads(server, admin):
    """The same creation a third time, and nobody ever asked at the address that the 104 named: no more 104s there."""
    key = admin.fields["x_api_key"]
    speaker, data = Draft(server, key), media.mov("breaker", 5000)
    name = 'Content-Disposition: inline; filename="breaker.mov"'
    for _ in range(2):
        with speaker.wire() as wire:
            wire.send(speaker.creation(len(data), name) + data[:-1])
            assert wire.interim().status == 104
    answer = speaker.create(data, name)
    assert answer.interim == [] and answer.status == 201, "the third creation is answered without a 104"
    other = Draft(server, key)
    assert 104 in other.create(media.jpeg("other")).interim, "another address is not concerned"


@pytest.mark.parametrize(("policy", "behind", "direct"), [("always", [104], [104]), ("never", [], [])])
def test_the_policy_can_be_chosen(launch, policy, behind, direct):
    server = launch("--interim-responses", policy, founded=True)
    session = client.session(server)
    speaker = Draft(server, client.api_key(session).fields["x_api_key"])
    assert speaker.create(media.jpeg("one"), "Via: 1.1 proxy").interim == behind
    assert speaker.create(media.jpeg("two")).interim == direct
