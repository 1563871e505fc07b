"""The raw door: the file is the body, as iOS system uploads, Shortcuts and `curl -T` send it; and the shape that Immich's
own draft of resumable uploads has (`/api/upload`). The whole result is in the answer's fields too."""

import base64
import json
import re

import pytest

from harness import catalog, client, media, multipart
from harness.client import base64_sha1, sha1
from harness.draft import IMMICH, RAW, Draft, final, offset, path, stored
from harness.wire import Wire, exchange

BACKGROUND = "/api/assets/background"


@pytest.fixture
def raw(plain_server):
    """`raw(body, "Field: value", …, method=, target=)`: one request; the answer."""

    def send(body, *fields, method="POST", target=RAW, key=plain_server.key, server=plain_server):
        lines = [f"{method} {target} HTTP/1.1", "Host: nightstand.test", f"Content-Length: {len(body)}", *fields]
        if key:
            lines.append(f"x-api-key: {key}")
        return exchange(server, ("\r\n".join(lines) + "\r\n\r\n").encode("utf-8") + body)

    return send


def kept(server, answer, data, status=201):
    """Asserts that the answer says in body and fields that these bytes are stored; what the server says of the asset."""
    assert answer.status == status, answer
    said = answer.json()
    assert said["status"] == answer.header("X-Asset-Status") == {201: "created", 200: "duplicate"}[status]
    assert said["id"] == answer.header("X-Asset-Id")
    assert answer.header("Content-Location") == f"/api/assets/{said['id']}"
    assert answer.header("Repr-Digest") == f"sha=:{base64_sha1(data)}:"
    return stored(server, said["id"], data)


def rejected(answer, status, slug):
    assert answer.status == status, answer
    assert answer.header("X-Asset-Status") == "rejected"
    assert answer.header("X-Asset-Error") == slug
    assert answer.header("X-Asset-Id") is None
    said = answer.json()
    assert said.get("detail") or said["message"]


@pytest.mark.parametrize("method", ["POST", "PUT"])
@pytest.mark.parametrize("content_type", [
    None, "image/jpeg", "application/octet-stream", "text/plain", "application/x-www-form-urlencoded", "application/json", "rubbish"])
def test_any_or_no_content_type(plain_server, raw, seed, method, content_type):
    data = media.jpeg(seed)
    said = kept(plain_server, raw(data, *([f"Content-Type: {content_type}"] if content_type else []), method=method), data)
    assert said["type"] == "IMAGE" and said["originalMimeType"] == "image/jpeg"


def test_a_form_belongs_elsewhere(raw, seed):
    """Storing its boundaries as a photo would be a lie."""
    answer = raw(multipart.upload(media.jpeg(seed)), f"Content-Type: {multipart.content_type()}")
    assert answer.status == 415 and "/api/assets" in answer.json()["detail"], answer


def test_chunked(plain_server, seed):
    data = media.mov(seed, 200_000)
    head = f"POST {RAW} HTTP/1.1\r\nHost: x\r\nx-api-key: {plain_server.key}\r\nTransfer-Encoding: chunked\r\n\r\n"
    kept(plain_server, exchange(plain_server, head.encode() + multipart.chunked(data)), data)


def test_without_any_metadata_a_name_is_made(plain_server, raw, seed):
    for data, suffix in ((media.jpeg(seed), ".jpg"), (media.png(seed), ".png"), (media.heic(seed), ".heic"),
                         (media.mov(seed), ".mov"), (media.mp4(seed), ".mp4")):
        said = kept(plain_server, raw(data), data)
        assert re.fullmatch(rf"[\w .+-]+{re.escape(suffix)}", said["originalFileName"]), said["originalFileName"]
        assert said["fileCreatedAt"] == said["fileModifiedAt"]


@pytest.mark.parametrize(("data", "suffix", "kind", "mime"), [
    (media.mov("called a picture"), ".mov", "VIDEO", "video/quicktime"),
    (media.mp4("called a picture"), ".mp4", "VIDEO", "video/mp4"),
    (media.heic("called a picture"), ".jpg", "IMAGE", "image/heic"),
    (media.png("called a picture"), ".jpg", "IMAGE", "image/png")], ids=lambda value: value if isinstance(value, str) else "")
