"""What people see of their photos: timeline, search, changes, pictures. The random walk at the end holds every answer
against a model of a few lines."""

import base64
import datetime
import hashlib
import json
import os
import random
import uuid

import pytest

from harness import catalog, client, contract, media
from harness.client import base64_sha1

STEPS = int(os.environ.get("NIGHTSTAND_BROWSE_STEPS", "250"))
NOBODY = "11111111-1111-4111-8111-111111111111"


@pytest.fixture
def anna(server):
    session = client.session(server)
    yield session
    session.close()


@pytest.fixture
def bert(server, add_user):
    session = add_user(server)
    yield session
    session.close()


def search(who, **query):
    answer = who.post("/api/search/metadata", query)
    assert answer.status == 200, answer
    return answer.json()["assets"]


def found(who, **query):
    """Every id, over all pages."""
    ids, page = [], 1
    while page is not None:
        assets = search(who, page=int(page), **query)
        assert assets["total"] == assets["count"] == len(assets["items"])
        assert assets["nextPage"] is None or isinstance(assets["nextPage"], str)
        ids += [asset["id"] for asset in assets["items"]]
        page = assets["nextPage"]
    return ids


def months(who, query=""):
    answer = who.get(f"/api/timeline/buckets{query}")
    assert answer.status == 200, answer
    return [(month["timeBucket"], month["count"]) for month in answer.json()]


def month(who, name, query=""):
    answer = who.get(f"/api/timeline/bucket?timeBucket={name}{query}")
    assert answer.status == 200, answer
    columns = answer.json()
    assert len({len(column) for column in columns.values()}) == 1, "columns of different lengths"
    return columns


def share(server, album, email, role="viewer"):
    """Lets somebody into an album, as the catalog keeps it."""
    with catalog.opened(server.data, write=True) as db:
        db.execute(
            "INSERT INTO album_user (album, user, role) SELECT album.number, user.number, ? FROM album, user"
            " WHERE album.id = ? AND user.email = ?", [role, uuid.UUID(album).bytes, email])


def facts(server, asset, **values):
    """What would be read from the file."""
    with catalog.opened(server.data, write=True) as db:
        assignments = ", ".join(f"{name} = ?" for name in values)
        db.execute(
            f"UPDATE facts SET {assignments} WHERE asset = (SELECT number FROM asset WHERE id = ?)",
            [*values.values(), uuid.UUID(asset).bytes])


# Reading and changing one asset


def test_an_asset_says_what_is_known_of_it(server, anna):
    asset = anna.store(media.jpeg("facts"), "IMG.jpg", fileCreatedAt="2024-07-05T13:14:15.123+02:00")
    bare = anna.get(f"/api/assets/{asset}").json()
    assert (bare["width"], bare["thumbhash"], bare["resized"], bare["hasMetadata"]) == (None, None, False, False)
    facts(server, asset, width=4000, height=3000, orientation="6", taken_at=1_720_178_055_123, time_zone="UTC+2",
          make="Apple", model="iPhone 15", lens="back camera", f_number=1.8, focal_length=24.0, iso=64,
          exposure_time="1/250", thumbhash=b"\1\2\3")
    full = anna.get(f"/api/assets/{asset}").json()
    assert (full["width"], full["height"], full["thumbhash"]) == (4000, 3000, base64.b64encode(b"\1\2\3").decode())
    assert full["resized"] is True and full["hasMetadata"] is True
    exif = full["exifInfo"]
    assert (exif["make"], exif["model"], exif["lensModel"]) == ("Apple", "iPhone 15", "back camera")
    assert (exif["fNumber"], exif["focalLength"], exif["iso"], exif["exposureTime"]) == (1.8, 24, 64, "1/250")
    # immich-go reads this one only with a numeric offset.
    assert exif["dateTimeOriginal"] == "2024-07-05T11:14:15.123+00:00"
    assert full["localDateTime"] == "2024-07-05T13:14:15.123Z"


