"""tus 1.0.0, row by row: C1 to C18 are the core, X1 to X32 the extensions. Raw sockets, so that nothing hides.

A row's number is the test's name. Where the specification leaves a choice, the test holds Nightstand to its own.
"""

import email.utils
import hashlib
import time
import zlib
from base64 import b64encode, urlsafe_b64decode

import pytest

from harness import catalog, client, media
from harness.client import sha1
from harness.process import until
from harness.tus import MEDIA, RESOURCE, Tus, holds_none, holds_one, metadata, parse_metadata
from harness.wire import exchange

UNKNOWN = f"{RESOURCE}/{'A' * 43}"
GONE = (404, 410)


@pytest.fixture
def tus(plain_server):
    return Tus(plain_server, plain_server.key)


def photo(seed, size=20_000):
    return media.mov(f"tus {seed}", size)


@pytest.fixture
def data(request):
    """Bytes of the test's own."""
    return photo(request.node.name)


def nothing_created(tus):
    """A snapshot of the open uploads; call it again to assert that none came."""
    before = {upload["id"] for upload in listed(tus)}

    def check():
        assert {upload["id"] for upload in listed(tus)} <= before, "an upload was created"

    return check


def receiving(tus, url):
    """Waits until the server has the head of a PATCH that was sent: before, another request cannot take over from it."""
    token = url.rsplit("/", 1)[1]
    until(lambda: any(upload["isReceiving"] for upload in listed(tus) if upload["id"] == token), what="the PATCH has begun")


def listed(tus):
    return tus.open_uploads()


def checksum(algorithm, data):
    digest = {
        "sha1": lambda: sha1(data).digest(),
        "sha256": lambda: hashlib.sha256(data).digest(),
        "crc32": lambda: zlib.crc32(data).to_bytes(4, "big"),
    }[algorithm]()
    return f"{algorithm} {b64encode(digest).decode()}"


# MARK: Core


def test_c01_version_field_on_every_answer(tus, data):
    """`Tus.request` asserts the field itself on everything but OPTIONS; here is one of each status."""
    url = tus.create(len(data))
    statuses = [
        tus.status(url).status, tus.status(UNKNOWN).status, tus.append(url, 0, data[:10]).status,
        tus.append(url, 3, data[:10]).status, tus.append(url, "x", b"a").status,
        tus.append(url, 10, b"a", Content_Type="text/plain").status, tus.append(UNKNOWN, 0, b"a").status,
        tus.append(url, 10, data, length=len(data)).status, tus.request("POST").status,
        tus.request("POST", Upload_Length=5, version="0.2.2").status,
        Tus(tus.server, "no such key").request("POST", Upload_Length=5).status,
        tus.append(url, 10, b"abc", Upload_Checksum=checksum("sha1", b"abd")).status,
        tus.delete(url).status, tus.delete(url).status]
    assert set(statuses) >= {204, 400, 401, 409, 412, 413, 415, 460}, statuses


@pytest.mark.parametrize("version", ["0.2.2", "1.0.1", "2.0.0", "1", "x"])
def test_c02_another_version_is_refused_and_changes_nothing(tus, data, version):
    check = nothing_created(tus)
    answer = tus.request("POST", Upload_Length=len(data), version=version)
    assert answer.status == 412 and answer.header("tus-version") == "1.0.0", answer
    check()
    url = tus.create(len(data))
    tus.append(url, 0, data[:100])
    for answer in (tus.append(url, 100, data[100:], version=version), tus.delete(url, version=version)):
        assert answer.status == 412 and answer.header("tus-version") == "1.0.0", answer
    assert tus.offset(url) == 100
    tus.delete(url)


def test_c02_no_version_is_refused_where_the_request_is_tus(tus, data):
    check = nothing_created(tus)
    answer = tus.request("POST", Upload_Length=len(data), Upload_Metadata=metadata(filename="a.jpg"), version=None)
    assert answer.status == 412 and answer.header("tus-version") == "1.0.0", answer
    check()
    url = tus.create(len(data))
    answer = tus.append(url, 0, data[:100], version=None)
    assert answer.status == 412 and answer.header("tus-version") == "1.0.0", answer
    assert tus.offset(url) == 0
    tus.delete(url)


def test_c03_head_needs_no_version(tus, data):
    url = tus.create(len(data))
    tus.append(url, 0, data[:7])
    answer = tus.status(url, version=None)
    assert answer.status in (200, 204) and answer.header("upload-offset") == "7"
    tus.delete(url)


def test_c04_head_tells_offset_and_length_from_the_first_to_after_the_last_byte(tus, data):
    url = tus.create(len(data))
    for offset in (0, 1, len(data)):
        if offset:
            start = tus.offset(url)
            assert tus.append(url, start, data[start:offset]).status == 204
        with tus.wire() as wire:
            answer = wire.send(tus.head("HEAD", url)).answer("HEAD")
            assert answer.status in (200, 204)
            assert answer.all("upload-offset") == [str(offset)]
            assert answer.all("upload-length") == [str(len(data))]
            assert answer.header("upload-defer-length") is None
            assert "no-store" in answer.header("cache-control")
            # Had HEAD a body, the next answer would begin in it.
            assert wire.send(tus.head("HEAD", url)).answer("HEAD").status == answer.status


@pytest.mark.parametrize("path", [UNKNOWN, f"{RESOURCE}/short", f"{RESOURCE}/{'!' * 43}", f"{RESOURCE}/{'A' * 44}"])
def test_c05_head_of_an_unknown_upload(tus, path):
    with tus.wire() as wire:
        answer = wire.send(tus.head("HEAD", path)).answer("HEAD")
        assert answer.status in GONE, answer
        assert answer.header("upload-offset") is None
        assert wire.send(tus.head("HEAD", path)).answer("HEAD").status == answer.status, "HEAD had a body"


