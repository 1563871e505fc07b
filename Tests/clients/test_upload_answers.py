"""What clients are told of an upload, by whichever door: statuses and fields that agree with each other, the first time and
again later."""

import gzip
import hashlib
from base64 import b64encode

import pytest

from harness import client, media
from harness.client import base64_sha1, sha1
from harness.draft import RAW, RESOURCE, Draft, final, offset, path, stored
from harness.tus import Tus, holds_none, metadata
from harness.wire import exchange

TEXT = b"this is text and no photo\n" * 40


@pytest.fixture
def tus(plain_server):
    return Tus(plain_server, plain_server.key)


@pytest.fixture
def plain(plain_server):
    """`plain(method, target, body, "Field: value", …)`: an ordinary request; the answer."""

    def send(method, target, body=b"", *fields, key=plain_server.key):
        lines = [f"{method} {target} HTTP/1.1", "Host: x", f"Content-Length: {len(body)}", *fields]
        if key:
            lines.append(f"x-api-key: {key}")
        return exchange(plain_server, ("\r\n".join(lines) + "\r\n\r\n").encode() + body)

    return send


# MARK: The draft


def test_R22_bytes_for_a_finished_upload_do_not_unfinish_it(speaker, seed):
    data = media.jpeg(seed)
    location = speaker.begun(data[:100])
    asset = final(speaker, speaker.append(location, 100, data[100:]), data)
    for answer, status, slug in (
            (speaker.append(location, len(data), b"more"), 400, "inconsistent_length"),
            (speaker.append(location, 3), 409, "offset_mismatch")):
        assert answer.status == status, answer
        assert speaker.says_complete(answer) is True and offset(answer) == len(data), answer.fields
        assert answer.header("X-Asset-Id") == asset and answer.header("X-Asset-Status") == "created"
        assert answer.header("X-Asset-Error") == slug


def test_what_passes_rejects_no_photo(speaker, seed):
    """A wrong offset, a wrong length, a field that cannot be read: the upload goes on."""
    data = media.jpeg(seed)
    location = speaker.begun(data[:100], length=len(data))
    for answer in (speaker.append(location, 7, data[7:]), speaker.append(location, 100, data[100:-1]),
                   speaker.append(location, 100, data[100:], "Content-Digest: sha=:AAAA:"),
                   speaker.append(location, 100, data[100:], f"Content-Digest: sha=:{base64_sha1(b'x')}:")):
        assert answer.status in (400, 409), answer
        assert speaker.says_complete(answer) is False, answer.fields
        assert answer.header("X-Asset-Status") is None and answer.header("X-Asset-Error"), answer.fields
    final(speaker, speaker.append(location, 100, data[100:]), data)


def test_R29_a_part_in_a_content_coding_is_refused(speaker, tus, seed):
    packed = gzip.compress(media.jpeg(seed))
    location = speaker.begun()
    assert speaker.append(location, 0, packed, "Content-Encoding: gzip").status == 415
    assert speaker.stands_at(location) == 0
    url = tus.create(len(packed))
    assert tus.append(url, 0, packed, Content_Encoding="gzip").status == 415
    assert tus.offset(url) == 0
    answer = tus.request("POST", None, packed, Upload_Length=len(packed), Content_Encoding="gzip",
                         Content_Type="application/offset+octet-stream")
    assert answer.status == 415 and answer.header("location") is None, answer


@pytest.mark.parametrize("target", [
    RESOURCE, RAW, "/api/assets", "/api/assets/background", "/api/upload", f"{RAW}/IMG_1.jpg",
    "/api/upload/0f9a1b2c-3d4e-4f60-8a7b-9c0d1e2f3a4b"])
def test_R25_options_at_every_address(speaker, target):
    stranger = Draft(speaker.server, None, speaker.version)
    answer = stranger.exchange(stranger.head_of("OPTIONS", target))
    assert answer.status in (200, 204) and answer.header("Upload-Limit"), answer