def test_the_bytes_say_what_the_file_is(plain_server, raw, data, suffix, kind, mime):
    """A retry of iOS drops all custom fields, and apps then call a film upload.jpg. A picture's name stays as it was sent."""
    said = kept(plain_server, raw(data, "Content-Type: image/jpeg", target=f"{RAW}?filename=upload.jpg"), data)
    assert (said["type"], said["originalMimeType"]) == (kind, mime)
    assert said["originalFileName"].endswith(suffix)
    assert said["originalPath"].lower().endswith(suffix)


NAME = "Grüße vom Meer & 日本 \U0001f305.jpg"


@pytest.mark.parametrize(("target", "fields"), [
    (f"{RAW}?filename={client.quoted(NAME)}", []),
    (RAW, [f"Content-Disposition: inline; filename*=UTF-8''{client.quoted(NAME)}"]),
    (RAW, [f'Content-Disposition: attachment; filename="fallback.jpg"; filename*=UTF-8\'\'{client.quoted(NAME)}']),
    (f"{RAW}?filename={client.quoted(NAME)}", ['Content-Disposition: inline; filename="loses.jpg"'])],
    ids=["query", "extended", "both", "query wins"])
def test_where_the_name_comes_from(plain_server, raw, seed, target, fields):
    data = media.jpeg(seed)
    assert kept(plain_server, raw(data, *fields, target=target), data)["originalFileName"] == NAME


@pytest.mark.parametrize("field", ['Content-Disposition: attachment; filename="IMG 1.jpg"', "X-Filename: IMG 1.jpg"])
def test_a_plain_name_in_a_field(plain_server, raw, seed, field):
    data = media.jpeg(seed)
    assert kept(plain_server, raw(data, field), data)["originalFileName"] == "IMG 1.jpg"


@pytest.mark.parametrize("name", ["../../etc/passwd.jpg", "/abs.jpg", "a\0b.jpg", "a\r\nX-Evil: 1.jpg", "..", ".", "x" * 4000 + ".jpg", "CON.jpg"])
def test_a_hostile_name_is_only_a_name(launch, raw, name):
    server = launch(founded=True)
    session = client.session(server)
    server.key = client.api_key(session).fields["x_api_key"]
    data = media.jpeg(name)
    answer = raw(data, target=f"{RAW}?filename={client.quoted(name)}", key=server.key, server=server)
    assert answer.status in (201, 400), answer
    assert answer.header("X-Evil") is None
    assert len(catalog.inspect(server.data)) == (answer.status == 201)
    if answer.status == 201:
        stored(server, answer.json()["id"], data)


def test_dates_and_favorite(plain_server, raw, seed):
    data = media.jpeg(seed)
    said = kept(plain_server, raw(
        data, target=f"{RAW}?fileCreatedAt=2019-08-07T06:05:04.321Z&fileModifiedAt=2020-01-02T03:04:05.000Z&isFavorite=true"), data)
    assert said["fileCreatedAt"] == "2019-08-07T06:05:04.321Z"
    assert said["fileModifiedAt"] == "2020-01-02T03:04:05.000Z"
    assert said["isFavorite"] is True
    data = media.jpeg(f"{seed} fields")
    said = kept(plain_server, raw(data, "X-fileCreatedAt: 2018-08-07T06:05:04.321Z", "X-isFavorite: true"), data)
    assert said["fileCreatedAt"] == "2018-08-07T06:05:04.321Z" and said["isFavorite"] is True


@pytest.mark.parametrize("query", ["fileCreatedAt=yesterday", "isFavorite=perhaps", "checksum=short", "visibility=everywhere"])
def test_bad_metadata_is_refused(raw, seed, query):
    answer = raw(media.jpeg(seed), target=f"{RAW}?{query}")
    assert answer.status == 400 and answer.header("X-Asset-Status") == "rejected", answer