@pytest.mark.parametrize("kind", [None, "application/octet-stream", "text/plain", "image/jpeg", "application/offset"])
def test_c06_patch_of_another_media_type(tus, data, kind):
    url = tus.create(len(data))
    answer = tus.append(url, 0, data[:10], Content_Type=kind)
    assert answer.status == 415, answer
    assert tus.offset(url) == 0
    tus.delete(url)


@pytest.mark.parametrize("kind", ["Application/Offset+Octet-Stream", f"{MEDIA}; charset=utf-8", f"{MEDIA};x=\"y\""])
def test_c06_case_and_parameters_of_the_media_type_do_not_matter(tus, data, kind):
    url = tus.create(len(data))
    assert tus.append(url, 0, data[:10], Content_Type=kind).status == 204
    tus.delete(url)


@pytest.mark.parametrize("offset", [
    None, "", "-1", "+5", "5.0", "0x5", "abc", "5 5", "0, 0", "1e3", "١", str(1 << 63), "9" * 30])
def test_c07_offsets_that_are_none(tus, data, offset):
    url = tus.create(len(data))
    assert tus.append(url, 0, data[:5]).status == 204
    if offset == "١":
        with tus.wire() as wire:
            head = tus.head("PATCH", url, length=1, Content_Type=MEDIA, Upload_Offset="OFFSET")
            answer = wire.send(head.replace(b"OFFSET", "١".encode()) + b"x").answer()
    else:
        answer = tus.append(url, offset, data[5:10])
    assert answer.status == 400, answer
    assert tus.offset(url) == 5
    tus.delete(url)


@pytest.mark.parametrize("offset", [0, 4, 6, 20_000, (1 << 32) + 5, (1 << 63) - 1])
def test_c08_another_offset_is_a_conflict(tus, data, offset):
    url = tus.create(len(data))
    assert tus.append(url, 0, data[:5]).status == 204
    answer = tus.append(url, offset, data[5:10])
    assert answer.status == 409 and answer.header("upload-offset") == "5", answer
    assert tus.offset(url) == 5
    tus.delete(url)


@pytest.mark.parametrize("chunked", [False, True])
def test_c09_patch_tells_the_new_offset(tus, resident, chunked):
    data = photo(f"c09 {chunked}")
    url = tus.create(len(data), Upload_Metadata=metadata(filename="c09.mov"))
    steps = [0, 1, 2, 4095, 4096, 4097, 19_999, len(data)]
    for start, end in zip(steps, steps[1:]):
        answer = tus.append(url, start, data[start:end], chunked=chunked)
        assert answer.status == 204 and answer.header("upload-offset") == str(end), answer
        assert answer.body == b""
    asset = holds_one(resident, data)
    assert answer.header("x-asset-id") == asset and answer.header("x-asset-status") == "created"
    assert resident.get(f"/api/assets/{asset}").json()["originalFileName"] == "c09.mov"


def test_c10_patch_of_an_unknown_upload(tus):
    assert tus.append(UNKNOWN, 0, b"abc").status in GONE


@pytest.mark.parametrize("ending", ["close", "reset", "takeover"])
@pytest.mark.parametrize("cut", [0, 1, 4095, 4096, 19_998])
@pytest.mark.parametrize("chunked", [False, True])
def test_c11_an_interrupted_patch_keeps_what_arrived(tus, resident, chunked, cut, ending):
    data = photo(f"c11 {chunked} {cut} {ending}")
    url = tus.create(len(data))
    assert tus.append(url, 0, data[:1]).status == 204
    body = data[1 : 1 + cut]
    with tus.wire() as wire:
        wire.send(tus.head("PATCH", url, length=len(data) - 1, chunked=chunked, Content_Type=MEDIA, Upload_Offset=1))
        # A chunk that is announced and not finished: its bytes count.
        wire.send((b"%x\r\n" % (len(data) - 1) if chunked else b"") + body)
        if ending == "close":
            wire.half_close()
            wire.gone()
            assert tus.offset(url) == 1 + cut, "a clean end loses nothing"
        else:
            receiving(tus, url)
            if ending == "reset":
                wire.reset()
        offset = tus.offset(url)
        assert 1 <= offset <= 1 + cut
        answer = tus.append(url, offset, data[offset:])
    assert answer.status == 204 and answer.header("upload-offset") == str(len(data)), answer
    holds_one(resident, data)


def test_c12_a_patch_beyond_the_length_is_refused_before_its_body(tus, data):
    url = tus.create(len(data))
    tus.append(url, 0, data[:10])
    with tus.wire() as wire:
        answer = wire.send(tus.head("PATCH", url, length=len(data) - 9, Content_Type=MEDIA, Upload_Offset=10)).answer()
        assert answer.status == 413, answer
    assert tus.offset(url) == 10
    tus.delete(url)


def test_c13_a_chunked_patch_beyond_the_length_is_stopped(tus, resident, data):
    url = tus.create(len(data))
    tus.append(url, 0, data[:10])
    with tus.wire() as wire:
        wire.send(tus.head("PATCH", url, chunked=True, Content_Type=MEDIA, Upload_Offset=10))
        more = data[10:] + b"and more" * 100
        # The body's end does not come: the rest of the connection could not be told from it.
        wire.send(b"%x\r\n%s\r\n" % (len(more), more))
        assert wire.answer().status in (400, 413)
        wire.gone()
    after = tus.status(url)
    assert after.status in GONE or int(after.header("upload-offset") or 0) <= len(data)
    holds_none(resident, data + b"and more" * 100)


