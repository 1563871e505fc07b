"""What becomes of an upload: checksums, duplicates, trash, sidecars, live photos, quota, and simultaneous twins."""

import threading
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest

from harness import catalog, client, media, multipart
from harness.client import Client, base64_sha1, sha1


def nothing_stored(server):
    assert catalog.inspect(server.data) == []


def test_created_means_stored(server, admin):
    data = media.jpeg("created")
    answer = admin.upload(data, "IMG 1.jpg")
    assert answer.status == 201 and answer.json()["status"] == "created"
    asset = answer.json()["id"]
    row, = catalog.inspect(server.data)
    assert row["name"] == b"IMG 1.jpg" and row["size"] == len(data)
    path = server.data / "originals" / row["key"].decode()
    assert path.read_bytes() == data
    assert path.parent.name == "2024-07" and path.parent.parent.name == "2024"
    assert abs(path.stat().st_mtime - 1720227723.456) < 0.001, "the file keeps the time of the photo"
    assert catalog.sums_hold(server.data) == 1
    facts = admin.get(f"/api/assets/{asset}").json()
    assert facts["checksum"] == base64_sha1(data) and facts["ownerId"] == admin.me()["id"]


def test_equal_names_do_not_collide(server, admin):
    for index in range(4):
        admin.store(media.jpeg(f"clash {index}"), "IMG_0001.JPG")
    assert len(catalog.inspect(server.data)) == 4
    catalog.sums_hold(server.data)
    names = sorted(row["key"].rsplit(b"/", 1)[1] for row in catalog.rows(server.data))
    assert names == [b"IMG_0001+1.JPG", b"IMG_0001+2.JPG", b"IMG_0001+3.JPG", b"IMG_0001.JPG"]


@pytest.mark.parametrize("encode", [base64_sha1, lambda data: sha1(data).hexdigest(),
                                    lambda data: sha1(data).hexdigest().upper()])
def test_a_true_checksum_is_accepted_and_spares_the_second_upload(server, admin, encode):
    data = media.jpeg("true")
    first = admin.upload(data, fields={"x-immich-checksum": encode(data)})
    assert first.status == 201
    # Known bytes are answered from the header alone: the body may be anything.
    again = admin.upload(b"not even a photo", fields={"x-immich-checksum": encode(data)})
    assert (again.status, again.json()) == (200, {"id": first.json()["id"], "status": "duplicate"})
    assert len(catalog.inspect(server.data)) == 1


@pytest.mark.parametrize("encode", [base64_sha1, lambda data: sha1(data).hexdigest()])
def test_a_false_checksum_stores_nothing(server, admin, encode):
    answer = admin.upload(media.jpeg("false"), fields={"x-immich-checksum": encode(b"something else")})
    assert answer.status == 400
    assert answer.json()["code"] == "checksum_mismatch"
    assert sha1(b"something else").hexdigest() in answer.message, "it says what was announced"
    assert sha1(media.jpeg("false")).hexdigest() in answer.message, "and what came"
    nothing_stored(server)
    assert admin.check(base64_sha1(b"something else"))[0]["action"] == "accept", "a claim is never recorded"
    assert admin.count() == 0
    assert admin.upload(media.jpeg("false")).status == 201


@pytest.mark.parametrize("claim", ["", "x", "=" * 28, "g" * 40, "A" * 27, "A" * 64, "ä" * 14])
def test_a_checksum_that_is_none_is_refused(server, admin, claim):
    answer = admin.upload(media.jpeg("claim"), fields={"x-immich-checksum": claim.encode()})
    assert answer.status == 400 or (claim == "" and answer.status == 201), answer
    assert len(catalog.inspect(server.data)) == (answer.status == 201)


def test_a_duplicate_changes_nothing(server, admin):
    data = media.jpeg("duplicate")
    asset = admin.store(data, "first.jpg")
    before = admin.get(f"/api/assets/{asset}").json()
    answer = admin.upload(data, "second.jpg", isFavorite="true", visibility="archive")
    assert (answer.status, answer.json()) == (200, {"id": asset, "status": "duplicate"})
    assert admin.get(f"/api/assets/{asset}").json() == before
    assert len(catalog.inspect(server.data)) == 1


