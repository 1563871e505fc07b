"""The stream that the phone app waits for before it backs up: after whatever happened, a phone's tables equal the server's."""

import base64
import datetime
import itertools
import json
import os
import random
import threading
import time
import uuid

import pytest

from harness import catalog, client, process
from harness.phone import REQUEST, Killed, Phone

STEPS = int(os.environ.get("NIGHTSTAND_SYNC_STEPS", "1500"))


def text_id(raw):
    return str(uuid.UUID(bytes=raw))


def server_state(data, email):
    """What a phone of this person must hold, read from the catalog."""
    with catalog.opened(data) as db:
        db.text_factory = str
        me = db.execute("SELECT number, id FROM user WHERE email = ?", [email]).fetchone()
        users = {text_id(row["id"]) for row in db.execute("SELECT id FROM user")}
        mine = "(SELECT album FROM album_user WHERE user = ?)"
        assets = {
            text_id(row["id"]): (
                base64.b64encode(row["sha1"]).decode(), row["deleted_at"] is not None, row["visibility"],
                bool(row["is_favorite"]) and row["owner"] == me["number"], row["file_created_at"])
            for row in db.execute(
                f"SELECT id, owner, sha1, deleted_at, visibility, is_favorite, file_created_at FROM asset WHERE owner = ? OR number IN"
                f" (SELECT asset FROM album_asset WHERE album IN {mine})", [me["number"], me["number"]])}
        albums = {
            text_id(row["id"]): (row["name"], row["cover"] and text_id(row["cover"]))
            for row in db.execute(
                "SELECT album.id, album.name, asset.id AS cover FROM album LEFT JOIN asset ON asset.number = album.thumbnail"
                f" WHERE album.number IN {mine}", [me["number"]])}
        members = {
            (text_id(row["album"]), text_id(row["user"]), row["role"])
            for row in db.execute(
                "SELECT album.id AS album, user.id AS user, role FROM album_user JOIN album ON album.number = album_user.album"
                f" JOIN user ON user.number = album_user.user WHERE album_user.album IN {mine}", [me["number"]])}
        links = {
            (text_id(row["album"]), text_id(row["asset"]))
            for row in db.execute(
                "SELECT album.id AS album, asset.id AS asset FROM album_asset JOIN album ON album.number = album_asset.album"
                f" JOIN asset ON asset.number = album_asset.asset WHERE album_asset.album IN {mine}", [me["number"]])}
        facts = {
            text_id(row["id"]): (row["description"], row["rating"], row["size"])
            for row in db.execute(
                "SELECT asset.id, description, rating, size FROM facts JOIN asset ON asset.number = facts.asset"
                f" WHERE facts.owner = ? OR facts.asset IN (SELECT asset FROM album_asset WHERE album IN {mine})",
                [me["number"], me["number"]])}
        used = db.execute("SELECT used FROM user WHERE number = ?", [me["number"]]).fetchone()["used"]
    return {"me": text_id(me["id"]), "users": users, "assets": assets, "albums": albums, "members": members,
            "links": links, "facts": facts, "used": used}