@pytest.mark.parametrize("bulk", [False, True])
def test_changes(server, anna, bulk):
    asset = anna.store(media.jpeg(f"change {bulk}"), "IMG.jpg", fileCreatedAt="2024-07-05T13:14:15.000+02:00")

    def change(**fields):
        if bulk:
            answer = anna.put("/api/assets", {"ids": [asset]} | fields)
            assert answer.status == 204, answer
        else:
            answer = anna.put(f"/api/assets/{asset}", fields)
            assert answer.status == 200, answer
            assert answer.json() == anna.get(f"/api/assets/{asset}").json()
        return anna.get(f"/api/assets/{asset}").json()

    assert change(isFavorite=True)["isFavorite"] is True
    assert change(description="Größe & <b>")["exifInfo"]["description"] == "Größe & <b>"
    assert change(description="")["exifInfo"]["description"] == ""
    assert change(rating=5)["exifInfo"]["rating"] == 5
    assert change(rating=None)["exifInfo"]["rating"] is None
    placed = change(latitude=-33.5, longitude=151.25)["exifInfo"]
    assert (placed["latitude"], placed["longitude"]) == (-33.5, 151.25)
    archived = change(visibility="archive")
    assert (archived["visibility"], archived["isArchived"]) == ("archive", True)
    dated = change(dateTimeOriginal="2019-02-03T04:05:06.789+05:30")
    assert dated["exifInfo"]["dateTimeOriginal"] == "2019-02-02T22:35:06.789+00:00"
    assert (dated["fileCreatedAt"], dated["localDateTime"]) == ("2019-02-02T22:35:06.789Z", "2019-02-03T04:05:06.789Z")
    assert dated["exifInfo"]["timeZone"] == "UTC+5:30"
    assert dated["isFavorite"] is True, "what is not named stays"
    if bulk:
        moved = change(dateTimeRelative=-24 * 60)
        assert (moved["fileCreatedAt"], moved["localDateTime"]) == (
            "2019-02-01T22:35:06.789Z", "2019-02-02T04:05:06.789Z")
        zoned = change(timeZone="Europe/Berlin")
        assert (zoned["fileCreatedAt"], zoned["localDateTime"]) == (
            "2019-02-01T22:35:06.789Z", "2019-02-01T23:35:06.789Z")
        assert zoned["exifInfo"]["timeZone"] == "Europe/Berlin"


@pytest.mark.parametrize("fields", [
    {"rating": 0}, {"rating": 6}, {"rating": -1}, {"latitude": 91, "longitude": 0}, {"latitude": 1}, {"longitude": 1},
    {"visibility": "secret"}, {"dateTimeOriginal": "yesterday"}, {"isFavorite": "yes"}, {"isFavorite": 1},
    {"description": "x" * 10_001}, {"description": "a\0b"}, {"timeZone": "Nowhere/Land"}, {"timeZone": "../../etc/passwd"},
    {"dateTimeRelative": 10**15}, {"dateTimeRelative": -5_000_000_000}, {"dateTimeRelative": -(2**63)}, {"livePhotoVideoId": NOBODY},
    {"livePhotoVideoId": "x"}, {"duplicateId": NOBODY},
], ids=str)
def test_wrong_changes_change_nothing(anna, fields):
    assets = [anna.store(media.jpeg(f"wrong {number}")) for number in range(2)]
    before = [anna.get(f"/api/assets/{asset}").json() for asset in assets]
    answer = anna.put("/api/assets", {"ids": assets, "isFavorite": True} | fields)
    assert answer.status == 400, answer
    assert [anna.get(f"/api/assets/{asset}").json() for asset in assets] == before


def test_a_bulk_change_is_all_or_nothing(anna, bert):
    mine, theirs = anna.store(media.jpeg("mine")), bert.store(media.jpeg("theirs"))
    for ids in ([mine, theirs], [theirs], [mine, NOBODY]):
        answer = anna.put("/api/assets", {"ids": ids, "isFavorite": True, "description": "x"})
        assert (answer.status, answer.message) == (400, "Not found or no asset.update access")
    assert anna.get(f"/api/assets/{mine}").json()["isFavorite"] is False
    assert bert.get(f"/api/assets/{theirs}").json()["exifInfo"]["description"] == ""
    assert anna.put("/api/assets", {"ids": [], "isFavorite": True}).status == 204
    assert anna.put("/api/assets", {"ids": [mine, mine.upper()], "isFavorite": True}).status == 204
    assert anna.get(f"/api/assets/{mine}").json()["isFavorite"] is True


def test_live_photos_are_put_together_and_taken_apart(anna, bert):
    still, video, other = anna.store(media.jpeg("still")), anna.store(media.mov("motion"), "IMG.MOV"), anna.store(
        media.jpeg("no video"))
    foreign = bert.store(media.mov("foreign"), "IMG.MOV")
    for wrong in (other, foreign, NOBODY):
        assert anna.put(f"/api/assets/{still}", {"livePhotoVideoId": wrong}).status == 400
    linked = anna.put(f"/api/assets/{still}", {"livePhotoVideoId": video}).json()
    assert linked["livePhotoVideoId"] == video
    assert anna.get(f"/api/assets/{video}").json()["visibility"] == "hidden"
    assert found(anna, isMotion=True) == [still]
    apart = anna.put(f"/api/assets/{still}", {"livePhotoVideoId": None}).json()
    assert apart["livePhotoVideoId"] is None
    assert anna.get(f"/api/assets/{video}").json()["visibility"] == "timeline"