def test_the_trash_still_counts_as_backed_up(server, admin):
    data = media.jpeg("trash")
    asset = admin.store(data)
    assert admin.delete("/api/assets", {"ids": [asset]}).status == 204
    assert admin.get(f"/api/assets/{asset}").json()["isTrashed"] is True
    answer = admin.upload(data, "again.jpg")
    assert (answer.status, answer.json()) == (200, {"id": asset, "status": "duplicate"})
    answer = admin.upload(data, "again.jpg", fields={"x-immich-checksum": base64_sha1(data)})
    assert (answer.status, answer.json()) == (200, {"id": asset, "status": "duplicate"})
    assert admin.check(base64_sha1(data)) == [
        {"id": "0", "action": "reject", "reason": "duplicate", "assetId": asset, "isTrashed": True}]
    assert admin.get(f"/api/assets/{asset}").json()["isTrashed"] is True, "an upload does not restore"
    assert admin.original(asset).body == data
    assert admin.get("/api/assets/statistics?isTrashed=true").json()["total"] == 1
    restored = admin.post("/api/trash/restore/assets", {"ids": [asset]})
    assert (restored.status, restored.json()) == (200, {"count": 1})
    assert admin.get(f"/api/assets/{asset}").json()["isTrashed"] is False
    assert admin.check(base64_sha1(data))[0]["isTrashed"] is False


def test_deleting_is_all_or_nothing(server, admin):
    asset = admin.store(media.jpeg("all or nothing"))
    assert admin.delete("/api/assets", {"ids": [asset, str(uuid.uuid4())]}).status == 400
    assert admin.get(f"/api/assets/{asset}").json()["isTrashed"] is False


def test_zero_bytes_are_no_photo(server, admin):
    answer = admin.upload(b"", "empty.jpg")
    assert (answer.status, answer.message) == (400, "File is empty")
    nothing_stored(server)


@pytest.mark.parametrize("name", ["notes.txt", "program.exe", "noextension", "photo.jpg.txt", "x.", "xmp.xmp", "a.jp"])
def test_only_photos_and_videos_are_taken(server, admin, name):
    answer = admin.upload(b"some bytes", name)
    assert (answer.status, answer.message) == (400, f"Unsupported file type {name}")
    nothing_stored(server)


def test_a_name_that_is_only_an_extension(server, admin):
    asset = admin.store(media.jpeg("extension"), ".jpg")
    assert admin.get(f"/api/assets/{asset}").json()["originalFileName"] == ".jpg"
    catalog.inspect(server.data)
    catalog.sums_hold(server.data)


def test_the_filename_field_beats_the_part(server, admin):
    """DJI and iOS send parts with temporary names without an extension."""
    asset = admin.store(media.jpeg("field"), "tmp.A7F", filename="DJI_0001.JPG")
    facts = admin.get(f"/api/assets/{asset}").json()
    assert facts["originalFileName"] == "DJI_0001.JPG" and facts["originalMimeType"] == "image/jpeg"


@pytest.mark.parametrize("field, value, key, expected", [
    ("isFavorite", "true", "isFavorite", True), ("visibility", "archive", "isArchived", True),
    ("visibility", "hidden", "visibility", "hidden"), ("duration", "1234", "duration", 1234),
    ("duration", "0", "duration", None), ("duration", "00:00:00.000000", "duration", None),
    ("fileCreatedAt", "2024-12-31T23:30:00-01:00", "fileCreatedAt", "2025-01-01T00:30:00.000Z"),
    ("fileCreatedAt", "2024-07-05T13:14:15Z", "fileCreatedAt", "2024-07-05T13:14:15.000Z"),
    ("fileCreatedAt", "2024-07-05T13:14:15.987654+00:00", "fileCreatedAt", "2024-07-05T13:14:15.987Z"),
    ("fileCreatedAt", "1969-07-20T20:17:40.000Z", "fileCreatedAt", "1969-07-20T20:17:40.000Z"),
    ("somethingNew", "x", "isFavorite", False), ("deviceAssetId", "x", "isFavorite", False),
    ("livePhotoVideoId", "", "livePhotoVideoId", None),
])
def test_fields(server, admin, field, value, key, expected):
    make, name = (media.mp4, "clip.mp4") if field == "duration" else (media.jpeg, "a.jpg")
    asset = admin.store(make("fields"), name, **{field: value})
    assert admin.get(f"/api/assets/{asset}").json()[key] == expected