def test_c14_an_empty_patch_of_a_complete_upload_repeats_the_answer(tus, resident, data):
    url = tus.create(len(data))
    first = tus.append(url, 0, data)
    before = resident.count()
    for _ in range(3):
        again = tus.append(url, len(data))
        assert again.status == 204 and again.header("upload-offset") == str(len(data)), again
        for name in ("x-asset-id", "x-asset-status", "repr-digest", "content-location"):
            assert first.header(name) and again.header(name) == first.header(name)
    assert resident.count() == before
    looked = tus.status(url)
    assert looked.header("x-asset-id") == first.header("x-asset-id")
    assert first.header("repr-digest") == f"sha=:{client.base64_sha1(data)}:"
    holds_one(resident, data)


@pytest.mark.parametrize("path", [RESOURCE, f"{RESOURCE}/", UNKNOWN])
def test_c15_options_tells_what_is_there_to_anybody(tus, path):
    stranger = Tus(tus.server)
    for version in ("1.0.0", "7.7", None):
        answer = stranger.request("OPTIONS", path, version=version)
        assert answer.status in (200, 204), answer
        assert answer.header("tus-version") == "1.0.0"
        assert set(answer.header("tus-extension").split(",")) == {
            "creation", "creation-with-upload", "creation-defer-length", "termination", "expiration", "checksum",
            "concatenation"}
        assert int(answer.header("tus-max-size")) >= 1 << 32
        assert "sha1" in answer.header("tus-checksum-algorithm").split(",")


def test_c16_method_override(tus, resident, data):
    url = tus.create(len(data))
    answer = tus.request("POST", url, data[:10], X_HTTP_Method_Override="PATCH", Content_Type=MEDIA, Upload_Offset=0)
    assert answer.status == 204 and answer.header("upload-offset") == "10", answer
    with tus.wire() as wire:
        answer = wire.send(tus.head("POST", url, X_HTTP_Method_Override="HEAD")).answer()
        assert answer.status in (200, 204) and answer.header("upload-offset") == "10" and answer.body == b""
        assert wire.send(tus.head("HEAD", url)).answer("HEAD").header("upload-offset") == "10"
    # A real method is not overridden.
    answer = tus.append(url, 10, data[10:20], X_HTTP_Method_Override="DELETE")
    assert answer.status == 204 and tus.offset(url) == 20
    assert tus.request("POST", url, X_HTTP_Method_Override="DELETE").status == 204
    assert tus.status(url).status in GONE
    assert tus.request("POST", UNKNOWN, X_HTTP_Method_Override="PATCH", Content_Type=MEDIA, Upload_Offset=0).status in GONE


@pytest.mark.parametrize("length", [(1 << 31) + 1, (1 << 32) + 1])
def test_c17_lengths_beyond_32_bits(tus, data, length):
    url = tus.create(length)
    answer = tus.append(url, 0, data[:10])
    assert answer.status == 204
    assert tus.status(url).header("upload-length") == str(length)
    assert tus.append(url, length - 1, b"x").status == 409
    with tus.wire() as wire:  # the announced count is fine, one more is not
        wire.send(tus.head("PATCH", url, length=length - 9, Content_Type=MEDIA, Upload_Offset=10))
        assert wire.answer().status == 413
    assert tus.offset(url) == 10
    assert tus.delete(url).status == 204


@pytest.mark.parametrize("number", [1 << 63, (1 << 64) + 5, 10**40])
def test_c17_numbers_beyond_63_bits_are_none(tus, data, number):
    assert tus.request("POST", Upload_Length=number).status == 400
    url = tus.create(len(data))
    assert tus.append(url, number, b"x").status == 400
    assert tus.offset(url) == 0
    tus.delete(url)
    assert tus.request("POST", Upload_Length=(1 << 63) - 1).status == 413


def test_c18_a_stalled_body_is_closed_and_kept(launch):
    server = launch("--stall-timeout", "1", founded=True)
    someone = client.api_key(client.session(server))
    tus = Tus(server, someone.fields["x_api_key"])
    data = photo("c18")
    url = tus.create(len(data))
    with tus.wire() as wire:
        wire.send(tus.head("PATCH", url, length=len(data), Content_Type=MEDIA, Upload_Offset=0) + data[:12_345])
        wire.gone(limit=10)
    assert tus.offset(url) == 12_345
    assert tus.append(url, 12_345, data[12_345:]).status == 204
    holds_one(someone, data)


# MARK: Creation


@pytest.mark.parametrize("path", [RESOURCE, f"{RESOURCE}/"])
def test_x01_creation(tus, data, path):
    answer = tus.request("POST", path, Upload_Length=len(data))
    assert answer.status == 201 and answer.header("location").startswith(f"{RESOURCE}/"), answer
    assert len(answer.header("location")) == len(RESOURCE) + 1 + 43, "256 bits that nobody guesses"
    assert tus.offset(answer.header("location")) == 0
    tus.delete(answer.header("location"))


@pytest.mark.parametrize("fields", [{}, {"Upload_Length": 10, "Upload_Defer_Length": 1}])
def test_x02_one_of_length_and_deferred_length(tus, fields):
    check = nothing_created(tus)
    assert tus.request("POST", **fields).status == 400
    check()


@pytest.mark.parametrize("length", ["-1", "abc", "", "+5", "5.0", "0x10", "5, 5", ["5", "6"]])
def test_x03_lengths_that_are_none(tus, length):
    check = nothing_created(tus)
    assert tus.request("POST", Upload_Length=length).status == 400
    check()