def test_what_is_locked_away_leaves_its_albums(server, anna):
    asset = anna.store(media.jpeg("locked"))
    album = anna.post("/api/albums", {"albumName": "A", "assetIds": [asset]}).json()["id"]
    assert anna.put(f"/api/assets/{asset}", {"visibility": "locked"}).status == 200
    assert anna.get(f"/api/albums/{album}").json()["assetCount"] == 0
    assert found(anna) == [] and months(anna) == []
    assert found(anna, visibility="locked") == [asset]


# Pictures


def test_a_picture_that_is_not_there_yet_is_not_found_and_not_kept(anna):
    asset = anna.store(b"\xff\xd8\xff\xe0 no picture at all", "broken.jpg")
    for size in ("", "?size=thumbnail", "?size=preview&edited=true&c=abc"):
        answer = anna.get(f"/api/assets/{asset}/thumbnail{size}")
        assert answer.status == 404, answer
        assert answer.header("cache-control") == "no-store"


def test_larger_pictures_are_the_original_or_the_preview(anna):
    jpeg, heic = anna.store(media.jpeg("web")), anna.store(media.heic("phone"), "a.heic")
    for asset, size, target in [
            (jpeg, "fullsize", f"/api/assets/{jpeg}/original?edited=true"),
            (jpeg, "original", f"/api/assets/{jpeg}/original?edited=true"),
            (heic, "original", f"/api/assets/{heic}/original?edited=true"),
            (heic, "fullsize", f"/api/assets/{heic}/thumbnail?edited=true&size=preview")]:
        answer = anna.get(f"/api/assets/{asset}/thumbnail?size={size}&edited=true")
        assert (answer.status, answer.header("location")) == (302, target)
    assert anna.get(f"/api/assets/{jpeg}/original?edited=true").body == media.jpeg("web")


def test_video_plays_in_ranges(anna):
    data = media.mp4("film")
    film, photo = anna.store(data, "film.mp4"), anna.store(media.jpeg("photo"))
    whole = anna.get(f"/api/assets/{film}/video/playback")
    assert (whole.status, whole.body, whole.header("content-type")) == (200, data, "video/mp4")
    assert whole.header("accept-ranges") == "bytes"
    for span, expected in [("bytes=0-99", data[:100]), ("bytes=-7", data[-7:]), ("bytes=49000-", data[49000:])]:
        part = anna.get(f"/api/assets/{film}/video/playback", fields={"Range": span})
        assert (part.status, part.body) == (206, expected)
    assert anna.get(f"/api/assets/{film}/video/playback", fields={"Range": "bytes=999999-"}).status == 416
    assert anna.get(f"/api/assets/{photo}/video/playback").status == 404


# Access


ROUTES = [
    ("GET", "/api/assets/{asset}", None, "asset.read"),
    ("PUT", "/api/assets/{asset}", {"isFavorite": False}, "asset.update"),
    ("PUT", "/api/assets", {"ids": ["{asset}"], "isFavorite": False}, "asset.update"),
    ("GET", "/api/assets/{asset}/thumbnail?size=fullsize", None, "asset.view"),
    ("GET", "/api/assets/{film}/video/playback", None, "asset.view"),
    ("GET", "/api/timeline/buckets", None, "asset.read"),
    ("GET", "/api/timeline/bucket?timeBucket=2024-07-01", None, "asset.read"),
    ("POST", "/api/search/metadata", {}, "asset.read"),
    ("POST", "/api/search/random", {}, "asset.read"),
    ("POST", "/api/search/statistics", {}, "asset.statistics"),
    ("GET", "/api/search/suggestions?type=camera-make", None, "asset.read"),
    ("GET", "/api/search/explore", None, "asset.read"),
    ("GET", "/api/search/cities", None, "asset.read"),
    ("GET", "/api/search/places?name=x", None, "asset.read"),
    ("GET", "/api/search/person?name=x", None, "person.read"),
]