def test_types_by_extension(server, admin):
    for name, kind, mime in [("a.heic", "IMAGE", "image/heic"), ("a.MOV", "VIDEO", "video/quicktime"),
                             ("a.mp4", "VIDEO", "video/mp4"), ("a.PNG", "IMAGE", "image/png")]:
        asset = admin.store(media.bytes_for(name, name), name)
        facts = admin.get(f"/api/assets/{asset}").json()
        assert (facts["type"], facts["originalMimeType"]) == (kind, mime)
        assert admin.original(asset).content_type == mime
    assert admin.get("/api/assets/statistics").json() == {"images": 2, "videos": 2, "total": 4}


def test_a_sidecar_is_kept_beside_its_photo(server, admin):
    xmp = b'<x:xmpmeta xmlns:x="adobe:ns:meta/">\xc3\xbc</x:xmpmeta>'
    admin.store(media.jpeg("sidecar"), "IMG_0001.JPG", sidecar=xmp)
    row, = catalog.inspect(server.data)
    sidecars = [path for path in (server.data / "originals").rglob("*") if path.suffix.lower() == ".xmp"]
    assert [path.read_bytes() for path in sidecars] == [xmp]
    assert sidecars[0].parent == (server.data / "originals" / row["key"].decode()).parent
    catalog.sums_hold(server.data)


def test_a_live_photo_is_linked_and_its_motion_hidden(server, admin):
    motion = admin.store(media.mov("motion"), "IMG_1.MOV", duration="2300")
    assert admin.count() == 1
    still = admin.store(media.heic("still"), "IMG_1.HEIC", livePhotoVideoId=motion)
    assert admin.get(f"/api/assets/{still}").json()["livePhotoVideoId"] == motion
    assert admin.get(f"/api/assets/{motion}").json()["visibility"] == "hidden", "the app sent it visible"
    assert admin.get("/api/assets/statistics").json() == {"images": 1, "videos": 0, "total": 1}
    assert admin.original(motion).body == media.mov("motion")


def test_a_live_photo_whose_motion_is_a_duplicate(server, admin):
    """The app uses the id that the duplicate answer names."""
    motion = admin.store(media.mov("twice"), "IMG_1.MOV", visibility="hidden")
    again = admin.upload(media.mov("twice"), "IMG_1.MOV", visibility="hidden").json()["id"]
    assert again == motion
    still = admin.store(media.heic("twice"), "IMG_1.HEIC", livePhotoVideoId=again)
    assert admin.get(f"/api/assets/{still}").json()["livePhotoVideoId"] == motion


@pytest.mark.parametrize("link", [str(uuid.UUID(int=0x4000_8000_0000_0000_0000, version=4)), "image", "not-an-id"])
def test_a_live_photo_link_that_leads_nowhere(server, admin, link):
    if link == "image":
        link = admin.store(media.jpeg("no video"), "no video.jpg")
    before = len(catalog.inspect(server.data))
    answer = admin.upload(media.heic("lost"), "lost.heic", livePhotoVideoId=link)
    assert answer.status == 400, answer
    if link.startswith("0000"):
        assert answer.message == "Live photo video not found"
    assert len(catalog.inspect(server.data)) == before


def test_quota(server, admin, add_user, tmp_path):
    """The quota is set by the command line where it can, else in the catalog while the server is down."""
    bert = add_user(server)
    bert.close()
    small, big = media.jpeg("small", 32), media.mov("big", 60_000)
    server.stop()
    with catalog.opened(server.data, write=True) as rows:
        rows.execute("UPDATE user SET quota = ? WHERE email = ?", (50_000, "bert@example.org"))
    server.start()
    admin.close()
    assert bert.me()["quotaSizeInBytes"] == 50_000 and bert.me()["quotaUsageInBytes"] == 0
    bert.store(small, "small.jpg")
    assert bert.me()["quotaUsageInBytes"] == len(small)
    answer = bert.upload(big, "big.mov")
    assert (answer.status, answer.message) == (400, "Quota has been exceeded!")
    # Chunked: the server cannot know the length beforehand, and must come to the same answer.
    body = multipart.upload(big, "big.mov")
    answer = bert.request("POST", "/api/assets", body=iter([body[:1000], body[1000:]]),
                          fields={"Content-Type": multipart.content_type(), "Transfer-Encoding": "chunked"})
    assert (answer.status, answer.message) == (400, "Quota has been exceeded!")
    assert len(catalog.inspect(server.data)) == 1
    assert bert.upload(small, "small.jpg").status == 200, "a duplicate costs nothing"
    bert.store(media.jpeg("another", 32), "another.jpg")
    assert admin.upload(big, "big.mov").status == 201, "one person's quota is not another's"