def test_R01_patch_may_begin_an_upload(speaker, seed):
    data = media.jpeg(seed)
    answer = speaker.create(data, method="PATCH", target=RAW)
    assert answer.interim[0] == 104
    final(speaker, answer, data)
    torso = speaker.create(media.jpeg(f"{seed} torso"), "Upload-Offset: 5", method="PATCH", target=RAW)
    assert torso.status == 405, "an append has come to the wrong address"


def test_a_failure_is_told_again_with_its_status(speaker, seed):
    for begin, rest, target, fields in (
            (TEXT[:10], TEXT[10:], RAW, []),
            (b"\xff\xd8\xff" + seed.encode(), b"other bytes", RAW, [f"Repr-Digest: sha=:{base64_sha1(b'x')}:"]),
            (b"\xff\xd8\xff" + seed.encode(), b"more bytes", "/api/upload", [f"Repr-Digest: sha=:{base64_sha1(b'x')}:"])):
        location = speaker.begun(begin, *fields, target=target)
        first = speaker.append(location, len(begin), rest)
        whole = len(begin) + len(rest)
        assert first.status in (400, 415, 460), first
        for answer in (speaker.append(location, whole), speaker.look(location)):
            assert answer.status == first.status, answer
            assert speaker.says_complete(answer) is True and offset(answer) == whole
            assert answer.header("X-Asset-Status") == "rejected"
            assert answer.header("X-Asset-Error") == first.header("X-Asset-Error")


# MARK: tus


def test_c01_no_version_is_answered_with_the_version(tus):
    for answer in (tus.request("POST", Upload_Length=5, version=None), tus.request("POST", Upload_Concat="partial", version=None)):
        assert answer.status == 412 and answer.all("tus-resumable") == ["1.0.0"], answer.fields


def test_c01_a_body_where_none_belongs_changes_nothing(tus, seed):
    url = tus.create(5)
    assert tus.request("DELETE", url, b"x" * (2 << 20)).status == 204


def test_c02_delete_without_a_version(tus, speaker, seed):
    """What tus began, only tus ends, or who names the draft's version; what the draft began needs neither."""
    data = media.jpeg(seed)
    url = tus.create(len(data))
    answer = tus.delete(url, version=None)
    assert answer.status == 412 and answer.header("tus-version") == "1.0.0", answer
    assert tus.offset(url) == 0
    assert speaker.cancel(url).status == 204
    location = speaker.begun(data[:10])
    curl = Draft(speaker.server, speaker.key, None)
    assert curl.cancel(location).status == 204


def test_c04_head_of_what_failed(tus, seed):
    """As PATCH: an offset that is the length, with 200, would tell the client that its photo is safe."""
    url = tus.create(len(TEXT))
    first = tus.append(url, 0, TEXT)
    answer = tus.status(url)
    assert first.status == answer.status == 400
    assert answer.header("upload-offset") == answer.header("upload-length") == str(len(TEXT))
    assert answer.header("X-Asset-Status") == "rejected" and answer.header("X-Asset-Error") == "unsupported_type"


def test_the_problem_says_the_status_of_the_answer(tus, plain, seed):
    data = media.jpeg(seed)
    url = tus.create(len(data), Upload_Metadata=metadata(filename="a.jpg", sha1=sha1(b"x").digest()))
    mismatch = tus.append(url, 0, data, Upload_Checksum=f"sha1 {base64_sha1(data)}")
    assert mismatch.status == 460 and mismatch.header("X-Asset-Error") == "checksum_mismatch"
    again = tus.append(url, len(data), b"", Upload_Checksum=f"sha1 {base64_sha1(b'')}")
    assert again.status == 460, again
    for answer in (mismatch, again, plain("PUT", RAW, TEXT)):
        assert answer.json()["status"] == answer.status, answer


def test_tus_rejects_no_photo_for_what_passes(tus, seed):
    data = media.jpeg(seed)
    url = tus.create(len(data))
    for answer in (tus.append(url, 5, data), tus.append(url, "x", data), tus.append(url, 0, data + b"x"),
                   tus.append(url, 0, data, Upload_Checksum=f"sha1 {base64_sha1(b'x')}")):
        assert answer.status >= 400 and answer.header("X-Asset-Error"), answer
        assert answer.header("X-Asset-Status") is None, answer.fields
    assert tus.append(url, 0, data).header("X-Asset-Status") == "created"