def test_x04_more_than_the_largest(tus):
    check = nothing_created(tus)
    largest = int(tus.request("OPTIONS").header("tus-max-size"))
    assert tus.request("POST", Upload_Length=largest + 1).status == 413
    check()


def test_x05_an_empty_file_is_refused(tus):
    check = nothing_created(tus)
    assert tus.request("POST", Upload_Length=0).status == 400
    check()


def test_x06_metadata_is_kept_verbatim(tus, data):
    sent = metadata(filename="Grün 日本 🌅.jpg", filetype="image/jpeg", flag=None, empty="", own="x\0\n\r")
    url = tus.create(len(data), Upload_Metadata=sent)
    for offset in (0, 10):
        kept = parse_metadata(tus.status(url).header("upload-metadata"))
        assert {key: value or None for key, value in kept.items()} == {
            key: value or None for key, value in parse_metadata(sent).items()}
        tus.append(url, 0, data[:10])
    tus.delete(url)


def test_x06_no_metadata_at_all(tus, data):
    """tuspy sends the field empty where there is nothing to say."""
    for sent in (None, ""):
        url = tus.create(len(data), Upload_Metadata=sent)
        assert not tus.status(url).header("upload-metadata")
        tus.delete(url)


@pytest.mark.parametrize("sent", [
    "filename !!!", "filename YQ", "filename YQ=", "filename Y Q==", "a YQ==,a Yg==", "a YQ==,,b Yg==", "a YQ==,a"])
def test_x07_bad_metadata(tus, sent):
    check = nothing_created(tus)
    assert tus.request("POST", Upload_Length=10, Upload_Metadata=sent).status == 400
    check()


@pytest.mark.parametrize("index, name", list(enumerate([
    "../../../etc/passwd", "/etc/passwd", "a\0b.jpg", "a\r\nX-Evil: 1.jpg", "..", ".", "a/../../b.jpg", "\\..\\x.jpg",
    b"\xff\xfe.jpg", "x" * 5000 + ".jpg", "\u202egpj.exe"])))
def test_x08_a_name_is_only_data(tus, resident, index, name):
    data = photo(f"x08 {index}")
    url = tus.create(len(data), Upload_Metadata=metadata(filename=name))
    answer = tus.append(url, 0, data)
    assert answer.status == 204 and answer.header("x-evil") is None, answer
    holds_one(resident, data)
    assert tus.status(url).header("x-evil") is None
    for stored in catalog.rows(tus.server.data):
        key = stored["key"].decode()
        assert ".." not in key.split("/") and not key.startswith("/") and "\0" not in key
        assert (tus.server.data / "originals" / key).is_file()
    assert "\nX-Evil" not in tus.server.log.read_text(errors="replace")


def test_x09_creation_with_the_first_bytes(tus, resident, data):
    answer = tus.request("POST", body=data[:100], Upload_Length=len(data), Content_Type=MEDIA)
    assert answer.status == 201 and answer.header("upload-offset") == "100", answer
    url = answer.header("location")
    assert tus.offset(url) == 100
    assert tus.append(url, 100, data[100:]).status == 204
    holds_one(resident, data)


@pytest.mark.parametrize("chunked", [False, True])
def test_x09_creation_with_everything(tus, resident, chunked):
    data = photo(f"x09 {chunked}")
    answer = tus.request("POST", body=data, chunked=chunked, Upload_Length=len(data), Content_Type=MEDIA)
    assert answer.status == 201 and answer.header("upload-offset") == str(len(data)), answer
    assert answer.header("x-asset-id") == holds_one(resident, data)
    assert tus.offset(answer.header("location")) == len(data)


def test_x09_creation_with_more_than_announced(tus, data):
    check = nothing_created(tus)
    with tus.wire() as wire:
        wire.send(tus.head("POST", RESOURCE, length=len(data) + 1, Upload_Length=len(data), Content_Type=MEDIA))
        assert wire.answer().status == 413
    check()


@pytest.mark.parametrize("kind", ["image/jpeg", "application/octet-stream"])
def test_x10_another_body_does_not_count(tus, data, kind):
    with tus.wire() as wire:
        wire.send(tus.head("POST", RESOURCE, length=500, Upload_Length=len(data), Content_Type=kind) + data[:500])
        answer = wire.answer()
        assert answer.status == 201, answer
        if (answer.header("connection") or "").lower() != "close":
            looked = wire.send(tus.head("HEAD", answer.header("location"))).answer("HEAD")
            assert looked.status in (200, 204), "the body was taken for the next request"
    assert tus.offset(answer.header("location")) == 0
    tus.delete(answer.header("location"))


def test_x11_a_creation_that_is_cut_leaves_an_upload_that_can_be_found(tus, data):
    before = {upload["id"] for upload in listed(tus)}
    with tus.wire() as wire:
        wire.send(tus.head("POST", RESOURCE, length=len(data), Upload_Length=len(data), Content_Type=MEDIA) + data[:5000])
        wire.half_close()
        wire.gone()
    found = until(lambda: [upload for upload in listed(tus) if upload["id"] not in before], what="the upload is listed")
    assert len(found) == 1
    # An address is a secret; the owner's list gives it, so that the owner can go on or cancel.
    url = f"{RESOURCE}/{found[0]['id']}"
    assert tus.offset(url) == 5000
    assert tus.delete(url).status == 204