def test_simultaneous_uploads_cannot_slip_past_the_quota(server, add_user):
    bert = add_user(server)
    bert.close()
    server.stop()
    with catalog.opened(server.data, write=True) as rows:
        rows.execute("UPDATE user SET quota = ? WHERE email = ?", (100_000, "bert@example.org"))
    server.start()
    with ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(
            lambda index: Client(server, **bert.fields).upload(media.mov(f"q{index}", 30_000), "q.mov").status,
            range(8)))
    assert sorted(statuses) == [201] * 3 + [400] * 5
    assert sum(row["size"] for row in catalog.inspect(server.data)) <= 100_000
    assert bert.me()["quotaUsageInBytes"] == 3 * len(media.mov("q0", 30_000))


@pytest.mark.parametrize("crowd", [2, 8])
def test_twins_at_the_same_moment_become_one_asset(server, admin, crowd):
    """The last byte of each body is sent when all of them have come that far: they finish together."""
    from harness.wire import Wire
    for turn in range(5):
        data = media.mov(f"twins {turn}", 400_000)
        body = multipart.upload(data, "twins.mov")
        head = (f"POST /api/assets HTTP/1.1\r\nHost: x\r\nx-api-key: {admin.fields['x_api_key']}\r\n"
                f"Content-Type: {multipart.content_type()}\r\nContent-Length: {len(body)}\r\n\r\n").encode()
        barrier = threading.Barrier(crowd)

        def upload(_):
            with Wire(server) as wire:
                wire.send(head + body[:-1])
                barrier.wait(20)
                answer = wire.send(body[-1:]).answer()
                return answer.status, answer.json()["id"], answer.json()["status"]

        with ThreadPoolExecutor(crowd) as pool:
            answers = list(pool.map(upload, range(crowd)))
        assert sorted(status for status, _, _ in answers) == [200] * (crowd - 1) + [201]
        assert len({asset for _, asset, _ in answers}) == 1
        assert sorted({status for _, _, status in answers}) == ["created", "duplicate"]
        assert len(catalog.inspect(server.data)) == turn + 1
    catalog.sums_hold(server.data)


def test_a_check_of_five_thousand(server, admin):
    """The most that clients ask at once, hexadecimal and base64 mixed, long paths as ids, answered in order."""
    owned = [media.jpeg(f"owned {index}", 8) for index in range(3)]
    assets = {base64_sha1(data): admin.store(data, "owned.jpg") for data in owned}
    items, expected = [], []
    for index in range(5000):
        data = owned[index % 3] if index % 7 == 0 else f"unknown {index // 2}".encode()
        digest = sha1(data).hexdigest() if index % 2 else base64_sha1(data)
        path = f"/home/anna/Bilder/{'tief/' * 20}Foto \"{index}\" ü\u2028.jpg"
        items.append({"id": path, "checksum": digest})
        asset = assets.get(base64_sha1(data))
        expected.append({"id": path, "action": "accept"} if asset is None else {
            "id": path, "action": "reject", "reason": "duplicate", "assetId": asset, "isTrashed": False})
    answer = admin.post("/api/assets/bulk-upload-check", {"assets": items})
    assert answer.status == 200
    assert answer.json()["results"] == expected
    assert admin.post("/api/assets/bulk-upload-check", {"assets": []}).json() == {"results": []}


@pytest.mark.parametrize("text", [
    r'"\u00fc \/ \\ \" \b\f\n\r\t"', r'"\ud83c\udf05 🌅"', r'"\u0000"', '"\u2028\u2029"', '""', r'"%00 \\\\host\\x"',
    '"' + "x" * 20_000 + '"', r'"\u007f\u001f"',
])
def test_a_check_echoes_ids_verbatim(resident, text):
    """Ids are paths of whoever asks: whatever JSON can say comes back as the same value."""
    import json
    body = b'{"assets":[{"checksum":"%s","id":%s}]}' % (base64_sha1(b"x").encode(), text.encode())
    answer = resident.post("/api/assets/bulk-upload-check", body=body, fields={"Content-Type": "application/json"})
    assert answer.status == 200, answer
    assert answer.json()["results"] == [{"id": json.loads(text), "action": "accept"}]


CHECKSUM = b'"checksum":"' + base64_sha1(b"x").encode() + b'"'