@pytest.mark.parametrize("target", [RAW, BACKGROUND])
def test_a_duplicate_is_a_success(plain_server, raw, seed, target):
    """iOS shows anything but 2xx as a failed job, and that job has one retry."""
    data = media.jpeg(seed)
    first = kept(plain_server, raw(data, target=target), data)
    for method in ("POST", "PUT"):
        again = kept(plain_server, raw(data, method=method), data, status=200)
        assert again["id"] == first["id"]
    with Wire(plain_server) as wire:
        body = multipart.upload(data)
        head = f"POST {IMMICH} HTTP/1.1\r\nHost: x\r\nx-api-key: {plain_server.key}\r\nContent-Type: {multipart.content_type()}\r\n"
        answer = wire.send(head.encode() + b"Content-Length: %d\r\n\r\n" % len(body) + body).answer()
    assert (answer.status, answer.json()["id"]) == (200, first["id"])


@pytest.mark.parametrize("form", ["query hex", "query base64", "x-immich-checksum", "Repr-Digest"])
def test_known_bytes_are_answered_without_taking_them(plain_server, raw, seed, form):
    data = media.jpeg(seed)
    first = kept(plain_server, raw(data), data)
    target, fields = RAW, []
    if form == "query hex":
        target += f"?checksum={sha1(data).hexdigest()}"
    elif form == "query base64":
        target += f"?checksum={client.quoted(base64_sha1(data))}"
    elif form == "Repr-Digest":
        fields = [f"Repr-Digest: sha=:{base64_sha1(data)}:"]
    else:
        fields = [f"{form}: {base64_sha1(data)}"]
    lines = [f"POST {target} HTTP/1.1", "Host: x", f"x-api-key: {plain_server.key}", f"Content-Length: {len(data)}",
             "Expect: 100-continue", *fields]
    with Wire(plain_server) as wire:
        answer = wire.send(("\r\n".join(lines) + "\r\n\r\n").encode()).answer()
    assert answer.interim == [], "100 asks for the bytes"
    assert kept(plain_server, answer, data, status=200)["id"] == first["id"]


@pytest.mark.parametrize("body", [b"just some text, not a photo\n" * 50, b"PK\x03\x04" + b"\0" * 500, b"\x7fELF" + b"\0" * 500, b"<html></html>"])
@pytest.mark.parametrize("target", [RAW, RAW + "?filename=photo.txt", BACKGROUND])
def test_what_is_no_photo_is_refused(raw, body, target):
    rejected(raw(body, "Content-Type: image/jpeg", target=target), 415, "unsupported_type")


def test_a_name_is_believed_where_the_bytes_say_nothing(plain_server, raw, seed):
    """No photo is refused because its format's signature is unknown here."""
    data = media.noise(seed, 1000)
    assert kept(plain_server, raw(data, target=RAW + "?filename=IMG_1.CR2"), data)["originalMimeType"] == "image/x-canon-cr2"


def test_other_bytes_than_announced(plain_server, raw, seed):
    data = media.jpeg(seed)
    other = base64_sha1(data + b"other")
    for target, fields in ((RAW, [f"x-immich-checksum: {other}"]), (f"{RAW}?checksum={client.quoted(other)}", []),
                           (RAW, [f"Repr-Digest: sha=:{other}:"])):
        rejected(raw(data, *fields, target=target), 400, "checksum_mismatch")
    kept(plain_server, raw(data, f"x-immich-checksum: {base64_sha1(data)}"), data)


@pytest.mark.parametrize(("method", "target"), [("POST", RAW), ("PUT", RAW), ("POST", BACKGROUND)])
def test_an_empty_body(raw, target, method):
    rejected(raw(b"", target=target, method=method), 400, "empty_file")


def test_nobody_without_a_credential(raw, seed):
    for target in (RAW, BACKGROUND, "/api/upload"):
        assert raw(media.jpeg(seed), target=target, key=None).status == 401
        assert raw(media.jpeg(seed), target=target, key="wrong").status == 401