def test_every_route_wants_its_permission_and_nobody_else_s_assets(server, anna, bert):
    asset, film = anna.store(media.jpeg("access")), anna.store(media.mp4("access"), "film.mp4")
    facts(server, asset, make="Anna's")
    keys = {permission: client.api_key(anna, permission) for *_, permission in ROUTES}
    keys["other"] = client.api_key(anna, "album.read", "asset.upload")

    def fill(value):
        text = json.dumps(value).replace("{asset}", asset).replace("{film}", film)
        return json.loads(text)

    for method, target, body, permission in ROUTES:
        target, body = fill(target), fill(body)
        assert anna.request(method, target, json_body=body).status in (200, 204, 302), target
        assert keys[permission].request(method, target, json_body=body).status in (200, 204, 302), target
        for name, key in keys.items():
            if name != permission:
                refused = key.request(method, target, json_body=body)
                assert (refused.status, refused.message) == (403, f"Missing required permission: {permission}"), target
        assert client.Client(server).request(method, target, json_body=body).status == 401, target
        theirs = bert.request(method, target, json_body=body)
        if asset in target or film in target or body and asset in str(body):
            assert (theirs.status, theirs.message) == (400, f"Not found or no {permission} access"), target
        else:
            assert theirs.status == 200, target
            assert asset not in theirs.body.decode() and "Anna" not in theirs.body.decode(), target


def test_shared_albums_show_what_is_in_them_and_nothing_else(server, anna, bert):
    inside, outside = anna.store(media.jpeg("in"), "in.jpg"), anna.store(media.jpeg("out"), "out.jpg")
    anna.put("/api/assets", {"ids": [inside], "isFavorite": True})
    album = anna.post("/api/albums", {"albumName": "A", "assetIds": [inside]}).json()["id"]
    assert bert.get(f"/api/timeline/buckets?albumId={album}").status == 400
    share(server, album, "bert@example.org")
    seen = bert.get(f"/api/assets/{inside}").json()
    assert seen["ownerId"] == anna.me()["id"] and seen["isFavorite"] is False, "a favourite is its owner's own business"
    assert bert.get(f"/api/assets/{inside}/thumbnail?size=original").status == 302
    assert bert.put(f"/api/assets/{inside}", {"isFavorite": True}).status == 400
    assert bert.get(f"/api/assets/{outside}").status == 400
    assert found(bert) == [] and months(bert) == []
    assert found(bert, albumIds=[album]) == [inside] and found(bert, albumIds=[album], isFavorite=True) == []
    assert months(bert, f"?albumId={album}") == [("2024-07-01", 1)]
    columns = month(bert, "2024-07-01", f"&albumId={album}")
    assert (columns["id"], columns["isFavorite"]) == ([inside], [False])
    anna.delete("/api/assets", {"ids": [inside]})
    assert bert.get(f"/api/assets/{inside}").status == 400
    assert found(bert, albumIds=[album]) == [] and months(bert, f"?albumId={album}&isTrashed=true") == []
    assert found(bert, albumIds=[album], withDeleted=True) == []


# Search


