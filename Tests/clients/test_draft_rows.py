"""The IETF draft, row by row, over all interop versions: creation and appending (R1 to R16).

The rows are those of the table that the server was built from; R17 to R33 are in `test_draft_more_rows.py`. Raw sockets
throughout: 104 (Upload Resumption Supported) is an interim answer, which HTTP libraries swallow.
"""

import pytest

from harness import catalog, media, multipart, process
from harness.draft import IMMICH, RAW, RESOURCE, Draft, final, limits, offset, path, problem, stored, token


@pytest.mark.parametrize(("method", "target"), [
    ("POST", RESOURCE), ("POST", RAW), ("PUT", RAW), ("POST", IMMICH), ("POST", "/api/assets/background")])
def test_R01_a_request_with_content_may_create_an_upload(speaker, seed, method, target):
    data = media.jpeg(seed)
    body, fields = data, []
    if target == IMMICH:
        body, fields = multipart.upload(data, f"{seed}.jpg"), [f"Content-Type: {multipart.content_type()}"]
    answer = speaker.create(body, *fields, method=method, target=target)
    assert answer.interim[0] == 104, answer.interim
    assert answer.status == 201, answer
    stored(speaker.server, answer.json()["id"], data)


@pytest.mark.parametrize("target", [RESOURCE, RAW, IMMICH])
def test_R02_the_104_names_the_upload_before_the_body_is_there(speaker, seed, target):
    data = media.mov(seed, 300_000)
    body, fields = data, []
    if target == IMMICH:
        body, fields = multipart.upload(data, f"{seed}.mov"), [f"Content-Type: {multipart.content_type()}"]
    with speaker.wire() as wire:
        wire.send(speaker.creation(len(body), *fields, target=target))
        early = wire.interim()
        assert early.status == 104
        location = path(early.header("Location"))
        assert early.header("Upload-Draft-Interop-Version") == str(speaker.version)
        if speaker.version >= 6:
            assert limits(early)["max-size"] > 0
        # The row becomes durable by itself (docs/api.md says when): another connection reads it in the catalog while not
        # a byte of the body was sent.
        def is_recorded():
            with catalog.opened(speaker.server.data) as rows:
                return rows.execute(
                    "SELECT count(*) FROM upload WHERE token = ?", [token(location)]).fetchone()[0] == 1
        process.until(is_recorded, what="the row of the upload")
        answer = wire.send(body).answer()
    assert answer.status == 201, answer
    stored(speaker.server, answer.json()["id"], data)


@pytest.mark.parametrize("number", [None, "2", "9", "six", "8.0", "?1", "8, 8"])
def test_R03_without_a_supported_version_it_is_an_ordinary_request(plain_server, seed, number):
    speaker, data = Draft(plain_server, plain_server.key, None), media.jpeg(seed)
    fields = [] if number is None else [f"Upload-Draft-Interop-Version: {number}"]
    for target in (RESOURCE, RAW):
        answer = speaker.create(data, *fields, target=target)
        assert answer.interim == [], answer.informational
        assert answer.status in (200, 201), answer
        stored(plain_server, answer.json()["id"], data)
    # A torso that nobody could go on with is refused.
    answer = speaker.create(media.jpeg(f"{seed} torso"), *fields, complete=False)
    assert answer.status == 400 and answer.interim == [], answer


def test_R04_complete_in_one_request(speaker, seed):
    data = media.jpeg(seed)
    asset = final(speaker, speaker.create(data), data)
    assert final(speaker, speaker.create(data, target=RAW), data, status=200) == asset


def test_R05_partial_creation(speaker, seed):
    data = media.jpeg(seed)
    answer = speaker.create(data[:1000], complete=False)
    assert answer.status == 201, answer
    assert speaker.says_complete(answer) is False
    assert offset(answer) == 1000
    assert limits(answer)["max-size"] > 0
    location = path(answer.header("Location"))
    final(speaker, speaker.append(location, 1000, data[1000:]), data)


def test_R06_careful_creation(speaker, seed):
    data = media.jpeg(seed)
    answer = speaker.create(b"", complete=False)
    assert answer.status == 201, answer
    assert speaker.says_complete(answer) is False and offset(answer) == 0
    assert "min-append-size" not in limits(answer) or limits(answer)["min-append-size"] == 0
    final(speaker, speaker.append(path(answer.header("Location")), 0, data), data)


def test_R07_an_empty_representation_is_refused(speaker):
    answer = speaker.create(b"")
    assert answer.status == 400, answer
    assert speaker.says_complete(answer) is True
    assert answer.header("X-Asset-Status") == "rejected" and answer.header("X-Asset-Error") == "empty_file"


def test_R08_lengths_must_agree(speaker, seed):
    data = media.jpeg(seed)

    def refused(answer):
        assert answer.status == 400, answer
        assert problem(answer)[0] == "inconsistent-upload-length"
        assert speaker.says_complete(answer) is False

    refused(speaker.create(data, length=len(data) + 1))
    refused(speaker.create(data, length=len(data) - 1))
    refused(speaker.create(data, complete=False, length=len(data) - 1))
    location = speaker.begun(data[:100], length=len(data))
    refused(speaker.append(location, 100, data[100:-1]))
    refused(speaker.append(location, 100, data[100:], length=len(data) + 1))
    assert speaker.stands_at(location) == 100, "a refused part was stored"
    final(speaker, speaker.append(location, 100, data[100:], length=len(data)), data)