@pytest.mark.parametrize("body, status", [
    (b' \t\r\n{ "assets" : [ { "id" : "a" , ' + CHECKSUM + b' } ] } \n', 200),
    (b'{"other":{"a":[1,-2.5e3,true,null,"]}"]},"assets":[{"id":"a","more":[{}],' + CHECKSUM + b"}]}", 200),
    (b'{"assets":[{"id":"a","id":"b",' + CHECKSUM + b"}]}", None),
    (b'{"assets":[{"id":"a","deep":' + b"[" * 1_000_000 + b"]" * 1_000_000 + b"," + CHECKSUM + b"}]}", None),
    (b'{"deep":' + b'{"a":' * 500_000 + b"1" + b"}" * 500_000 + b',"assets":[]}', None),
    (b"[" * 3_000_000, 400), (b'{"assets":[{"id":"a",' + CHECKSUM + b"}", 400),
    (b'{"assets":[{"id":"a",' + CHECKSUM + b"},]}", 400), (b'{"assets":[{"id":"a",' + CHECKSUM + b"}]} x", 400),
    (b'{"assets":[{"id":"\xff",' + CHECKSUM + b"}]}", 400), (b'{"assets":[{"id":"a\nb",' + CHECKSUM + b"}]}", 400),
    (b'{"assets":[{"id":"\\ud800",' + CHECKSUM + b"}]}", None), (b'{"assets":[{"id":"\\x",' + CHECKSUM + b"}]}", 400),
    (b'{"assets":[{"id":7,' + CHECKSUM + b"}]}", 400), (b'{"assets":{}}', 400), (b"{}", 400), (b"", 400),
    (b'{"assets":null}', 400), (b'{"assets":[null]}', 400), (b'{"assets":[{"id":"a",' + CHECKSUM + b',"n":01}]}', None),
], ids=lambda value: repr(value[:40]) if isinstance(value, bytes) else str(value))
def test_a_check_in_odd_json(resident, body, status):
    """The bulk check has a parser of its own: it takes what JSON is, refuses what it is not, and survives both."""
    answer = resident.post("/api/assets/bulk-upload-check", body=body, fields={"Content-Type": "application/json"})
    assert answer.status in ((200, 400) if status is None else (status,)), answer
    assert resident.get("/api/server/ping").status == 200


def test_an_upload_that_breaks_off_leaves_nothing(either, someone):
    """Half-closed, closed and reset in the middle; then the same photo again, whole."""
    from harness.process import until
    from harness.wire import Wire
    before, staged = someone.count(), set(catalog.staged(either.data))
    data = media.mov(f"broken off {either.scheme}", 500_000)
    body = multipart.upload(data, "broken.mov")
    head = (f"POST /api/assets HTTP/1.1\r\nHost: x\r\nx-api-key: {either.key}\r\n"
            f"Content-Type: {multipart.content_type()}\r\nContent-Length: {len(body)}\r\n\r\n").encode()
    for end in ("half_close", "close", "reset"):
        wire = Wire(either)
        wire.send(head + body[: len(body) // 2])
        if end == "half_close":
            wire.half_close()
            wire.gone()
        elif end == "reset":
            wire.reset()
        wire.socket.close()
    until(lambda: set(catalog.staged(either.data)) <= staged, what="staging is as before")
    assert someone.count() == before
    assert someone.upload(data, "broken.mov").status == 201


def test_no_redirect_for_a_trailing_slash(either, someone):
    """The CLI refuses redirects; a slash too many is served or not found, never sent elsewhere."""
    body = multipart.upload(media.jpeg(f"slash {either.scheme}"))
    answer = someone.request("POST", "/api/assets/", body=body, fields={"Content-Type": multipart.content_type()})
    assert answer.status in (201, 404), answer


def test_download_headers(either, someone):
    data = media.jpeg(f"headers {either.scheme}")
    asset = someone.store(data, "Grün %22a%22.jpg")
    answer = someone.original(asset)
    assert answer.content_type == "image/jpeg"
    assert answer.header("accept-ranges") == "bytes"
    assert answer.header("content-length") == str(len(data))
    assert answer.header("etag") and answer.header("last-modified")
    cache = answer.header("cache-control")
    assert "private" in cache and "no-transform" in cache and "public" not in cache
    assert "filename*=UTF-8''Gr%C3%BCn%20%22a%22.jpg" in answer.header("content-disposition")
    assert answer.header("x-content-type-options") == "nosniff"
    assert not answer.all("content-encoding")