def test_nothing_of_a_refused_or_interrupted_body_stays(server, admin, raw):
    key = admin.fields["x_api_key"]
    assert raw(b"no photo at all" * 1000, server=server, key=key).status == 415
    data = media.mov("interrupted", 500_000)
    with Wire(server) as wire:
        wire.send(f"PUT {RAW} HTTP/1.1\r\nHost: x\r\nx-api-key: {key}\r\nContent-Length: {len(data)}\r\n\r\n".encode() + data[:300_000])
        wire.half_close()
        wire.gone()
    kept_here = catalog.inspect(server.data)
    assert kept_here == []


# MARK: Upgrades of the raw and the multipart door


@pytest.mark.parametrize("target", [RAW, BACKGROUND])
def test_an_interrupted_raw_upload_is_resumed(speaker, seed, target):
    data = media.mov(seed, 400_000)
    name = client.quoted(f"{seed}.mov")
    with speaker.wire() as wire:
        wire.send(speaker.creation(len(data), target=f"{target}?filename={name}&fileCreatedAt=2019-08-07T06:05:04.321Z") + data[:250_000])
        location = path(wire.interim().header("Location"))
        wire.half_close()
        wire.gone()
    stands = speaker.stands_at(location)
    assert stands == 250_000
    asset = final(speaker, speaker.append(location, stands, data[stands:]), data)
    said = stored(speaker.server, asset, data)
    assert (said["originalFileName"], said["fileCreatedAt"]) == (f"{seed}.mov", "2019-08-07T06:05:04.321Z")


@pytest.mark.parametrize("cut", ["in the fields", "in the file", "in the last boundary"])
def test_an_interrupted_multipart_upload_is_resumed_as_the_ordinary_door_would_have_answered(speaker, seed, cut):
    data = media.mov(seed, 300_000)
    body = multipart.upload(data, f"{seed}.mov", isFavorite="true", sidecar=b"<x:xmpmeta/>")
    place = {"in the fields": 150, "in the file": 200_000, "in the last boundary": len(body) - 5}[cut]
    with speaker.wire() as wire:
        wire.send(speaker.creation(len(body), f"Content-Type: {multipart.content_type()}", target=IMMICH) + body[:place])
        location = path(wire.interim().header("Location"))
        wire.half_close()
        wire.gone()
    assert speaker.stands_at(location) == place
    resumed = speaker.append(location, place, body[place:])
    assert resumed.status == 201, resumed
    reader = client.Client(speaker.server, x_api_key=speaker.server.key)
    plain = reader.request("POST", IMMICH, body=body, fields={"Content-Type": multipart.content_type()})
    reader.close()
    assert plain.status == 200
    assert resumed.json() == {"id": plain.json()["id"], "status": "created"}
    said = stored(speaker.server, resumed.json()["id"], data)
    assert (said["originalFileName"], said["fileCreatedAt"], said["isFavorite"]) == (f"{seed}.mov", multipart.CREATED, True)
    assert resumed.header("X-Asset-Id") == resumed.json()["id"] and speaker.says_complete(resumed) is True
    # The answer is kept for who lost it.
    again = speaker.append(location, len(body))
    assert again.status in (200, 201) and again.json()["id"] == resumed.json()["id"], again


@pytest.mark.parametrize("size", [1_048_576 - 700, 1_048_576, 1_100_000, 5_000_000])
def test_a_resumable_form_larger_than_a_block(plain_server, seed, size):
    """The stored body is read back in blocks; a delimiter may lie across two of them."""
    data = media.mov(seed, size)
    body = multipart.upload(data, "large.mov", isFavorite="true")
    speaker = Draft(plain_server, plain_server.key)
    answer = speaker.create(body, f"Content-Type: {multipart.content_type()}", target=IMMICH)
    assert answer.status == 201, answer
    stored(plain_server, answer.json()["id"], data)


def test_a_resumed_multipart_body_that_cannot_be_stored(speaker, seed):
    """What the ordinary door refuses is refused with the same status, and the upload is over."""
    body = multipart.upload(b"no photo", "notes.txt")
    reader = client.Client(speaker.server, x_api_key=speaker.server.key)
    plain = reader.request("POST", IMMICH, body=body, fields={"Content-Type": multipart.content_type()})
    reader.close()
    fields = [f"Content-Type: {multipart.content_type()}"]
    whole = speaker.create(body, *fields, target=IMMICH)
    assert (whole.status, whole.json()["message"]) == (plain.status, plain.json()["message"])
    assert speaker.says_complete(whole) is True
    location = speaker.begun(body[:100], *fields, target=IMMICH)
    late = speaker.append(location, 100, body[100:])
    assert late.status == plain.status and speaker.says_complete(late) is True, late