def test_x12_expect_100_continue(tus, resident, data):
    def ask(method, target, **fields):
        with tus.wire() as wire:
            wire.send(tus.head(method, target, Expect="100-continue", Content_Type=MEDIA, **fields))
            wire.socket.settimeout(10)
            while b"\r\n\r\n" not in wire.pending:
                assert wire._more()
            if not wire.pending.startswith(b"HTTP/1.1 100"):
                return wire.answer()
            yielded.append(100)
            body = data[100:] if method == "PATCH" else data[:100]
            answer = wire.send(body).answer()
            assert answer.interim == [100]
            return answer

    yielded = []
    answer = ask("POST", RESOURCE, Upload_Length=len(data), length=100)
    assert answer.status == 201 and yielded == [100]
    url = answer.header("location")
    rest = len(data) - 100
    for expected, fields in (
        (409, {"Upload_Offset": 7, "length": rest}), (413, {"Upload_Offset": 100, "length": rest + 1}),
        (400, {"Upload_Offset": "x", "length": rest}), (412, {"Upload_Offset": 100, "length": rest, "version": "0.1"})):
        yielded.clear()
        assert ask("PATCH", url, **fields).status == expected
        assert not yielded, "a body was asked for that nobody wanted"
    assert ask("PATCH", UNKNOWN, Upload_Offset=0, length=5).status in GONE and not yielded
    assert ask("POST", RESOURCE, Upload_Length=10, length=11).status == 413 and not yielded
    assert ask("PATCH", url, Upload_Offset=100, length=rest).status == 204 and yielded == [100]
    holds_one(resident, data)


# MARK: Deferred length


def test_x13_creation_without_length(tus):
    url = tus.create(Upload_Defer_Length=1)
    answer = tus.status(url)
    assert answer.header("upload-defer-length") == "1" and answer.header("upload-length") is None
    assert answer.header("upload-offset") == "0"
    tus.delete(url)


@pytest.mark.parametrize("value", ["0", "2", "true", "", "01", "1, 1"])
def test_x14_deferred_length_is_1_or_an_error(tus, value):
    check = nothing_created(tus)
    assert tus.request("POST", Upload_Defer_Length=value).status == 400
    check()


def test_x15_the_length_comes_later(tus, resident, data):
    url = tus.create(Upload_Defer_Length=1)
    assert tus.append(url, 0, data[:1000]).status == 204
    for wrong, status in ((999, 400), ("x", 400), (-1, 400), (1 << 62, 413)):
        assert tus.append(url, 1000, b"", Upload_Length=wrong).status == status, wrong
        assert tus.status(url).header("upload-defer-length") == "1"
        assert tus.offset(url) == 1000
    assert tus.append(url, 1000, data[1000:2000], Upload_Length=len(data)).status == 204
    looked = tus.status(url)
    assert looked.header("upload-length") == str(len(data)) and looked.header("upload-defer-length") is None
    assert tus.append(url, 2000, b"", Upload_Length=len(data) + 1).status == 400
    # The same once more is no contradiction.
    assert tus.append(url, 2000, data[2000:3000], Upload_Length=len(data)).status == 204
    assert tus.append(url, 3000, data[3000:]).status == 204
    holds_one(resident, data)


def test_x15_the_length_comes_with_the_last_bytes(tus, resident, data):
    """As tus-js-client does."""
    url = tus.create(Upload_Defer_Length=1)
    assert tus.append(url, 0, data[:15_000], chunked=True).status == 204
    assert tus.append(url, 15_000, data[15_000:], chunked=True, Upload_Length=len(data)).status == 204
    holds_one(resident, data)


def test_x16_the_length_comes_with_an_empty_patch(tus, resident, data):
    url = tus.create(Upload_Defer_Length=1)
    assert tus.append(url, 0, data).status == 204
    holds_none(resident, data)
    answer = tus.append(url, len(data), b"", Upload_Length=len(data))
    assert answer.status == 204 and answer.header("x-asset-status") == "created", answer
    holds_one(resident, data)


# MARK: Expiration


def test_x17_when_it_expires(tus, data):
    created = tus.request("POST", Upload_Length=len(data))
    url = created.header("location")
    for answer in (created, tus.append(url, 0, data[:10]), tus.status(url)):
        value = answer.header("upload-expires")
        at = email.utils.parsedate_to_datetime(value)
        assert value == email.utils.format_datetime(at, usegmt=True), f"not an IMF-fixdate: {value}"
        assert abs(at.timestamp() - time.time() - 7 * 86_400) < 120
    tus.delete(url)


def test_x18_after_its_time(launch):
    server = launch(founded=True)
    someone = client.api_key(client.session(server))
    tus = Tus(server, someone.fields["x_api_key"])
    data = photo("x18")
    url, other = tus.create(len(data)), tus.create(len(data))
    assert tus.append(url, 0, data[:10]).status == 204
    server.stop()
    expire(server, url)
    server.start()
    for answer in (tus.status(url), tus.append(url, 10, data[10:]), tus.delete(url)):
        assert answer.status == 410 and answer.header("upload-offset") is None, answer
    assert [f"{RESOURCE}/{upload['id']}" for upload in listed(tus)] == [other]
    holds_none(someone, data)
    assert tus.delete(other).status == 204
    until(lambda: catalog.staged(server.data) == [], what="the bytes of what expired are gone")


def token(url):
    return urlsafe_b64decode(url.rsplit("/", 1)[1] + "=")


def expire(server, url):
    """Moves the upload's time into the past, behind the stopped server's back."""
    with catalog.opened(server.data, write=True) as database:
        done = database.execute("UPDATE upload SET expires_at = 1000 WHERE token = ?", (token(url),))
        assert done.rowcount == 1


# MARK: Checksum


