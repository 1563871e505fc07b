"""A model of the Immich app's database: its tables with their foreign keys and its unique index, filled from the sync stream
as the app fills them. Where the app would be wedged, this raises."""

import json
import sqlite3

REQUEST = [
    "AuthUsersV1", "UsersV1", "AssetsV2", "AssetExifsV1", "AssetEditsV1", "AssetMetadataV1", "PartnersV1",
    "PartnerAssetsV2", "PartnerAssetExifsV1", "AlbumsV2", "AlbumUsersV1", "AlbumAssetsV2", "AlbumAssetExifsV1",
    "AlbumToAssetsV1", "MemoriesV1", "MemoryToAssetsV1", "StacksV1", "PartnerStacksV1", "UserMetadataV1", "PeopleV1",
    "AssetFacesV2", "AssetOcrV1"]

# What the app sends before its first sync.
FRESH_INSTALL = [
    ["AlbumV1"], ["AssetExifV1", "PartnerAssetExifV1", "AlbumAssetExifCreateV1", "AlbumAssetExifUpdateV1"],
    ["AssetV1", "PartnerAssetV1", "AlbumAssetCreateV1", "AlbumAssetUpdateV1"], ["AssetV1", "AssetV2"]]

TABLES = """
CREATE TABLE auth_user (id TEXT PRIMARY KEY, data TEXT);
CREATE TABLE user (id TEXT PRIMARY KEY, data TEXT);
CREATE TABLE asset (
  id TEXT PRIMARY KEY, owner TEXT NOT NULL REFERENCES user (id) ON DELETE CASCADE, checksum TEXT NOT NULL, data TEXT,
  UNIQUE (owner, checksum));
CREATE TABLE exif (asset TEXT PRIMARY KEY REFERENCES asset (id) ON DELETE CASCADE, data TEXT);
CREATE TABLE asset_metadata (
  asset TEXT NOT NULL REFERENCES asset (id) ON DELETE CASCADE, key TEXT NOT NULL, data TEXT, PRIMARY KEY (asset, key));
CREATE TABLE album (
  id TEXT PRIMARY KEY, thumbnail TEXT REFERENCES asset (id) ON DELETE SET NULL, data TEXT);
CREATE TABLE album_user (
  album TEXT NOT NULL REFERENCES album (id) ON DELETE CASCADE, user TEXT NOT NULL REFERENCES user (id) ON DELETE CASCADE,
  role TEXT, PRIMARY KEY (album, user));
CREATE TABLE album_asset (
  album TEXT NOT NULL REFERENCES album (id) ON DELETE CASCADE,
  asset TEXT NOT NULL REFERENCES asset (id) ON DELETE CASCADE, PRIMARY KEY (album, asset));
CREATE TABLE user_metadata (
  user TEXT NOT NULL REFERENCES user (id) ON DELETE CASCADE, key TEXT NOT NULL, data TEXT, PRIMARY KEY (user, key));
"""


class Killed(Exception):
    """The app was ended in the middle of a sync."""