# MARK: The file as the body


def sha256_field(data):
    return f"Content-Digest: sha-256=:{b64encode(hashlib.sha256(data).digest()).decode()}:"


def test_R30_content_digest_of_an_ordinary_body(plain_server, plain, resident, seed):
    data = media.jpeg(seed)
    answer = plain("POST", RAW, data, sha256_field(data + b"other"))
    assert (answer.status, answer.header("X-Asset-Error")) == (400, "checksum_mismatch"), answer
    assert answer.header("X-Asset-Status") == "rejected"
    holds_none(resident, data)
    answer = plain("POST", RAW, data, sha256_field(data))
    assert answer.status == 201, answer
    stored(plain_server, answer.json()["id"], data)
    answer = plain("POST", RAW, data, sha256_field(data), "Repr-Digest: sha-256=:" + b64encode(bytes(32)).decode() + ":")
    assert answer.status == 400, "they contradict each other"


@pytest.mark.parametrize("target", [RAW, RESOURCE, f"{RAW}/a.jpg", "/api/assets/background", "/api/upload"])
def test_who_may_not_upload_reads_why_in_a_field(plain, resident, seed, target):
    reader = resident.post("/api/api-keys", {"name": seed[:40], "permissions": ["asset.read"]}).json()["secret"]
    for key, status, slug in ((None, 401, "unauthorized"), ("wrong", 401, "unauthorized"), (reader, 403, "forbidden")):
        answer = plain("POST", target, media.jpeg(seed), key=key)
        assert (answer.status, answer.header("X-Asset-Error")) == (status, slug), answer
        assert answer.header("X-Asset-Status") is None


@pytest.mark.parametrize("content_type", ["multipart/form-data; boundary=left-over", "multipart/form-data", "multipart/mixed"])
def test_a_left_over_content_type_costs_no_photo(plain_server, plain, seed, content_type):
    """PhotoKit replaces the body of an app's request and keeps its fields."""
    data = media.jpeg(seed)
    answer = plain("POST", RAW, data, f"Content-Type: {content_type}")
    assert answer.status == 201, answer
    stored(plain_server, answer.json()["id"], data)


@pytest.mark.parametrize("method", ["PUT", "POST"])
def test_curl_appends_the_name(plain_server, plain, seed, method):
    data = media.jpeg(seed)
    answer = plain(method, f"{RAW}/{client.quoted('Grüße 1.jpg')}", data)
    assert answer.status == 201, answer
    assert stored(plain_server, answer.json()["id"], data)["originalFileName"] == "Grüße 1.jpg"
    other = media.jpeg(f"{seed} other")
    answer = plain(method, f"{RAW}/a.jpg?filename=b.jpg", other)
    assert stored(plain_server, answer.json()["id"], other)["originalFileName"] == "b.jpg"


def test_a_bare_plus_in_a_digest(plain, seed):
    """Base64 has it, and a query reads it as a space."""
    data = next(data for number in range(1000) if "+" in base64_sha1(data := media.jpeg(f"{seed} {number}")))
    answer = plain("POST", f"{RAW}?checksum={base64_sha1(data)}", data)
    assert answer.status == 201, answer


@pytest.mark.parametrize(("name", "body", "status"), [
    ("photo.jpg", TEXT, 415), ("photo.heic", b"<!DOCTYPE html><html></html>", 415), ("film.mov", b"PK\x03\x04" + bytes(500), 415),
    ("drawing.svg", b'<svg xmlns="http://www.w3.org/2000/svg"></svg>', 201), ("raw.3fr", b"\x01\x02unknown" * 90, 201)])
def test_what_is_clearly_no_photo_is_none_by_its_name(plain, name, body, status):
    answer = plain("POST", f"{RAW}?filename={name}", body)
    assert answer.status in ((200, 201) if status == 201 else (status,)), answer


def test_pixels_are_not_called_a_drawing(plain_server, plain, seed):
    data = media.jpeg(seed)
    answer = plain("POST", f"{RAW}?filename=x.svg", data)
    said = stored(plain_server, answer.json()["id"], data)
    assert (said["originalFileName"], said["originalMimeType"]) == ("x.jpg", "image/jpeg")