def test_R08_a_complete_creation_with_a_length_fixes_the_size(speaker, seed):
    data = media.jpeg(seed)
    with speaker.wire() as wire:
        wire.send(speaker.creation(len(data)) + data[:200])
        location = path(wire.interim().header("Location"))
    answer = speaker.look(location)
    assert answer.header("Upload-Length") == str(len(data))
    stands = offset(answer)
    answer = speaker.append(location, stands, data[stands:] + b"!")
    assert answer.status == 400 and problem(answer)[0] == "inconsistent-upload-length", answer


def test_R09_every_location_of_one_request_is_the_same(speaker, seed):
    answer = speaker.create(media.jpeg(seed)[:500], complete=False)
    told = {path(early.header("Location")) for early in answer.informational if early.header("Location")}
    assert told == {path(answer.header("Location"))}


def test_R10_head_says_where_the_upload_stands(speaker, seed):
    data = media.jpeg(seed)
    location = speaker.begun(data[:777], length=len(data))
    answer = speaker.look(location)
    assert answer.status in (200, 204), answer
    assert offset(answer) == 777
    assert speaker.says_complete(answer) is False
    assert answer.header("Upload-Length") == str(len(data))
    assert answer.header("Cache-Control") == "no-store"
    assert limits(answer)["max-size"] > 0
    # GET has no meaning in the draft: here it is what the owner's list says.
    answer = speaker.exchange(speaker.head_of("GET", location))
    assert answer.status == 200 and answer.json()["offset"] == 777, answer


def test_R11_the_upload_never_redirects(speaker, seed):
    location = speaker.begun(media.jpeg(seed)[:10])
    for address in (location, location + "/", location + "?x=1"):
        for method in ("HEAD", "GET", "OPTIONS"):
            assert speaker.exchange(speaker.head_of(method, address), method).status not in (301, 302)
    assert speaker.append(location + "/", 10, b"x", complete=False).status not in (301, 302)


def test_R12_append(speaker, seed):
    data = media.mov(seed, 9000)
    location = speaker.begun()
    answer = speaker.append(location, 0, data[:4000], complete=False)
    assert answer.status == (204 if speaker.version >= 7 else 201), answer
    assert speaker.says_complete(answer) is False and offset(answer) == 4000
    answer = speaker.append(location, 4000, data[4000:8000], complete=False, chunked=True)
    assert answer.status == (204 if speaker.version >= 7 else 201) and offset(answer) == 8000, answer
    final(speaker, speaker.append(location, 8000, data[8000:], chunked=True), data)


def test_R13_an_empty_append_completes(speaker, seed):
    data = media.jpeg(seed)
    location = speaker.begun(data)
    assert speaker.look(location).header("Upload-Length") is None
    final(speaker, speaker.append(location, len(data)), data)


@pytest.mark.parametrize("given", [0, 499, 501, 10**14])
def test_R14_the_offset_must_be_the_one_where_the_upload_stands(speaker, seed, given):
    data = media.jpeg(seed)
    location = speaker.begun(data[:500])
    answer = speaker.append(location, given, data[500:])
    assert answer.status == 409, answer
    assert offset(answer) == 500
    assert speaker.says_complete(answer) is False
    name, said = problem(answer)
    assert name == "mismatching-upload-offset"
    assert (said["expected-offset"], said["provided-offset"]) == (500, given)
    final(speaker, speaker.append(location, 500, data[500:]), data)


@pytest.mark.parametrize("content_type", [None, "application/octet-stream", "image/jpeg", "text/plain"])
def test_R15_the_media_type_of_an_append(speaker, seed, content_type):
    data = media.jpeg(seed)
    location = speaker.begun(data[:500])
    fields = [speaker.completeness(True), "Upload-Offset: 500"]
    if content_type:
        fields.append(f"Content-Type: {content_type}")
    answer = speaker.exchange(speaker.head_of("PATCH", location, *fields, count=len(data) - 500) + data[500:])
    if speaker.version >= 6:
        assert answer.status == 415, answer
        assert speaker.stands_at(location) == 500, "a refused part was stored"
    else:
        final(speaker, answer, data)


def test_R15_media_types_compare_without_case_and_parameters(speaker, seed):
    data = media.jpeg(seed)
    location = speaker.begun(data[:500])
    fields = [speaker.completeness(True), "Upload-Offset: 500", "Content-Type: Application/Partial-Upload; a=b"]
    answer = speaker.exchange(speaker.head_of("PATCH", location, *fields, count=len(data) - 500) + data[500:])
    final(speaker, answer, data)


@pytest.mark.parametrize("value", [None, "", "-1", "+5", "5.0", '"5"', "0x5", "9" * 16, "5 5"])
def test_R16_an_append_names_its_offset(speaker, seed, value):
    location = speaker.begun(media.jpeg(seed)[:5])
    fields = [speaker.completeness(True), "Content-Type: application/partial-upload"]
    if value is not None:
        fields.append(f"Upload-Offset: {value}")
    answer = speaker.exchange(speaker.head_of("PATCH", location, *fields, count=3) + b"abc")
    assert answer.status == 400, answer
    assert speaker.stands_at(location) == 5


def test_R16_an_append_says_whether_it_completes(speaker, seed):
    """Apple's clients leave it out where they mean the last part, in the versions that they speak."""
    data = media.jpeg(seed)
    location = speaker.begun(data[:5])
    fields = ["Upload-Offset: 5", "Content-Type: application/partial-upload"]
    answer = speaker.exchange(speaker.head_of("PATCH", location, *fields, count=len(data) - 5) + data[5:])
    if speaker.version in (3, 5, 6):
        final(speaker, answer, data)
    else:
        assert answer.status == 400, answer
        assert speaker.stands_at(location) == 5