def test_filters(server, anna):
    # The facts are the test's own; the jobs would write theirs over them.
    assert anna.put("/api/jobs/metadataExtraction", {"command": "pause", "force": False}).status == 200

    def store(seed, name, **fields):
        return anna.store(media.bytes_for(name, seed), name, **fields)

    a = store("a", "Grüße aus Ålesund.JPG", fileCreatedAt="2020-01-01T00:00:00.000Z")
    b = store("b", "IMG_2.png", fileCreatedAt="2021-01-01T00:00:00.000Z")
    c = store("c", "film.mp4", fileCreatedAt="2022-01-01T00:00:00.000Z")
    anna.put("/api/assets", {"ids": [a], "rating": 4, "description": "Das MEER bei Ébène"})
    anna.put("/api/assets", {"ids": [c], "isFavorite": True, "visibility": "archive"})
    facts(server, a, make="Nikon", model="Z6", lens="50 mm")
    facts(server, b, make="Nikon", model="D90")
    album = anna.post("/api/albums", {"albumName": "A", "assetIds": [a, c]}).json()["id"]
    second = anna.post("/api/albums", {"albumName": "B", "assetIds": [c]}).json()["id"]
    data = media.bytes_for("IMG_2.png", "b")
    for query, expected in [
            ({}, [c, b, a]), ({"order": "asc"}, [a, b, c]), ({"size": 2}, [c, b, a]), ({"size": 1, "order": "asc"}, [a, b, c]),
            ({"id": b}, [b]), ({"id": NOBODY}, []),
            ({"checksum": base64_sha1(data)}, [b]), ({"checksum": hashlib.sha1(data).hexdigest()}, [b]),
            ({"originalFileName": "GRUSSE"}, []), ({"originalFileName": "grusse"}, []), ({"originalFileName": "gruße"}, [a]),
            ({"originalFileName": "aalesund"}, []), ({"originalFileName": "alesund"}, [a]), ({"originalFileName": "_2"}, [b]),
            ({"originalFileName": "%"}, []), ({"originalFileName": "."}, [c, b, a]), ({"originalFileName": ""}, [c, b, a]),
            ({"originalPath": "2021-01"}, [b]), ({"originalPath": "ANNA/"}, [c, b, a]),
            ({"description": "meer"}, [a]), ({"description": "ebene"}, [a]), ({"description": "berg"}, []),
            ({"type": "VIDEO"}, [c]), ({"type": "IMAGE"}, [b, a]), ({"type": "AUDIO"}, []),
            ({"visibility": "archive"}, [c]), ({"visibility": "timeline"}, [b, a]), ({"visibility": "hidden"}, []),
            ({"isFavorite": True}, [c]), ({"isFavorite": False}, [b, a]),
            ({"isMotion": True}, []), ({"isMotion": False}, [c, b, a]),
            ({"takenAfter": "2021-01-01T00:00:00.000Z"}, [c, b]), ({"takenBefore": "2021-01-01T01:00:00+01:00"}, [b, a]),
            ({"takenAfter": "2021-06-01T00:00:00Z", "takenBefore": "2021-07-01T00:00:00Z"}, []),
            ({"createdAfter": "2024-01-01T00:00:00Z"}, [c, b, a]), ({"createdBefore": "2024-01-01T00:00:00Z"}, []),
            ({"updatedAfter": "2024-01-01T00:00:00Z"}, [c, b, a]),
            ({"make": "Nikon"}, [b, a]), ({"make": "Nikon", "model": "Z6"}, [a]), ({"model": "D90"}, [b]),
            ({"make": None}, [c]), ({"lensModel": "50 mm"}, [a]), ({"lensModel": None}, [c, b]), ({"make": "nikon"}, []),
            ({"rating": 4}, [a]), ({"rating": 3}, []), ({"rating": None}, [c, b]),
            ({"albumIds": [album]}, [c, a]), ({"albumIds": [album, second]}, [c]), ({"isNotInAlbum": True}, [b]),
            ({"albumIds": [album], "originalFileName": "film"}, [c]),
            ({"city": "Paris"}, []), ({"city": None}, [c, b, a]), ({"personIds": [NOBODY]}, []), ({"personIds": []}, [c, b, a]),
            ({"tagIds": None}, [c, b, a]), ({"tagIds": [NOBODY]}, []), ({"libraryId": None}, [c, b, a]), ({"isOffline": True}, []),
            ({"isOffline": False}, [c, b, a]), ({"ocr": "text"}, []), ({"withStacked": True, "withPeople": True}, [c, b, a]),
    ]:
        assert found(anna, **query) == expected, query
        sizeless = {name: value for name, value in query.items() if name not in ("size", "order")}
        total = anna.post("/api/search/statistics", sizeless).json()["total"]
        assert total == len(expected), query
        drawn = anna.post("/api/search/random", {**sizeless, "size": 1000})
        assert sorted(asset["id"] for asset in drawn.json()) == sorted(expected), query
    anna.delete("/api/assets", {"ids": [b]})
    assert found(anna) == [c, a] and found(anna, withDeleted=True) == [c, b, a]
    assert found(anna, trashedAfter="0001-01-01T00:00:00.000Z") == [b], "immich-go asks so"
    assert found(anna, trashedBefore="2000-01-01T00:00:00.000Z") == []
    assert "exifInfo" not in search(anna)["items"][0]
    assert search(anna, withExif=True)["items"][0]["exifInfo"]["fileSizeInByte"] == len(media.mp4("c"))
    assert search(anna, page=1 << 50)["items"] == []
    suggested = [anna.get(f"/api/search/suggestions?type={kind}").json() for kind in (
        "camera-make", "camera-model", "camera-lens-model", "camera-model&make=Canon", "city")]
    assert suggested == [["Nikon"], ["Z6"], ["50 mm"], [], []], "what lies in the trash is not suggested"


def test_random_ones_differ(anna):
    ids = {anna.store(media.jpeg(f"random {number}")) for number in range(12)}
    drawn = [tuple(asset["id"] for asset in anna.post("/api/search/random", {"size": 4}).json()) for _ in range(6)]
    assert all(len(set(some)) == 4 and set(some) <= ids for some in drawn)
    assert len(set(drawn)) > 1


def test_months_by_wall_clock_and_by_arrival(anna):
    moments = ["2024-02-29T23:30:00.000-05:00", "1969-12-31T23:59:59.999Z", "2024-03-01T00:30:00.000+02:00",
               "0001-01-01T00:00:00.000Z", "9999-12-31T23:59:59.000Z"]
    ids = [anna.store(media.jpeg(moment), fileCreatedAt=moment) for moment in moments]
    assert months(anna) == [
        ("9999-12-01", 1), ("2024-03-01", 1), ("2024-02-01", 1), ("1969-12-01", 1), ("0001-01-01", 1)]
    for name, asset in zip(("2024-02-01", "1969-12-01", "2024-03-01", "0001-01-01"), ids):
        assert month(anna, name)["id"] == [asset], name
    assert month(anna, "9999-12-01")["id"] == [ids[4]]
    assert month(anna, "2024-02-15")["localOffsetHours"] == [-5]
    now = f"{datetime.datetime.now(datetime.UTC):%Y-%m}-01"
    assert months(anna, "?orderBy=createdAt") == [(now, 5)]
    assert month(anna, now, "&orderBy=createdAt")["id"] == ids[::-1]
    assert month(anna, now, "&orderBy=createdAt&order=asc")["id"] == ids