def test_a_single_flag_is_a_dictionary(plain, seed):
    data = media.jpeg(seed)
    answer = plain("POST", "/api/upload", data, f"Repr-Digest: sha=:{base64_sha1(data)}:", "X-Immich-Asset-Data: is-favorite")
    assert answer.status == 200, answer


# MARK: Around


def test_the_preflight_allows_every_field_that_a_door_reads(plain):
    answer = plain("OPTIONS", RAW, b"", "Origin: https://a.example", "Access-Control-Request-Method: PUT", key=None)
    allowed = {name.strip().lower() for name in answer.header("Access-Control-Allow-Headers").split(",")}
    assert {"x-filename", "x-filecreatedat", "x-file-created-at", "x-is-favorite", "x-live-photo-video-id", "x-checksum",
            "x-immich-checksum", "last-modified", "content-disposition", "repr-digest"} <= allowed


FORGED = ["X-Forwarded-Host: evil.example", "X-Forwarded-Proto: https", "Forwarded: host=evil.example;proto=https"]


@pytest.mark.parametrize("target", [RESOURCE, RAW, "/api/assets/background", "/api/upload"])
def test_an_address_is_never_made_of_what_a_request_says_of_its_host(plain_server, target):
    data = media.jpeg(f"forged {target}")
    speaker = Draft(plain_server, plain_server.key)
    fields = [f"Repr-Digest: sha=:{base64_sha1(data)}:"]
    head = speaker.creation(1, *fields, *FORGED, complete=False, target=target).replace(b"nightstand.test", b"evil.example")
    answer = speaker.exchange(head + data[:1])
    assert answer.status == 201 and answer.header("Location").startswith("/api/"), answer.fields
    tus = Tus(plain_server, plain_server.key)
    created = tus.request("POST", Upload_Length=5, host="evil.example", X_Forwarded_Host="evil.example")
    assert created.header("location").startswith(f"{RESOURCE}/"), created.fields


def test_public_url_makes_addresses_absolute(launch):
    """Below a path that a proxy puts in front, too; and what is absolute is understood where parts are named."""
    front = "https://photos.example/below"
    server = launch("--public-url", front, founded=True)
    session = client.session(server)
    server.key = client.api_key(session).fields["x_api_key"]
    session.close()
    tus, speaker, data = Tus(server, server.key), Draft(server, server.key), media.mov("public", 20_000)
    parts = []
    for half in (data[:9000], data[9000:]):
        parts.append(tus.create(len(half), Upload_Concat="partial"))
        assert parts[-1].startswith(f"{front}{RESOURCE}/")
        assert tus.append(parts[-1].removeprefix(front), 0, half).status == 204
    joined = tus.request("POST", Upload_Concat="final;" + " ".join(parts))
    assert joined.status == 201 and joined.header("location").startswith(f"{front}{RESOURCE}/")
    stored(server, joined.header("x-asset-id"), data)
    answer = speaker.create(b"x", complete=False)
    told = {each.header("Location") for each in [*answer.informational, answer]}
    assert len(told) == 1 and told.pop().startswith(f"{front}{RESOURCE}/") and answer.interim == [104]
    answer = speaker.create(b"x", f"Repr-Digest: sha=:{base64_sha1(b'xy')}:", complete=False, target="/api/upload")
    assert answer.header("Location").startswith(f"{front}/api/upload/")


def test_the_log_keeps_addresses_of_uploads_to_itself(launch):
    """Who reads the log could go on with an upload, or end it."""
    server = launch("--log-level", "debug", founded=True)
    session = client.session(server)
    key = client.api_key(session).fields["x_api_key"]
    tus = Tus(server, key)
    url = tus.create(1000)
    token = url.rsplit("/", 1)[1]
    assert tus.append(url, 5, b"x").status == 409
    assert tus.request("PUT", url, b"x").status == 405
    assert tus.request("GET", f"{url}/more").status == 404
    assert Tus(server, "wrong").status(url).status == 401
    server.stop()
    log = server.log.read_text()
    assert "409" in log and token not in log