@pytest.mark.parametrize("algorithm", ["sha1", "sha256", "crc32"])
@pytest.mark.parametrize("chunked", [False, True])
def test_x19_checksums_that_fit(tus, resident, algorithm, chunked):
    data = photo(f"x19 {algorithm} {chunked}")
    url = tus.create(len(data))
    for start, end in ((0, 5), (5, 10_000), (10_000, len(data))):
        part = data[start:end]
        answer = tus.append(url, start, part, chunked=chunked, Upload_Checksum=checksum(algorithm, part))
        assert answer.status == 204 and answer.header("upload-offset") == str(end), answer
    holds_one(resident, data)


@pytest.mark.parametrize("algorithm", ["sha1", "sha256", "crc32"])
def test_x20_a_checksum_that_does_not_fit(tus, resident, algorithm):
    data = photo(f"x20 {algorithm}", 700_000)
    url = tus.create(len(data))
    tus.append(url, 0, data[:100])
    for end in (200, len(data)):
        wrong = b"#" * (end - 100)
        answer = tus.append(url, 100, wrong, Upload_Checksum=checksum(algorithm, data[100:end]))
        assert answer.status == 460 and answer.reason == "Checksum Mismatch", (answer, answer.reason)
        assert tus.offset(url) == 100
    assert tus.append(url, 100, data[100:], Upload_Checksum=checksum(algorithm, data[100:])).status == 204
    holds_one(resident, data)


@pytest.mark.parametrize("value", [
    "md5 " + b64encode(bytes(16)).decode(), "sha1", "sha1 ", "sha1 !!!", "sha1 YQ==", "SHA1x " + b64encode(bytes(20)).decode(),
    "sha256 " + b64encode(bytes(20)).decode(), b64encode(bytes(20)).decode(), ""])
def test_x21_checksums_that_are_none(tus, data, value):
    url = tus.create(len(data))
    tus.append(url, 0, data[:100])
    assert tus.append(url, 100, data[100:200], Upload_Checksum=value).status == 400
    assert tus.offset(url) == 100
    tus.delete(url)


@pytest.mark.parametrize("ending", ["close", "reset", "takeover"])
def test_x22_an_interrupted_part_with_a_checksum_counts_nothing(tus, resident, ending):
    data = photo(f"x22 {ending}", 3_000_000)
    url = tus.create(len(data))
    tus.append(url, 0, data[:100])
    with tus.wire() as wire:
        wire.send(tus.head("PATCH", url, length=len(data) - 100, Content_Type=MEDIA, Upload_Offset=100,
                           Upload_Checksum=checksum("sha1", data[100:])) + data[100:2_500_000])
        if ending == "close":
            wire.half_close()
            wire.gone()
        else:
            receiving(tus, url)
            if ending == "reset":
                wire.reset()
        assert tus.offset(url) == 100
        assert tus.append(url, 100, data[100:]).status == 204
    holds_one(resident, data)


@pytest.mark.parametrize("restarts", [False, True])
def test_x22_no_checkpoint_within_a_part_with_a_checksum(server, admin, restarts):
    """Long enough for several checkpoints: none may acknowledge bytes that nobody has verified, not even for a crash."""
    tus, data = Tus(server, admin.fields["x_api_key"]), photo("x22 checkpoint", 48 << 20)
    url = tus.create(len(data))
    assert tus.append(url, 0, data[:100]).status == 204

    def row():
        with catalog.opened(server.data) as database:
            return database.execute("SELECT staged, offset FROM upload WHERE token = ?", (token(url),)).fetchone()

    with tus.wire() as wire:
        wire.send(tus.head("PATCH", url, length=len(data) - 100, Content_Type=MEDIA, Upload_Offset=100,
                           Upload_Checksum=checksum("sha1", data[100:])) + data[100:-1])
        until(lambda: sum((server.data / "staging" / name).stat().st_size for name in catalog.staged(server.data)) > 40 << 20,
              30, "most of it is written")
        assert row()["offset"] == 100
        if restarts:
            server.kill()
            server.start()
        assert tus.offset(url) == 100 and row()["offset"] == 100
    assert tus.append(url, 100, data[100:], Upload_Checksum=checksum("sha1", data[100:])).status == 204
    holds_one(admin, data)


def test_x23_the_algorithms(tus):
    offered = tus.request("OPTIONS").header("tus-checksum-algorithm").split(",")
    assert offered[0] == "sha1" and set(offered) == {"sha1", "sha256", "crc32"}


def test_x24_trailers_are_ignored(tus, resident, data):
    assert "checksum-trailer" not in tus.request("OPTIONS").header("tus-extension")
    url = tus.create(len(data))
    with tus.wire() as wire:
        wire.send(tus.head("PATCH", url, chunked=True, Content_Type=MEDIA, Upload_Offset=0, Trailer="Upload-Checksum"))
        wire.send(b"%x\r\n%s\r\n0\r\nUpload-Checksum: %s\r\n\r\n" % (len(data), data, checksum("sha1", b"other").encode()))
        assert wire.answer().status == 204
    holds_one(resident, data)


# MARK: Termination


@pytest.mark.parametrize("offset", [0, 10])
def test_x25_termination(tus, resident, offset):
    data = photo(f"x25 {offset}")
    url = tus.create(len(data))
    tus.append(url, 0, data[:offset])
    answer = tus.delete(url)
    assert answer.status == 204 and answer.body == b""
    for answer in (tus.status(url), tus.append(url, offset, data[offset:]), tus.delete(url)):
        assert answer.status in GONE and answer.header("upload-offset") is None, answer
    holds_none(resident, data)
    assert url.rsplit("/", 1)[1] not in {upload["id"] for upload in listed(tus)}


def test_x25_termination_of_a_finished_upload_keeps_the_photo(tus, resident, data):
    url = tus.create(len(data))
    tus.append(url, 0, data)
    assert tus.delete(url).status == 204
    assert tus.status(url).status in GONE
    holds_one(resident, data)