# MARK: The shape of Immich's own draft


def dictionary(name):
    """X-Immich-Asset-Data as a dictionary of Structured Fields."""
    return (f'X-Immich-Asset-Data: device-asset-id="1", device-id="phone", filename="{name}", '
            'file-created-at="2019-08-07T06:05:04.321Z", file-modified-at="2020-01-02T03:04:05.000Z", is-favorite')


def encoded(name):
    """X-Immich-Asset-Data as base64 of JSON, as an earlier revision had it."""
    said = {"deviceAssetId": "1", "deviceId": "phone", "filename": name, "fileCreatedAt": "2019-08-07T06:05:04.321Z",
            "fileModifiedAt": "2020-01-02T03:04:05.000Z", "isFavorite": True}
    return "X-Immich-Asset-Data: " + base64.b64encode(json.dumps(said).encode()).decode()


def sha_field(data):
    return f"Repr-Digest: sha=:{base64_sha1(data)}:"


@pytest.mark.parametrize("form", [dictionary, encoded], ids=["dictionary", "base64"])
def test_upstream_in_one_request(speaker, seed, form):
    data = media.jpeg(seed)
    answer = speaker.create(data, sha_field(data), form("IMG_7.jpg"), target="/api/upload")
    assert answer.status == 200, answer
    assert re.fullmatch(r"/api/upload/[0-9a-f-]{36}", path(answer.informational[0].header("Location")))
    assert speaker.says_complete(answer) is True
    said = stored(speaker.server, answer.json()["id"], data)
    assert (said["originalFileName"], said["fileCreatedAt"], said["fileModifiedAt"], said["isFavorite"]) == (
        "IMG_7.jpg", "2019-08-07T06:05:04.321Z", "2020-01-02T03:04:05.000Z", True)


@pytest.mark.parametrize("form", [dictionary, encoded], ids=["dictionary", "base64"])
def test_upstream_resumed(speaker, seed, form):
    data = media.jpeg(seed)
    created = speaker.create(data[:100], sha_field(data), form("IMG_8.jpg"), target="/api/upload", complete=False, length=len(data))
    assert created.status == 201 and speaker.says_complete(created) is False, created
    location = path(created.header("Location"))
    asset = re.fullmatch(r"/api/upload/([0-9a-f-]{36})", location)[1]
    assert speaker.stands_at(location) == 100
    answer = speaker.append(location, 100, data[100:200], complete=False)
    assert answer.status in (201, 204) and offset(answer) == 200, answer
    answer = speaker.append(location, 200, data[200:])
    assert answer.status == 200 and answer.json()["id"] == asset, answer
    stored(speaker.server, asset, data)


def test_upstream_refusals(speaker, seed):
    data = media.jpeg(seed)
    answer = speaker.create(data, dictionary("IMG_9.jpg"), target="/api/upload")
    assert answer.status == 400, "the digest is required"
    answer = speaker.create(data, "Repr-Digest: sha=:AAAA:", dictionary("IMG_9.jpg"), target="/api/upload")
    assert answer.status == 400, "20 bytes"
    answer = speaker.create(data, sha_field(data + b"x"), dictionary("IMG_9.jpg"), target="/api/upload")
    assert answer.status in (400, 460) and speaker.says_complete(answer) is True, "other bytes than announced"
    created = speaker.create(data[:100], sha_field(data), dictionary("IMG_9.jpg"), target="/api/upload", complete=False)
    location = path(created.header("Location"))
    # Here the address is guessable by whoever sees the asset's id: it does not suffice.
    assert Draft(speaker.server, None, speaker.version).look(location).status == 401
    assert speaker.cancel(location).status in (200, 204)
    assert speaker.look(location).status in (404, 410)
    assert speaker.exchange(speaker.head_of("OPTIONS", "/api/upload")).status in (200, 204)