def phone_state(phone):
    """The same of a phone."""
    assets, facts = {}, {}
    for asset, checksum, data in phone.rows("SELECT id, checksum, data FROM asset"):
        value = json.loads(data)
        taken = datetime.datetime.fromisoformat(value["fileCreatedAt"]) - datetime.datetime.fromtimestamp(0, datetime.UTC)
        assets[asset] = (checksum, value["deletedAt"] is not None, value["visibility"], value["isFavorite"],
                         taken // datetime.timedelta(milliseconds=1))
    for asset, data in phone.rows("SELECT asset, data FROM exif"):
        value = json.loads(data)
        facts[asset] = (value["description"], value["rating"], value["fileSizeInByte"])
    (auth, data), = phone.rows("SELECT id, data FROM auth_user")
    return {
        "me": auth, "users": {row[0] for row in phone.rows("SELECT id FROM user")}, "assets": assets,
        "albums": {
            row[0]: (json.loads(row[2])["name"], row[1]) for row in phone.rows("SELECT id, thumbnail, data FROM album")},
        "members": set(phone.rows("SELECT album, user, role FROM album_user")),
        "links": set(phone.rows("SELECT album, asset FROM album_asset")), "facts": facts,
        "used": json.loads(data)["quotaUsageInBytes"]}


class Household:
    """Two people who do whatever people do, at random."""

    def __init__(self, server, seed):
        self.server, self.random = server, random.Random(seed)
        self.people = {}
        for email in ("anna@example.org", "bert@example.org"):
            if email != "anna@example.org":
                secret = server.data.parent / "password"
                secret.write_text(client.PASSWORD)
                server.command("user", "add", email, "--password-file", secret)
            session, _ = client.log_in(server, email)
            self.people[email] = session
        self.emails = list(self.people)
        self.serial = 0
        self.deleted = []

    def close(self):
        for session in self.people.values():
            session.close()

    def ids(self, statement, *arguments):
        with catalog.opened(self.server.data) as db:
            return [text_id(row[0]) for row in db.execute(statement, arguments)]

    def assets(self, email):
        return self.ids(
            "SELECT asset.id FROM asset JOIN user ON user.number = owner WHERE email = ? ORDER BY asset.number", email)

    def albums(self, email):
        return self.ids(
            "SELECT album.id FROM album JOIN user ON user.number = owner WHERE email = ? ORDER BY album.number", email)

    def step(self):
        email = self.random.choice(self.emails)
        session = self.people[email]
        getattr(self, self.random.choice([
            "upload", "upload", "upload", "again", "trash", "restore", "new_album", "rename", "add", "add", "remove",
            "drop_album", "share", "unshare", "role", "describe", "favourite", "delete", "preferences", "cover"]))(email, session)

    def upload(self, email, session):
        self.serial += 1
        metadata = [{"key": "mobile-app", "value": {"iCloudId": str(self.serial), "latitude": "1.5"}}]
        session.store(f"photo {self.serial}".encode(), f"IMG_{self.serial}.jpg", metadata=json.dumps(metadata))

    def again(self, email, session):
        """The bytes of something that was deleted for good: a new asset, which the app takes only behind the deletion."""
        if self.deleted:
            owner, data = self.deleted.pop()
            assert self.people[owner].upload(data, "again.jpg").status in (200, 201)

    def some(self, things, most=5):
        return self.random.sample(things, min(len(things), self.random.randint(1, most))) if things else []

    def trash(self, email, session):
        ids = self.some(self.assets(email))
        if ids:
            assert session.delete("/api/assets", {"ids": ids}).status == 204

    def restore(self, email, session):
        ids = self.some(self.assets(email))
        if ids:
            assert session.post("/api/trash/restore/assets", {"ids": ids}).status == 200

    def new_album(self, email, session):
        if len(self.albums(email)) < 6:
            ids = self.some(self.assets(email))
            assert session.post("/api/albums", {"albumName": f"Album {self.serial}", "assetIds": ids}).status == 201

    def rename(self, email, session):
        for album in self.some(self.albums(email), 1):
            assert session.patch(f"/api/albums/{album}", {"albumName": f"Name {self.random.random()}"}).status == 200

    def editable(self, email):
        """Albums that somebody owns, or may edit."""
        return self.ids(
            "SELECT album.id FROM album JOIN album_user ON album_user.album = album.number JOIN user ON user.number = album_user.user"
            " WHERE email = ? AND role <> 'viewer' ORDER BY album.number", email)

    def add(self, email, session):
        for album in self.some(self.editable(email), 1):
            assert session.put(f"/api/albums/{album}/assets", {"ids": self.some(self.assets(email)) or []}).status == 200

    def remove(self, email, session):
        for album in self.some(self.editable(email), 1):
            assert session.delete(f"/api/albums/{album}/assets", {"ids": self.some(self.assets(email)) or []}).status == 200

    def drop_album(self, email, session):
        if self.random.random() < 0.3:
            for album in self.some(self.albums(email), 1):
                assert session.delete(f"/api/albums/{album}").status == 204

    def strangers(self, email):
        """Albums of a person, and people who do not see them."""
        with catalog.opened(self.server.data) as db:
            return [(text_id(album), text_id(user)) for album, user in db.execute(
                "SELECT album.id, user.id FROM album JOIN user AS owner ON owner.number = album.owner, user WHERE owner.email = ?"
                " AND NOT EXISTS (SELECT 1 FROM album_user WHERE album = album.number AND user = user.number)"
                " ORDER BY album.number, user.number", [email])]

    def guests(self, email):
        """Albums of a person, and who else sees them, as what."""
        with catalog.opened(self.server.data) as db:
            return [(text_id(album), text_id(user), guest.decode(), role.decode()) for album, user, guest, role in db.execute(
                "SELECT album.id, user.id, user.email, role FROM album JOIN user AS owner ON owner.number = album.owner"
                " JOIN album_user ON album_user.album = album.number JOIN user ON user.number = album_user.user"
                " WHERE owner.email = ? AND role <> 'owner' ORDER BY album.number, user.number", [email])]

    def share(self, email, session):
        for album, user in self.some(self.strangers(email), 1):
            role = self.random.choice(["editor", "viewer"])
            answer = session.put(f"/api/albums/{album}/users", {"albumUsers": [{"userId": user, "role": role}]})
            assert answer.status == 200, answer

    def unshare(self, email, session):
        """By its owner, or by who leaves."""
        for album, user, guest, _ in self.some(self.guests(email), 1):
            if self.random.random() < 0.5:
                assert session.delete(f"/api/albums/{album}/user/{user}").status == 204
            else:
                assert self.people[guest].delete(f"/api/albums/{album}/user/me").status == 204

    def role(self, email, session):
        for album, user, _, role in self.guests(email):
            other = "viewer" if role == "editor" else "editor"
            assert session.put(f"/api/albums/{album}/user/{user}", {"role": other}).status == 204

    def describe(self, email, session):
        for asset in self.some(self.assets(email), 1):
            answer = session.put(f"/api/assets/{asset}", {
                "description": f"at {self.random.random()}", "rating": self.random.randint(1, 5)})
            assert answer.status == 200, answer

    def favourite(self, email, session):
        ids = self.some(self.assets(email))
        if ids:
            assert session.put("/api/assets", {"ids": ids, "isFavorite": self.random.random() < 0.5}).status == 204

    def delete(self, email, session):
        """For good: some of what lies in the trash, or all of it."""
        trashed = self.ids(
            "SELECT asset.id FROM asset JOIN user ON user.number = owner WHERE email = ? AND asset.deleted_at IS NOT NULL"
            " ORDER BY asset.number", email)
        if not trashed:
            return
        chosen = trashed if self.random.random() < 0.1 else self.some(trashed, 2)
        bytes_of = {asset: session.original(asset).body for asset in chosen}
        if chosen is trashed:
            assert session.post("/api/trash/empty").json() == {"count": len(trashed)}
        else:
            assert session.delete("/api/assets", {"ids": chosen, "force": True}).status == 204
        self.deleted += [(email, data) for data in bytes_of.values()]

    def preferences(self, email, session):
        order = self.random.choice(["asc", "desc"])
        assert session.put("/api/users/me/preferences", {"albums": {"defaultAssetOrder": order}}).status == 200

    def cover(self, email, session):
        for album in self.some(self.albums(email), 1):
            members = self.ids(
                "SELECT asset.id FROM album_asset JOIN asset ON asset.number = asset JOIN album ON album.number = album"
                " WHERE album.id = ?", uuid.UUID(album).bytes)
            if members:
                answer = session.patch(f"/api/albums/{album}", {"albumThumbnailAssetId": self.random.choice(members)})
                assert answer.status == 200, answer


def synced(phone, server, email, killed=lambda: False):
    """Syncs, and compares where nothing changed on the server meanwhile: jobs read facts from files when they come to it."""
    before = server_state(server.data, email)
    phone.sync(killed)
    for _ in range(50):
        after = server_state(server.data, email)
        if after == before:
            return compare(phone, after)
        before = after
        phone.sync()
    raise AssertionError("the server never stands still")


def compare(phone, expected):
    found = phone_state(phone)
    for kind, rows in expected.items():
        if found[kind] == rows:
            continue
        if isinstance(rows, dict):
            missing = {key: (rows.get(key), found[kind].get(key)) for key in rows.keys() | found[kind].keys()
                       if rows.get(key) != found[kind].get(key)}
        else:
            missing = rows, found[kind]
        raise AssertionError(f"{kind}: server and phone: {missing}")


def new_phone(server, email):
    session, _ = client.log_in(server, email)
    return Phone(session)


@pytest.mark.parametrize("seed", [1, random.SystemRandom().randrange(1 << 30)])
def test_a_phone_that_is_killed_at_random_always_ends_equal_to_the_server(server, seed):
    """Both people's phones; the random seed is in the test's name."""
    household = Household(server, seed)
    chance = random.Random(seed + 1)
    phones = {email: new_phone(server, email) for email in household.emails}
    for phone in phones.values():
        phone.batch = chance.choice([3, 50, 5000])
    syncs = kills = 0
    try:
        for step in range(STEPS):
            household.step()
            if chance.random() < 0.15:
                email = chance.choice(household.emails)
                syncs += 1
                try:
                    synced(phones[email], server, email, lambda: chance.random() < 0.05)
                except Killed:
                    kills += 1
            if chance.random() < 0.01:
                # A new login starts with nothing.
                email = chance.choice(household.emails)
                phones[email].close()
                phones[email] = new_phone(server, email)
        for email, phone in phones.items():
            synced(phone, server, email)
            # Jobs may still read facts from files behind the last sync; sooner or later nothing is new.
            process.until(lambda: phone.sync() == 1, 120, "a phone that knows everything gets nothing but the end")
        assert syncs > STEPS / 20 and kills > 3, (syncs, kills)
    finally:
        household.close()
        for phone in phones.values():
            phone.close()


def test_what_changes_behind_a_phone_that_was_killed_arrives(server):
    """At every single step of its first sync: what its person sees of another's photo, and what changes then, comes later."""
    household = Household(server, 3)
    anna, bert = household.emails
    his = text_id(user_id(server, bert))
    steps = itertools.count()
    for step in steps:
        asset = household.people[anna].store(f"shared {step}".encode())
        album = household.people[anna].post("/api/albums", {
            "albumName": f"Shared {step}", "assetIds": [asset], "albumUsers": [{"userId": his, "role": "viewer"}]})
        assert album.status == 201, album
        phone = new_phone(server, bert)
        asked = itertools.count()
        try:
            phone.sync(lambda: next(asked) == step)
            was_killed = False
        except Killed:
            was_killed = True
        answer = household.people[anna].put(f"/api/assets/{asset}", {
            "dateTimeOriginal": "2010-01-01T00:00:00.000Z", "description": f"later {step}", "isFavorite": True})
        assert answer.status == 200, answer
        synced(phone, server, bert)
        # The photo's facts may be read meanwhile.
        process.until(lambda: phone.sync() == 1, 120, "the end of changes")
        synced(phone, server, bert)
        phone.close()
        if not was_killed:
            break
    assert next(steps) > 20, "every kind of line was there"
    household.close()


def user_id(server, email):
    with catalog.opened(server.data) as db:
        return db.execute("SELECT id FROM user WHERE email = ?", [email]).fetchone()[0]


def test_a_phone_that_forgets_where_it_stands_with_changes_gets_them_all(server):
    household = Household(server, 3)
    anna, bert = household.emails
    asset = household.people[anna].store(b"shared")
    assert household.people[anna].post("/api/albums", {"albumName": "A", "assetIds": [asset], "albumUsers": [
        {"userId": text_id(user_id(server, bert)), "role": "viewer"}]}).status == 201
    phone = new_phone(server, bert)
    phone.sync()
    assert phone.client.delete("/api/sync/ack", {"types": ["AlbumAssetUpdateV2"]}).status == 204
    assert household.people[anna].put(f"/api/assets/{asset}", {"dateTimeOriginal": "2010-01-01T00:00:00.000Z"}).status == 200
    synced(phone, server, bert)
    phone.close()
    household.close()


def test_rows_that_change_while_a_stream_runs_do_no_harm(server):
    """A stream sees one moment: writers go on beside it, and no line names a row that the phone does not have."""
    household = Household(server, 7)
    for _ in range(60):
        household.step()
    stop = threading.Event()

    def work():
        while not stop.is_set():
            household.step()

    worker = threading.Thread(target=work)
    worker.start()
    phone = new_phone(server, "anna@example.org")
    try:
        end = time.monotonic() + 8
        while time.monotonic() < end:
            phone.sync()
    finally:
        stop.set()
        worker.join()
    synced(phone, server, "anna@example.org")
    household.close()
    phone.close()


def test_api_keys_are_refused(admin):
    for answer in (
            admin.post("/api/sync/stream", {"types": []}), admin.get("/api/sync/ack"),
            admin.post("/api/sync/ack", {"acks": []}), admin.delete("/api/sync/ack", {"types": []})):
        assert answer.status == 403
        assert answer.json()["message"] == "Sync endpoints cannot be used with API keys"


def test_acknowledgements(server):
    session = client.session(server)
    assert session.get("/api/sync/ack").json() == []
    answer = session.post("/api/sync/ack", {"acks": ["Nonsense|1"]})
    assert answer.status == 400 and answer.json()["message"] == "Invalid ack type: Nonsense"
    assert session.post("/api/sync/ack", {"acks": ["x"] * 1001}).status == 400
    # Of another type than the line that carried it, and of types that this server never sends.
    assert session.post("/api/sync/ack", {"acks": ["AssetV2|5.5", "PersonV1|whatever", "AssetV2|7.1"]}).status == 204
    assert session.get("/api/sync/ack").json() == [
        {"type": "AssetV2", "ack": "AssetV2|7.1"}, {"type": "PersonV1", "ack": "PersonV1|whatever"}]
    assert session.delete("/api/sync/ack", {"types": ["PersonV1"]}).status == 204
    assert [row["type"] for row in session.get("/api/sync/ack").json()] == ["AssetV2"]
    # Another login of the same person stands elsewhere.
    other, _ = client.log_in(server)
    assert other.get("/api/sync/ack").json() == []
    assert session.post("/api/sync/ack", {"acks": ["SyncResetV1|reset", "AssetV2|9.9"]}).status == 204
    assert session.get("/api/sync/ack").json() == []
    session.post("/api/sync/ack", {"acks": ["AssetV2|1.1"]})
    assert session.delete("/api/sync/ack").status == 204
    assert session.get("/api/sync/ack").json() == []


def test_what_was_acknowledged_does_not_come_again(server):
    phone = new_phone(server, "anna@example.org")
    for number in range(3):
        phone.client.store(f"{number}".encode())
    phone.sync()
    answer = phone.client.post("/api/sync/stream", {"types": REQUEST})
    assert [json.loads(line)["type"] for line in answer.body.splitlines()] == ["SyncCompleteV1"] or \
        {json.loads(line)["type"] for line in answer.body.splitlines()} <= {"SyncAckV1", "SyncCompleteV1"}
    answer = phone.client.post("/api/sync/stream", {"types": ["AssetsV2"], "reset": True})
    assert sum(json.loads(line)["type"] == "AssetV2" for line in answer.body.splitlines()) == 3
    phone.close()


def test_a_phone_that_is_ahead_of_the_catalog_starts_again(server):
    """The catalog was put back to an older state: what the phone acknowledged never happened here."""
    phone = new_phone(server, "anna@example.org")
    phone.client.store(b"one")
    phone.sync()
    phone.client.post("/api/sync/ack", {"acks": ["AssetV2|999999999.1"]})
    phone.client.store(b"two")
    synced(phone, server, "anna@example.org")
    phone.close()


def test_unknown_request_types_give_no_lines(server):
    session = client.session(server)
    answer = session.post("/api/sync/stream", {"types": ["FutureThingsV9", "PeopleV1", "AssetOcrV1"]})
    assert answer.status == 200
    assert [json.loads(line)["type"] for line in answer.body.splitlines()] == ["SyncCompleteV1"]


def test_a_client_that_goes_away_does_no_harm(server):
    import socket
    session, login = client.log_in(server)
    for number in range(50):
        session.store(f"{number}".encode())
    body = json.dumps({"types": REQUEST}).encode()
    head = (f"POST /api/sync/stream HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {login.json()['accessToken']}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n").encode()
    for read in (0, 1, 5000) * 6:
        with socket.create_connection(("127.0.0.1", server.port)) as connection:
            connection.sendall(head + body)
            if read:
                connection.recv(read)
    phone = new_phone(server, "anna@example.org")
    synced(phone, server, "anna@example.org")
    phone.close()
    assert session.get("/api/server/ping").status == 200


def test_phones_that_hardly_read_keep_nobody_from_syncing(server, add_user):
    """Eight of one person: two of them get a stream, and are cut off when they take too little."""
    import socket
    session, login = client.log_in(server)
    bert = add_user(server)
    for number in range(3):
        session.store(f"{number}".encode())
    body = json.dumps({"types": REQUEST}).encode()
    head = (f"POST /api/sync/stream HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {login.json()['accessToken']}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n").encode()
    sockets = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(8)]
    for connection in sockets:
        connection.sendall(head + body)
    start = time.monotonic()
    answer = bert.post("/api/sync/stream", {"types": REQUEST})
    assert answer.status == 200 and answer.body.endswith(b"\n") and time.monotonic() - start < 5
    for connection in sockets:
        connection.close()