# MARK: Concatenation


def partial(tus, data, **fields):
    url = tus.create(len(data), Upload_Concat="partial", **fields)
    if data:
        assert tus.append(url, 0, data, Upload_Concat="partial").status == 204
    return url


def final(tus, *urls, **fields):
    return tus.request("POST", Upload_Concat="final;" + " ".join(urls), **fields)


def test_x26_a_partial_never_becomes_a_photo_by_itself(tus, resident, data):
    url = tus.create(len(data), Upload_Concat="partial")
    for offset, end in ((0, 10), (10, len(data))):
        looked = tus.status(url)
        assert looked.header("upload-concat") == "partial" and looked.header("upload-offset") == str(offset)
        answer = tus.append(url, offset, data[offset:end])
        assert answer.status == 204 and answer.header("x-asset-id") is None
    assert tus.offset(url) == len(data)
    holds_none(resident, data)
    assert tus.delete(url).status == 204


def test_x27_a_final_is_its_partials_in_order(tus, resident):
    data = photo("x27", 100_000)
    middle = data[30_000:50_000]
    whole = data[:30_000] + middle + middle + data[50_000:]
    one, two, three = partial(tus, data[:30_000]), partial(tus, middle), partial(tus, data[50_000:])
    absolute = f"http://127.0.0.1:{tus.server.port}{two}"
    sent = f"final;{one} {two} {absolute} {three}"
    answer = tus.request("POST", Upload_Concat=sent, Upload_Metadata=metadata(filename="x27.mov"))
    assert answer.status == 201, answer
    url = answer.header("location")
    assert answer.header("x-asset-id") == holds_one(resident, whole)
    looked = tus.status(url)
    assert looked.header("upload-length") == looked.header("upload-offset") == str(len(whole))
    assert looked.header("upload-concat") == sent


def test_x27_one_partial_alone(tus, resident, data):
    answer = final(tus, partial(tus, data))
    assert answer.status == 201, answer
    holds_one(resident, data)


def test_x28_finals_that_cannot_be(tus, add_user, data):
    one, two = partial(tus, data[:10_000]), partial(tus, data[10_000:])
    check = nothing_created(tus)
    assert final(tus, one, two, Upload_Length=len(data)).status == 400
    assert final(tus).status == 400
    assert tus.request("POST", Upload_Concat="final").status == 400
    assert tus.request("POST", Upload_Concat="neither").status == 400
    assert final(tus, one, UNKNOWN).status == 404
    assert final(tus, one, "/somewhere/else").status in (400, 404)
    assert final(tus, one, "http://[bad").status in (400, 404)
    assert tus.request("POST", body=b"bytes", Upload_Concat=f"final;{one} {two}", Content_Type=MEDIA).status == 403
    stranger = add_user(tus.server, email="x28@example.org")
    foreign = Tus(tus.server, client.api_key(stranger).fields["x_api_key"])
    assert final(foreign, one, two).status == 404
    check()
    assert tus.offset(one) == 10_000, "the partials are still there"
    assert final(tus, one, two).status == 201


def test_x29_a_final_over_an_unfinished_partial(tus, data):
    assert "concatenation-unfinished" not in tus.request("OPTIONS").header("tus-extension")
    one, two = partial(tus, data[:10_000]), tus.create(10_000, Upload_Concat="partial")
    tus.append(two, 0, data[10_000:10_010])
    check = nothing_created(tus)
    assert final(tus, one, two).status == 400
    plain = tus.create(10_000)
    check = nothing_created(tus)
    assert final(tus, one, plain).status in (400, 404), "an upload that is no partial"
    check()
    for url in (one, two, plain):
        tus.delete(url)


def test_x30_patch_of_a_final(tus, resident, data):
    url = final(tus, partial(tus, data)).header("location")
    for offset in (0, len(data)):
        assert tus.append(url, offset, b"x").status == 403
    looked = tus.status(url)
    assert looked.header("upload-offset") == str(len(data))
    holds_one(resident, data)


def test_x31_a_final_has_only_its_own_metadata(tus, resident, data):
    part = partial(tus, data, Upload_Metadata=metadata(filename="partial.mov"))
    answer = final(tus, part, Upload_Metadata=metadata(filename="final.mov", other=None))
    assert answer.status == 201
    assert parse_metadata(tus.status(answer.header("location")).header("upload-metadata")).keys() == {"filename", "other"}
    assert resident.get(f"/api/assets/{holds_one(resident, data)}").json()["originalFileName"] == "final.mov"
    lone = photo("x31 lone")
    answer = final(tus, partial(tus, lone, Upload_Metadata=metadata(filename="partial.mov")))
    assert not tus.status(answer.header("location")).header("upload-metadata")
    assert resident.get(f"/api/assets/{holds_one(resident, lone)}").json()["originalFileName"] != "partial.mov"


def test_x32_a_sum_beyond_the_largest(launch):
    """Two halves of more than half the largest: sparse files, made behind the stopped server's back."""
    server = launch(founded=True)
    someone = client.api_key(client.session(server))
    tus = Tus(server, someone.fields["x_api_key"])
    half = int(tus.request("OPTIONS").header("tus-max-size")) // 2 + 1
    url = partial(tus, b"x" * 100)
    server.stop()
    with catalog.opened(server.data, write=True) as database:
        database.execute("UPDATE upload SET length = ?, offset = ?, sha1_state = NULL WHERE token = ?", (half, half, token(url)))
        staged = database.execute("SELECT staged FROM upload WHERE token = ?", (token(url),)).fetchone()[0]
    with (server.data / "staging" / staged.decode()).open("r+b") as file:
        file.truncate(half)
    server.start()
    check = nothing_created(tus)
    assert final(tus, url, url).status == 413
    check()
    assert tus.delete(url).status == 204