class Phone:
    """One login of the app. `client` carries its session."""

    batch = 5000

    def __init__(self, client, path=":memory:"):
        self.client = client
        self.db = sqlite3.connect(path, isolation_level=None)
        self.db.execute("PRAGMA foreign_keys = ON")
        self.db.executescript(TABLES)
        self.is_fresh = True
        self.lines = 0

    def close(self):
        self.db.close()
        self.client.close()

    def sync(self, kill=lambda: False):
        """One whole sync. `kill` is asked before and after every step, and ends the app where it says so.

        - Returns: how many lines came.
        """
        if self.is_fresh:
            for types in FRESH_INSTALL:
                answer = self.client.delete("/api/sync/ack", {"types": types})
                assert answer.status == 204, answer
            self.is_fresh = False
        if self._stream(kill):
            # After a reset the app asks once more, at once.
            assert not self._stream(kill), "a second reset right after the first"
        return self.lines

    def _stream(self, kill):
        answer = self.client.post("/api/sync/stream", {"types": REQUEST})
        assert answer.status == 200, answer
        assert answer.header("content-type") == "application/jsonlines+json"
        assert answer.body.endswith(b"\n"), "the last line is not terminated: the app drops it"
        lines = answer.body[:-1].split(b"\n")
        self.lines = len(lines)
        for start in range(0, len(lines), self.batch):
            run = []
            for raw in lines[start:start + self.batch]:
                assert raw, "an empty line fails the app's sync"
                line = json.loads(raw)
                if run and run[-1]["type"] != line["type"]:
                    if self._take(run, kill):
                        return True
                    run = []
                run.append(line)
            if run and self._take(run, kill):
                return True
        return False

    def _take(self, run, kill):
        if kill():
            raise Killed
        kind = run[0]["type"]
        self.db.execute("BEGIN")
        try:
            for line in run:
                self._apply(kind, line["data"])
        except BaseException:
            self.db.execute("ROLLBACK")
            raise
        self.db.execute("COMMIT")
        if kill():
            raise Killed
        answer = self.client.post("/api/sync/ack", {"acks": [run[-1]["ack"]]})
        assert answer.status == 204, answer
        return kind == "SyncResetV1"

    def _apply(self, kind, data):
        text = json.dumps(data, sort_keys=True)
        put = self._put
        if kind == "AuthUserV1":
            self.db.execute("DELETE FROM auth_user")
            put("auth_user", id=data["id"], data=text)
        elif kind == "UserV1":
            put("user", id=data["id"], data=text)
        elif kind == "UserDeleteV1":
            self.db.execute("DELETE FROM user WHERE id = ?", [data["userId"]])
        elif kind in ("AssetV2", "AlbumAssetCreateV2", "AlbumAssetUpdateV2"):
            put("asset", id=data["id"], owner=data["ownerId"], checksum=data["checksum"], data=text)
        elif kind == "AssetDeleteV1":
            self.db.execute("DELETE FROM asset WHERE id = ?", [data["assetId"]])
        elif kind in ("AssetExifV1", "AlbumAssetExifCreateV1", "AlbumAssetExifUpdateV1"):
            put("exif", asset=data["assetId"], data=text)
        elif kind == "AssetMetadataV1":
            put("asset_metadata", ("asset", "key"), asset=data["assetId"], key=data["key"], data=text)
        elif kind == "AlbumV2":
            put("album", id=data["id"], thumbnail=data["thumbnailAssetId"], data=text)
        elif kind == "AlbumDeleteV1":
            self.db.execute("DELETE FROM album WHERE id = ?", [data["albumId"]])
        elif kind == "AlbumUserV1":
            put("album_user", ("album", "user"), album=data["albumId"], user=data["userId"], role=data["role"])
        elif kind == "AlbumUserDeleteV1":
            self.db.execute("DELETE FROM album_user WHERE album = ? AND user = ?", [data["albumId"], data["userId"]])
        elif kind == "AlbumToAssetV1":
            put("album_asset", ("album", "asset"), album=data["albumId"], asset=data["assetId"])
        elif kind == "AlbumToAssetDeleteV1":
            self.db.execute("DELETE FROM album_asset WHERE album = ? AND asset = ?", [data["albumId"], data["assetId"]])
        elif kind == "UserMetadataV1":
            put("user_metadata", ("user", "key"), user=data["userId"], key=data["key"], data=text)
        elif kind == "SyncResetV1":
            for table in ("user_metadata", "album_asset", "album_user", "album", "asset_metadata", "exif", "asset", "user",
                          "auth_user"):
                self.db.execute(f"DELETE FROM {table}")
        elif kind in ("SyncAckV1", "SyncCompleteV1"):
            assert data == {}
        else:
            raise AssertionError(f"a line of a type that nobody asked for: {kind}")

    def _put(self, table, primary=None, /, **values):
        """Inserts, or updates on the primary key alone: any other conflict is an error, as in the app."""
        primary = primary or next(iter(values))
        keys = (primary,) if isinstance(primary, str) else primary
        names = list(values)
        changes = ", ".join(f"{name} = excluded.{name}" for name in names if name not in keys) or f"{keys[0]} = {keys[0]}"
        self.db.execute(
            f"INSERT INTO {table} ({', '.join(names)}) VALUES ({', '.join('?' * len(names))})"
            f" ON CONFLICT ({', '.join(keys)}) DO UPDATE SET {changes}", list(values.values()))

    def rows(self, sql, *arguments):
        return self.db.execute(sql, arguments).fetchall()