def test_places(anna):
    ids = [anna.store(media.jpeg(f"place {number}")) for number in range(3)]
    for asset, (latitude, longitude) in zip(ids, [(47.6, 9.4), (-18.1, 178.4)]):
        anna.put(f"/api/assets/{asset}", {"latitude": latitude, "longitude": longitude})
    assert months(anna, "?bbox=9,47,10,48") == [("2024-07-01", 1)]
    assert month(anna, "2024-07-01", "&bbox=170,-30,-170,0")["id"] == [ids[1]], "across the date line"
    columns = month(anna, "2024-07-01", "&withCoordinates=true&withStacked=true&order=asc")
    assert (columns["latitude"], columns["longitude"]) == ([47.6, -18.1, None], [9.4, 178.4, None])
    assert columns["stack"] == [None] * 3


def test_names_from_before_the_search_are_found_after_a_restart(server, anna):
    asset = anna.store(media.jpeg("old"), "Überall.jpg")
    server.stop()
    with catalog.opened(server.data, write=True) as db:
        db.execute("UPDATE asset SET search_name = NULL")
    server.start()
    again = client.session(server)
    assert found(again, originalFileName="uberall") == [asset]


# Against a model


class Model:
    """What one household's answers must be."""

    def __init__(self, server, people, seed):
        self.server, self.people, self.chance = server, people, random.Random(seed)
        self.assets = {}  # id -> a dictionary
        self.albums = {name: {} for name in people}  # id -> set of ids
        self.uploads = 0

    def own(self, name):
        return [asset for asset, about in self.assets.items() if about["owner"] == name]

    def some(self, name):
        own = self.own(name)
        return self.chance.sample(own, min(len(own), self.chance.randint(1, 4)))

    def step(self):
        name = self.chance.choice(list(self.people))
        who = self.people[name]
        operation = self.chance.choices(
            [self.upload, self.change, self.trash, self.restore, self.album, self.join, self.leave],
            [6, 6, 2, 1, 1, 3, 1])[0]
        operation(name, who)

    def upload(self, name, who):
        self.uploads += 1
        offset = self.chance.choice([-11, -5, 0, 0, 1, 5.5, 14])
        taken = datetime.datetime(
            self.chance.choice([1999, 2023, 2024]), self.chance.choice([1, 2, 12]), self.chance.choice([1, 15, 28]),
            self.chance.choice([0, 12, 23]), 30, tzinfo=datetime.timezone(datetime.timedelta(hours=offset)))
        film = self.chance.random() < 0.2
        filename = self.chance.choice(["IMG_{}", "Ägäis {}", "DSC{}"]).format(self.uploads) + (".mp4" if film else ".png")
        favorite = self.chance.random() < 0.3
        visibility = self.chance.choice(["timeline"] * 6 + ["archive", "hidden", "locked"])
        asset = who.store(
            media.bytes_for(filename, f"model {self.uploads}"), filename, fileCreatedAt=taken.isoformat(timespec="milliseconds"),
            isFavorite=str(favorite).lower(), visibility=visibility)
        self.assets[asset] = {
            "owner": name, "taken": taken, "kind": "VIDEO" if film else "IMAGE", "name": filename, "favorite": favorite,
            "visibility": visibility, "trashed": False, "description": "", "rating": None, "number": self.uploads}

    def change(self, name, who):
        ids = self.some(name)
        if not ids:
            return
        fields, changes = {}, {}
        if self.chance.random() < 0.4:
            changes["favorite"] = fields["isFavorite"] = self.chance.random() < 0.5
        if self.chance.random() < 0.3:
            changes["visibility"] = fields["visibility"] = self.chance.choice(["timeline", "archive", "hidden", "locked"])
        if self.chance.random() < 0.3:
            changes["description"] = fields["description"] = self.chance.choice(["", "am Meer", "Berg"])
        if self.chance.random() < 0.3:
            changes["rating"] = fields["rating"] = self.chance.choice([None, 1, 5])
        if self.chance.random() < 0.3:
            zone = datetime.timezone(datetime.timedelta(hours=self.chance.choice([-3, 0, 9])))
            changes["taken"] = datetime.datetime(self.chance.choice([2001, 2024]), 2, 28, 23, 59, 59, 999000, zone)
            fields["dateTimeOriginal"] = changes["taken"].isoformat(timespec="milliseconds")
        if len(ids) == 1:
            assert who.put(f"/api/assets/{ids[0]}", fields).status == 200
        else:
            assert who.put("/api/assets", {"ids": ids} | fields).status == 204
        for asset in ids:
            self.assets[asset] |= changes
            if changes.get("visibility") == "locked":
                for members in self.albums[name].values():
                    members.discard(asset)

    def trash(self, name, who):
        if ids := self.some(name):
            assert who.delete("/api/assets", {"ids": ids}).status == 204
            for asset in ids:
                self.assets[asset]["trashed"] = True

    def restore(self, name, who):
        if ids := self.some(name):
            assert who.post("/api/trash/restore/assets", {"ids": ids}).status == 200
            for asset in ids:
                self.assets[asset]["trashed"] = False

    def album(self, name, who):
        self.albums[name][who.post("/api/albums", {"albumName": "A"}).json()["id"]] = set()

    def join(self, name, who):
        if self.albums[name] and (ids := self.some(name)):
            album = self.chance.choice(list(self.albums[name]))
            assert who.put(f"/api/albums/{album}/assets", {"ids": ids}).status == 200
            self.albums[name][album] |= {asset for asset in ids if self.assets[asset]["visibility"] != "locked"}

    def leave(self, name, who):
        if self.albums[name]:
            album = self.chance.choice(list(self.albums[name]))
            ids = self.some(name)
            assert who.delete(f"/api/albums/{album}/assets", {"ids": ids}).status == 200
            self.albums[name][album] -= set(ids)

    # What the server must say

    def compare(self):
        for name, who in self.people.items():
            self.compare_timeline(name, who)
            self.compare_search(name, who)

    def compare_timeline(self, name, who):
        query, tests = [], []
        visibility = self.chance.choice([None, None, "timeline", "archive", "hidden", "locked"])
        shown = [visibility] if visibility else ["timeline", "archive"]
        if visibility:
            query.append(f"visibility={visibility}")
        trashed = self.chance.choice([None, False, True])
        if trashed is not None:
            query.append(f"isTrashed={str(trashed).lower()}")
        favorite = self.chance.choice([None, None, False, True])
        if favorite is not None:
            query.append(f"isFavorite={str(favorite).lower()}")
            tests.append(lambda about: about["favorite"] == favorite)
        ids = self.own(name)
        if self.albums[name] and self.chance.random() < 0.4:
            album = self.chance.choice(list(self.albums[name]))
            query.append(f"albumId={album}")
            ids = self.albums[name][album]
        expected = {}
        for asset in ids:
            about = self.assets[asset]
            if about["visibility"] in shown and about["trashed"] == bool(trashed) and all(test(about) for test in tests):
                expected.setdefault(f"{about['taken']:%Y-%m}-01", set()).add(asset)
        ascending = self.chance.random() < 0.3
        if ascending:
            query.append("order=asc")
        text = "&".join(query)
        assert months(who, f"?{text}") == sorted(
            ((key, len(members)) for key, members in expected.items()), reverse=not ascending), text
        for key, members in expected.items():
            columns = month(who, key, f"&{text}")
            assert set(columns["id"]) == members and len(columns["id"]) == len(members), (key, text)
            clocks = [self.assets[asset]["taken"].replace(tzinfo=None) for asset in columns["id"]]
            assert clocks == sorted(clocks, reverse=not ascending)
            for index, asset in enumerate(columns["id"]):
                about = self.assets[asset]
                assert columns["isFavorite"][index] == about["favorite"]
                assert columns["isImage"][index] == (about["kind"] == "IMAGE")
                assert columns["isTrashed"][index] == about["trashed"]
                assert columns["visibility"][index] == about["visibility"]
                assert columns["localOffsetHours"][index] == about["taken"].utcoffset().total_seconds() / 3600

    def compare_search(self, name, who):
        query, tests = {}, []

        def filters(probability, key, value, test):
            if self.chance.random() < probability:
                query[key] = value
                tests.append(test)

        visibility = self.chance.choice([None, None, "timeline", "archive", "hidden", "locked"])
        shown = [visibility] if visibility else ["timeline", "archive", "hidden"]
        if visibility:
            query["visibility"] = visibility
        deleted = self.chance.choice(["without", "with", "only"])
        if deleted == "with":
            query["withDeleted"] = True
        if deleted == "only":
            query["trashedAfter"] = "0001-01-01T00:00:00.000Z"
        favorite, kind = self.chance.random() < 0.5, self.chance.choice(["IMAGE", "VIDEO"])
        rating, word = self.chance.choice([None, 1, 5]), self.chance.choice(["meer", "berg"])
        part = self.chance.choice(["agais", "img_1", "7", ".PNG", "nothing"])
        moment = datetime.datetime(2023, 6, 1, tzinfo=datetime.UTC)
        filters(0.3, "isFavorite", favorite, lambda about: about["favorite"] == favorite)
        filters(0.3, "type", kind, lambda about: about["kind"] == kind)
        filters(0.2, "rating", rating, lambda about: about["rating"] == rating)
        filters(0.2, "description", word, lambda about: word in about["description"].lower())
        filters(0.3, "originalFileName", part,
                lambda about: part.lower() in about["name"].lower().replace("ä", "a"))
        filters(0.2, "takenAfter", moment.isoformat(), lambda about: about["taken"] >= moment)
        filters(0.2, "takenBefore", moment.isoformat(), lambda about: about["taken"] <= moment)
        ids = self.own(name)
        if self.albums[name] and self.chance.random() < 0.3:
            album = self.chance.choice(list(self.albums[name]))
            query["albumIds"] = [album]
            ids = self.albums[name][album]
        elif self.chance.random() < 0.2:
            query["isNotInAlbum"] = True
            ids = [asset for asset in ids if not any(asset in members for members in self.albums[name].values())]
        expected = []
        for asset in ids:
            about = self.assets[asset]
            in_trash = {"without": not about["trashed"], "with": True, "only": about["trashed"]}[deleted]
            if about["visibility"] in shown and in_trash and all(test(about) for test in tests):
                expected.append(asset)
        ascending = self.chance.random() < 0.5
        expected.sort(key=lambda asset: (self.assets[asset]["taken"], asset), reverse=not ascending)
        asked = query | {"size": self.chance.choice([1, 3, 1000])} | ({"order": "asc"} if ascending else {})
        assert found(who, **asked) == expected, asked
        assert who.post("/api/search/statistics", query).json()["total"] == len(expected), query
        drawn = [asset["id"] for asset in who.post("/api/search/random", query | {"size": 1000}).json()]
        assert sorted(drawn) == sorted(expected), query