# MARK: Beyond the table


def test_the_address_alone_is_enough_to_go_on(tus, resident, data):
    """A URLSession is not known to repeat credentials when it resumes. A wrong credential is still wrong."""
    url = tus.create(len(data))
    bearer = Tus(tus.server)
    assert bearer.offset(url) == 0
    assert Tus(tus.server, "not a key").append(url, 0, data[:5]).status in (401, 403, 404)
    assert bearer.append(url, 0, data[:5]).status == 204
    assert bearer.append(url, 5, data[5:]).status == 204
    holds_one(resident, data)
    assert bearer.request("POST", Upload_Length=5).status == 401
    assert bearer.request("GET", version=None).status == 401


def test_another_user_cannot_see_or_touch_it(tus, add_user, data):
    url = tus.create(len(data))
    tus.append(url, 0, data[:5])
    stranger = Tus(tus.server, client.api_key(add_user(tus.server, email="touch@example.org")).fields["x_api_key"])
    for answer in (stranger.status(url), stranger.append(url, 5, b"x"), stranger.delete(url)):
        assert answer.status in (403, 404), answer
    assert tus.offset(url) == 5
    assert all(upload["id"] != url.rsplit("/", 1)[1] for upload in listed(stranger))
    tus.delete(url)


def test_bytes_that_are_here_already_need_no_transfer(tus, resident, data):
    asset = resident.store(data, "known.mov")
    hexadecimal = sha1(data).hexdigest()
    answer = tus.request("POST", Upload_Length=len(data), Upload_Metadata=metadata(filename="again.mov", checksum=hexadecimal))
    assert answer.status == 201 and answer.header("upload-offset") == str(len(data)), answer
    assert answer.header("x-asset-id") == asset and answer.header("x-asset-status") == "duplicate"
    assert tus.offset(answer.header("location")) == len(data)
    assert tus.append(answer.header("location"), len(data)).status == 204


def test_bytes_that_are_not_what_was_announced(tus, resident, data):
    url = tus.create(len(data), Upload_Metadata=metadata(filename="wrong.mov", checksum=sha1(b"other").hexdigest()))
    answer = tus.append(url, 0, data)
    assert answer.status == 400, answer
    assert answer.header("x-asset-status") == "rejected"
    holds_none(resident, data)
    again = tus.append(url, len(data))
    assert 400 <= again.status < 500 and again.header("x-asset-id") is None


def test_bytes_that_are_no_photo(tus, resident):
    data = b"this is no picture at all\n" * 500
    url = tus.create(len(data), Upload_Metadata=metadata(filename="notes.txt"))
    answer = tus.append(url, 0, data)
    assert answer.status in (400, 415), answer
    assert answer.header("x-asset-status") == "rejected" and answer.header("x-asset-error")
    holds_none(resident, data)


def test_cors_is_asked_before_anybody_logs_in(tus):
    asked = ("Access-Control-Request-Method: PATCH\r\n"
             "Access-Control-Request-Headers: tus-resumable, upload-offset, upload-checksum, x-api-key, content-type\r\n")
    for path in (RESOURCE, UNKNOWN):
        answer = exchange(tus.server, (f"OPTIONS {path} HTTP/1.1\r\nHost: x\r\nOrigin: https://photos.example\r\n{asked}\r\n").encode())
        assert answer.status in (200, 204), answer
        assert answer.header("access-control-allow-origin") in ("https://photos.example", "*")
        assert "origin" in (answer.header("vary") or "").lower() or answer.header("access-control-allow-origin") == "*"
        methods = {word.strip() for word in answer.header("access-control-allow-methods").split(",")}
        assert methods >= {"POST", "PUT", "HEAD", "PATCH", "OPTIONS", "GET", "DELETE"}
        allowed = {word.strip().lower() for word in answer.header("access-control-allow-headers").split(",")}
        assert allowed >= {
            "authorization", "x-api-key", "content-type", "content-disposition", "x-requested-with", "x-request-id",
            "x-http-method-override", "tus-resumable", "upload-length", "upload-offset", "upload-metadata",
            "upload-defer-length", "upload-concat", "upload-checksum", "upload-complete", "upload-incomplete",
            "upload-draft-interop-version", "repr-digest", "content-digest", "want-repr-digest"}
        assert int(answer.header("access-control-max-age")) == 86_400


def test_cors_shows_what_a_browser_needs(tus, data):
    url = tus.create(len(data))
    answer = tus.status(url, Origin="https://photos.example")
    shown = {word.strip().lower() for word in answer.header("access-control-expose-headers").split(",")}
    assert shown >= {
        "location", "upload-offset", "upload-length", "upload-metadata", "upload-defer-length", "upload-concat",
        "upload-expires", "upload-complete", "upload-incomplete", "upload-limit", "upload-draft-interop-version",
        "tus-resumable", "tus-version", "tus-extension", "tus-max-size", "tus-checksum-algorithm", "repr-digest",
        "retry-after", "x-asset-id", "x-asset-status", "x-asset-error"}
    tus.delete(url)


def test_the_finished_upload_can_be_read_by_its_owner(tus, data):
    """tus-js-client's own end-to-end tests read what they stored."""
    url = tus.create(len(data))
    tus.append(url, 0, data)
    with tus.wire() as wire:
        answer = wire.send(tus.head("GET", url)).answer()
    assert answer.status == 200 and answer.body == data, answer
    assert Tus(tus.server).request("GET", url).status == 401, "a right to write is no right to read"
