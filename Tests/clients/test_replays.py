"""Uploads byte for byte as the clients send them that cannot run here, over raw sockets and in odd pieces.

The order of fields, the letter case of part headers, boundaries, file name escapes and framing are those of section
2.4 of the client contract.
"""

import json

import pytest

from harness import media, multipart
from harness.client import base64_sha1
from harness.wire import Wire

# One byte at a time, sizes that straddle every delimiter, and everything at once.
PIECES = [1, 13, 1021, 65536, None]


def request(server, body, boundary, *fields, chunks=None):
    lines = ["POST /api/assets HTTP/1.1", f"host: 127.0.0.1:{server.port}", f"x-api-key: {server.key}", *fields,
             f"content-type: multipart/form-data; boundary={boundary}"]
    if chunks:
        lines.append("Transfer-Encoding: chunked")
        body = multipart.chunked(body, chunks)
    else:
        lines.append(f"content-length: {len(body)}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + body


def send(server, data, piece):
    # TLS makes a record of about 80 bytes of each write: byte by byte stays with the heads there.
    with Wire(server) as wire:
        return wire.send(data, piece=piece).answer()


def stored(someone, answer, data, name):
    """The answer says created, and what was stored are these bytes under this name."""
    assert answer.status == 201, answer
    body = answer.json()
    assert body["status"] == "created"
    facts = someone.get(f"/api/assets/{body['id']}").json()
    assert facts["originalFileName"] == name
    assert facts["checksum"] == base64_sha1(data)
    assert someone.original(body["id"]).body == data
    return facts


def unique(label, piece, either, make=media.jpeg):
    return make(f"{label} {piece} {either.scheme}")


@pytest.mark.parametrize("piece", PIECES)
def test_the_app_in_the_foreground(either, someone, piece):
    """Dart: lower-case part headers, a boundary full of punctuation, all fields first, text parts with a coding."""
    data = unique("dart", piece, either)
    boundary = "dart-http-boundary-+_.xYz0123456789abcdefABCDEF'()_+-./:=?Q"
    parts = [
        multipart.Part([b'content-disposition: form-data; name="%s"' % name], value)
        for name, value in [
            (b"deviceAssetId", b"1000000033"), (b"deviceId", b"bd2e5a6ee30"),
            (b"fileCreatedAt", b"2024-07-05T13:14:15.123456Z"), (b"fileModifiedAt", b"2024-07-06T01:02:03.000Z"),
            (b"isFavorite", b"false"), (b"duration", b"0"),
        ]
    ]
    parts.append(multipart.Part(
        [b'content-disposition: form-data; name="metadata"', b"content-type: text/plain; charset=utf-8",
         b"content-transfer-encoding: binary"],
        json.dumps([{"key": "mobile-app", "value": {"iCloudId": "Köln"}}], ensure_ascii=False).encode()))
    name = "Grün %22x%22.jpg"
    parts.append(multipart.Part(
        [b"content-type: application/octet-stream",
         b'content-disposition: form-data; name="assetData"; filename="' + name.encode() + b'"'], data))
    body = multipart.encode(parts, boundary)
    answer = send(either, request(either, body, f'"{boundary}"', "user-agent: immich-android/3.1.0"), piece)
    facts = stored(someone, answer, data, 'Grün "x".jpg')
    assert facts["fileCreatedAt"] == "2024-07-05T13:14:15.123Z"
    assert facts["fileModifiedAt"] == "2024-07-06T01:02:03.000Z"
    assert facts["duration"] is None, "a duration of 0 is stored as null"
    assert facts["type"] == "IMAGE" and facts["isFavorite"] is False


@pytest.mark.parametrize("piece", PIECES)
def test_the_app_on_ios_in_the_background(either, someone, piece):
    """The part's file name is a temporary one; the real name is the `filename` field, extension included."""
    data = unique("ios", piece, either, lambda seed: media.heic(seed, 4000))
    boundary = "-----background_downloader-akjhfw281onqciyhnIk"
    fields = [
        ("deviceAssetId", "E4A/L0/001"), ("deviceId", "iphone"), ("fileCreatedAt", "2024-07-05T13:14:15.123Z"),
        ("fileModifiedAt", "2024-07-05T13:14:15.123Z"), ("isFavorite", "true"), ("duration", "0"),
        ("filename", "IMG_4711.HEIC"),
    ]
    parts = [multipart.field(*pair) for pair in fields]
    parts.append(multipart.file("assetData", "com.apple.tmp.7F31", data, "application/octet-stream"))
    answer = send(either, request(either, multipart.encode(parts, boundary), boundary, "user-agent: immich-ios/3.1.0"),
                  piece)
    facts = stored(someone, answer, data, "IMG_4711.HEIC")
    assert facts["isFavorite"] is True
    assert facts["originalMimeType"] in ("image/heic", "image/heif")


@pytest.mark.parametrize("piece", PIECES)
def test_the_command_line_client(either, someone, piece):
    """undici: the file comes before two fields that belong to it, and its sidecar last of all."""
    data = unique("cli", piece, either)
    boundary = "----formdata-undici-034276452311"
    parts = [multipart.field(*pair) for pair in [
        ("fileCreatedAt", "2024-01-02T03:04:05.678Z"), ("fileModifiedAt", "2024-01-02T03:04:05.678Z"),
        ("fileSize", str(len(data))), ("isFavorite", "false")]]
    parts.append(multipart.file("assetData", "holiday %22best%22 €.jpg", data, "application/octet-stream"))
    parts.append(multipart.field("visibility", "archive"))
    parts.append(multipart.file("sidecarData", "holiday.jpg.xmp", b"<x:xmpmeta/>", "application/octet-stream"))
    answer = send(either, request(either, multipart.encode(parts, boundary), boundary, "user-agent: node"), piece)
    facts = stored(someone, answer, data, 'holiday "best" €.jpg')
    assert facts["visibility"] == "archive", "a field after the file counts"
    assert facts["fileCreatedAt"] == "2024-01-02T03:04:05.678Z"


@pytest.mark.parametrize("piece", PIECES)
def test_immich_go(either, someone, piece):
    """Go: chunked, fields in any order, escapes by backslash, a duration that is no number, a checksum header."""
    data = unique("go", piece, either, lambda seed: media.mp4(seed, 4000))
    boundary = "0f3bc7a8d5e94d2e8a7b6c5d4e3f2a1b0c9d8e7f6a5b4c3d2e1f0a9b8c7d"
    parts = [multipart.field(*pair) for pair in [
        ("visibility", "timeline"), ("duration", "00:00:00.000000"), ("isReadOnly", "false"),
        ("fileModifiedAt", "2023-05-06T07:08:09Z"), ("deviceAssetId", "clip.mp4-4000"), ("fileExtension", ".mp4"),
        ("isFavorite", "true"), ("assetType", "VIDEO"), ("fileCreatedAt", "2023-05-06T09:08:09+02:00"),
        ("deviceId", "gopher")]]
    parts.append(multipart.file("assetData", 'a \\"clip\\" C:\\\\x.mp4', data))
    parts.append(multipart.file("sidecarData", "clip.mp4.xmp", b"<x:xmpmeta/>"))
    answer = send(either, request(
        either, multipart.encode(parts, boundary), boundary, "User-Agent: Go-http-client/1.1",
        f"x-immich-checksum: {base64_sha1(data)}", chunks=(1, 3, 1000, 4096)), piece)
    facts = stored(someone, answer, data, 'a "clip" C:\\x.mp4')
    assert facts["type"] == "VIDEO" and facts["isFavorite"] is True
    assert facts["fileCreatedAt"] == "2023-05-06T07:08:09.000Z"
    assert facts["duration"] is None, "an unreadable duration is unknown, not an error"
    # What it knows it does not send again; with a body under way all the same, that body is read to its end.
    with Wire(either) as wire:
        again = request(
            either, multipart.encode(parts, boundary), boundary, f"x-immich-checksum: {base64_sha1(data)}",
            chunks=(1, 3, 1000, 4096))
        answer = wire.send(again, piece=piece).answer()
        assert (answer.status, answer.json()) == (200, {"id": facts["id"], "status": "duplicate"})


@pytest.mark.parametrize("piece", PIECES)
def test_immichpy_framing(either, someone, piece):
    """aiohttp: Content-Type before Content-Disposition, typed text fields, percent-encoded names."""
    data = unique("immichpy", piece, either)
    boundary = "6d1a1f9b6f9c4f7f8f0d6c1b2a3e4d5c"
    parts = [
        multipart.Part([b"Content-Type: text/plain; charset=utf-8",
                        b'Content-Disposition: form-data; name="%s"' % name], value)
        for name, value in [(b"fileCreatedAt", b"2024-07-05T13:14:15.123456+00:00"),
                            (b"fileModifiedAt", b"2024-07-05T15:14:15.123456+02:00")]
    ]
    parts.append(multipart.Part(
        [b"Content-Type: image/jpeg",
         b'Content-Disposition: form-data; name="assetData"; filename="IMG%20%C3%BCber.jpg"'], data))
    answer = send(either, request(either, multipart.encode(parts, boundary), boundary, "User-Agent: immichpy"), piece)
    facts = stored(someone, answer, data, "IMG über.jpg")
    assert facts["fileCreatedAt"] == facts["fileModifiedAt"] == "2024-07-05T13:14:15.123Z"


@pytest.mark.parametrize("preamble, epilogue", [(b"", b""), (b"to be ignored\r\n", b"\r\nalso ignored")])
def test_what_surrounds_the_parts_is_ignored(either, someone, preamble, epilogue):
    data = media.jpeg(f"around {preamble} {either.scheme}")
    body = preamble + multipart.upload(data, "around.jpg") + epilogue
    answer = send(either, request(either, body, multipart.BOUNDARY), 7)
    stored(someone, answer, data, "around.jpg")


def test_bytes_that_look_like_delimiters_stay_in_the_file(either, someone):
    """Almost-delimiters in the data, at its start and its end, are data."""
    near = ("\r\n--" + multipart.BOUNDARY).encode()
    data = b"\xff\xd8\xff" + either.scheme.encode() + near[:-1] + b"\r\n" + near[2:-2] + b"\r\n\r\n--\r\n-" + near[:4]
    for piece in (1, 5, len(near) - 1, len(near), None):
        body = multipart.upload(data + str(piece).encode() + b"\r", "near.jpg")
        answer = send(either, request(either, body, multipart.BOUNDARY), piece)
        stored(someone, answer, data + str(piece).encode() + b"\r", "near.jpg")


@pytest.mark.parametrize("broken", [
    b"", b"--", b"no delimiter at all", b"--" + multipart.BOUNDARY.encode() + b"\r\n",
    multipart.upload(b"x" * 100)[:-40], multipart.upload(b"x" * 100)[:-4],
    multipart.upload(b"x" * 100).replace(b'name="assetData"', b'name="other"'),
    multipart.upload(b"x" * 100).replace(b"Content-Disposition", b"Content-Nonsense"),
    multipart.upload(b"x" * 100, drop=["fileCreatedAt"]), multipart.upload(b"x" * 100, drop=["fileModifiedAt"]),
    multipart.upload(b"x" * 100, fileCreatedAt="yesterday"), multipart.upload(b"x" * 100, isFavorite="maybe"),
    multipart.upload(b"x" * 100, visibility="invisible"),
    multipart.upload(b"x" * 100).replace(b"\r\n\r\n", b"\r\nX-Long: " + b"y" * 40_000 + b"\r\n\r\n", 1),
    multipart.encode([multipart.field(f"field{index}", "v") for index in range(5000)]),
    multipart.upload(b"x" * 100, metadata="y" * (3 << 20)),
], ids=lambda body: f"{len(body)} bytes")
def test_a_broken_form_is_refused_and_leaves_nothing(either, someone, broken):
    before = someone.count()
    answer = send(either, request(either, broken, multipart.BOUNDARY), None)
    assert answer.status in (400, 413), answer
    assert isinstance(answer.message, str)
    assert someone.count() == before