@pytest.mark.parametrize("seed", [1, random.SystemRandom().randrange(1 << 30)])
def test_after_whatever_happened_every_answer_is_the_model_s(server, anna, bert, seed):
    model = Model(server, {"anna": anna, "bert": bert}, seed)
    for step in range(STEPS):
        model.step()
        if step % 2:
            model.compare()
    counted = "SELECT owner, basis, visibility, is_trashed, is_favorite, month"
    with catalog.opened(server.data) as db:
        kept = db.execute(f"{counted}, count FROM month WHERE count > 0").fetchall()
        real = db.execute(f"{counted}, count(*) FROM asset_month GROUP BY 1, 2, 3, 4, 5, 6").fetchall()
    assert sorted(map(tuple, kept)) == sorted(map(tuple, real))


def test_what_is_locked_away_is_for_no_key(server, anna):
    """A photo frame's key, or one with every permission: neither reads, finds, downloads nor unlocks it; its owner does."""
    motion = anna.store(media.mov("motion"), "a.mov", visibility="hidden")
    still = anna.store(media.heic("still"), "a.heic", livePhotoVideoId=motion)
    other = anna.store(media.jpeg("other"))
    assert anna.put(f"/api/assets/{still}", {"visibility": "locked"}).status == 200
    key = client.api_key(anna)
    for asset in (still, motion):
        assert anna.get(f"/api/assets/{asset}").status == 200 and anna.original(asset).status == 200
        for path in ("", "/original", "/thumbnail", "/video/playback"):
            assert key.get(f"/api/assets/{asset}{path}").status == 400, path
        for path in ("info", "archive"):
            assert key.post(f"/api/download/{path}", {"assetIds": [other, asset]}).status == 400, path
        assert key.put(f"/api/assets/{asset}", {"visibility": "timeline"}).status == 400
        assert key.put("/api/assets", {"ids": [other, asset], "isFavorite": True}).status == 400
    for refused in (
            key.post("/api/search/metadata", {"visibility": "locked"}), key.post("/api/search/random", {"visibility": "locked"}),
            key.post("/api/search/statistics", {"visibility": "locked"}), key.get("/api/timeline/buckets?visibility=locked"),
            key.get("/api/assets/statistics?visibility=locked")):
        assert refused.status == 403 and "Elevated permission" in refused.message
    assert found(key) == [other] and key.get("/api/timeline/buckets?visibility=hidden").json() == []
    assert found(anna, visibility="locked") == [still]
