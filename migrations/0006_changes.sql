-- What the phones' sync stream needs: every row that they keep carries the number of its last change, and what is deleted
-- leaves a tombstone with such a number. Numbers come from one clock and only grow, in the transaction that changes the
-- row: triggers see to it, so that no statement can forget. A phone acknowledges the last number that it has applied.
-- A row is found by (change, its own number): many rows may change under one number. Tombstones are never removed.
CREATE TABLE clock (
  number INTEGER PRIMARY KEY CHECK (number = 1),
  change INTEGER NOT NULL
) STRICT;
INSERT INTO clock (number, change) VALUES (1, 1);

-- People. `change` is what everybody may see of them, `self_change` what they see of themselves (quota, use).
ALTER TABLE user ADD COLUMN change INTEGER NOT NULL DEFAULT 1;
ALTER TABLE user ADD COLUMN self_change INTEGER NOT NULL DEFAULT 1;
ALTER TABLE user ADD COLUMN preferences_change INTEGER NOT NULL DEFAULT 1;
-- People who are gone.
CREATE TABLE user_tombstone (
  change INTEGER PRIMARY KEY,
  id BLOB NOT NULL
) STRICT;
CREATE TRIGGER user_inserted_change AFTER INSERT ON user BEGIN
  UPDATE clock SET change = change + 1;
  UPDATE user SET change = clock.change, self_change = clock.change, preferences_change = clock.change
    FROM clock WHERE user.number = new.number;
END;
CREATE TRIGGER user_changed AFTER UPDATE OF email, name, avatar_color ON user BEGIN
  UPDATE clock SET change = change + 1;
  UPDATE user SET change = clock.change, self_change = clock.change FROM clock WHERE user.number = new.number;
END;
CREATE TRIGGER user_self_changed AFTER UPDATE OF is_admin, quota, used ON user BEGIN
  UPDATE clock SET change = change + 1;
  UPDATE user SET self_change = clock.change FROM clock WHERE user.number = new.number;
END;
CREATE TRIGGER user_preferences_changed AFTER UPDATE OF preferences ON user BEGIN
  UPDATE clock SET change = change + 1;
  UPDATE user SET preferences_change = clock.change FROM clock WHERE user.number = new.number;
END;
CREATE TRIGGER user_deleted_change AFTER DELETE ON user BEGIN
  UPDATE clock SET change = change + 1;
  INSERT INTO user_tombstone (change, id) SELECT change, old.id FROM clock;
END;

-- Assets and their facts. Facts change by themselves; size and thumbhash stand in the asset's own line too.
ALTER TABLE asset ADD COLUMN change INTEGER NOT NULL DEFAULT 1;
CREATE INDEX asset_change ON asset (owner, change);
-- Few have metadata of their client's own: a phone that never got any must not have everything looked through each time.
CREATE INDEX asset_metadata_change ON asset (owner, change) WHERE metadata IS NOT NULL;
ALTER TABLE facts ADD COLUMN change INTEGER NOT NULL DEFAULT 1;
CREATE INDEX facts_change ON facts (owner, change);
-- For `user`: the asset is deleted, or out of sight because an album is no longer shared with them. A phone must lose every
-- asset that its person may not see any more: it holds one asset of a person and checksum, so that an old row of somebody
-- who deleted a photo and uploaded it again would keep the new one, and every sync after it, from being applied.
CREATE TABLE asset_tombstone (
  number INTEGER PRIMARY KEY,
  user INTEGER NOT NULL,
  id BLOB NOT NULL,
  change INTEGER NOT NULL
) STRICT;
CREATE INDEX asset_tombstone_user ON asset_tombstone (user, change);
CREATE TRIGGER asset_inserted_change AFTER INSERT ON asset BEGIN
  UPDATE clock SET change = change + 1;
  UPDATE asset SET change = clock.change FROM clock WHERE asset.number = new.number;
END;
CREATE TRIGGER facts_inserted_change AFTER INSERT ON facts BEGIN
  UPDATE clock SET change = change + 1;
  UPDATE facts SET change = clock.change FROM clock WHERE facts.asset = new.asset;
END;
CREATE TRIGGER asset_changed
AFTER UPDATE OF original_name, file_created_at, file_modified_at, local_date_time, is_favorite, visibility, duration,
  live_photo_video, metadata, deleted_at ON asset BEGIN
  UPDATE clock SET change = change + 1;
  UPDATE asset SET change = clock.change FROM clock WHERE asset.number = new.number;
END;
CREATE TRIGGER facts_changed
AFTER UPDATE OF width, height, orientation, taken_at, modified_at, time_zone, latitude, longitude, make, model, lens,
  f_number, focal_length, iso, exposure_time, fps, projection, profile, thumbhash, description, rating ON facts BEGIN
  UPDATE clock SET change = change + 1;
  UPDATE facts SET change = clock.change FROM clock WHERE facts.asset = new.asset;
  UPDATE asset SET change = clock.change FROM clock
    WHERE asset.number = new.asset AND (new.width, new.height, new.thumbhash) IS NOT (old.width, old.height, old.thumbhash);
END;
-- Memberships go first, while both ends can still be named.
CREATE TRIGGER asset_leaves_albums BEFORE DELETE ON asset BEGIN
  DELETE FROM album_asset WHERE asset = old.number;
END;
CREATE TRIGGER asset_deleted_change AFTER DELETE ON asset BEGIN
  UPDATE clock SET change = change + 1;
  INSERT INTO asset_tombstone (user, id, change) SELECT old.owner, old.id, change FROM clock;
END;

-- Albums. Who may see one is a row of `album_user`, its owner's included: the app shows no album without that row.
-- A newcomer must get everything that is in the album already, so that joining changes the album and all its members.
ALTER TABLE album ADD COLUMN change INTEGER NOT NULL DEFAULT 1;
ALTER TABLE album_asset ADD COLUMN change INTEGER NOT NULL DEFAULT 1;
-- Rows of one change lie in one album: its asset alone tells them apart.
UPDATE album_asset SET change = album;
UPDATE clock SET change = max(change, (SELECT coalesce(max(number), 1) FROM album));
CREATE INDEX album_asset_change ON album_asset (album, change);
-- Who may see an album, and as what.
CREATE TABLE album_user (
  album INTEGER NOT NULL REFERENCES album (number) ON DELETE CASCADE,
  user INTEGER NOT NULL REFERENCES user (number) ON DELETE CASCADE,
  role TEXT NOT NULL CHECK (role IN ('owner', 'editor', 'viewer')),
  change INTEGER NOT NULL DEFAULT 1,
  PRIMARY KEY (album, user)
) STRICT, WITHOUT ROWID;
CREATE INDEX album_user_user ON album_user (user);
INSERT INTO album_user (album, user, role) SELECT number, owner, 'owner' FROM album;
-- For `user`: the album is out of sight.
CREATE TABLE album_tombstone (
  number INTEGER PRIMARY KEY,
  user INTEGER NOT NULL,
  id BLOB NOT NULL,
  change INTEGER NOT NULL
) STRICT;
CREATE INDEX album_tombstone_user ON album_tombstone (user, change);
-- For those who still see the album.
CREATE TABLE album_user_tombstone (
  number INTEGER PRIMARY KEY,
  album INTEGER NOT NULL,
  user BLOB NOT NULL,
  change INTEGER NOT NULL
) STRICT;
CREATE INDEX album_user_tombstone_album ON album_user_tombstone (album, change);
-- Likewise: what left an album.
CREATE TABLE album_asset_tombstone (
  number INTEGER PRIMARY KEY,
  album INTEGER NOT NULL,
  asset BLOB NOT NULL,
  change INTEGER NOT NULL
) STRICT;
CREATE INDEX album_asset_tombstone_album ON album_asset_tombstone (album, change);
CREATE TRIGGER album_inserted_change AFTER INSERT ON album BEGIN
  INSERT INTO album_user (album, user, role) VALUES (new.number, new.owner, 'owner');
END;
CREATE TRIGGER album_changed AFTER UPDATE OF name, description, thumbnail, is_activity_enabled, sort_order, updated_at
ON album BEGIN
  UPDATE clock SET change = change + 1;
  UPDATE album SET change = clock.change FROM clock WHERE album.number = new.number;
END;
CREATE TRIGGER album_loses_users BEFORE DELETE ON album BEGIN
  DELETE FROM album_user WHERE album = old.number;
END;
CREATE TRIGGER album_user_inserted AFTER INSERT ON album_user BEGIN
  UPDATE clock SET change = change + 1;
  UPDATE album SET change = clock.change FROM clock WHERE album.number = new.album;
  UPDATE album_user SET change = clock.change FROM clock WHERE album_user.album = new.album;
  UPDATE album_asset SET change = clock.change FROM clock WHERE album_asset.album = new.album;
END;
CREATE TRIGGER album_user_changed AFTER UPDATE OF role ON album_user BEGIN
  UPDATE clock SET change = change + 1;
  UPDATE album_user SET change = clock.change FROM clock WHERE album_user.album = new.album AND album_user.user = new.user;
END;
CREATE TRIGGER album_user_deleted BEFORE DELETE ON album_user BEGIN
  UPDATE clock SET change = change + 1;
  INSERT INTO album_tombstone (user, id, change)
    SELECT old.user, album.id, clock.change FROM album, clock WHERE album.number = old.album;
  INSERT INTO album_user_tombstone (album, user, change)
    SELECT old.album, user.id, clock.change FROM user, clock WHERE user.number = old.user;
  INSERT INTO asset_tombstone (user, id, change)
    SELECT old.user, asset.id, clock.change
    FROM clock, album_asset AS link JOIN asset ON asset.number = link.asset
    WHERE link.album = old.album AND asset.owner <> old.user AND NOT EXISTS (
      SELECT 1 FROM album_asset AS other JOIN album_user AS mine ON mine.album = other.album AND mine.user = old.user
      WHERE other.asset = link.asset AND other.album <> old.album);
END;
CREATE TRIGGER album_asset_inserted AFTER INSERT ON album_asset BEGIN
  UPDATE clock SET change = change + 1;
  UPDATE album_asset SET change = clock.change FROM clock WHERE album_asset.album = new.album AND album_asset.asset = new.asset;
END;
CREATE TRIGGER album_asset_deleted BEFORE DELETE ON album_asset BEGIN
  UPDATE clock SET change = change + 1;
  INSERT INTO album_asset_tombstone (album, asset, change)
    SELECT old.album, asset.id, clock.change FROM asset, clock WHERE asset.number = old.asset;
  INSERT INTO asset_tombstone (user, id, change)
    SELECT member.user, asset.id, clock.change
    FROM clock, asset, album_user AS member
    WHERE asset.number = old.asset AND member.album = old.album AND member.user <> asset.owner AND NOT EXISTS (
      SELECT 1 FROM album_asset AS other JOIN album_user AS mine ON mine.album = other.album AND mine.user = member.user
      WHERE other.asset = old.asset AND other.album <> old.album);
END;

-- How far each login's phone has come: the last acknowledgement of each kind, as the phone sent it.
CREATE TABLE sync_checkpoint (
  session INTEGER NOT NULL REFERENCES session (number) ON DELETE CASCADE,
  type TEXT NOT NULL,
  ack TEXT NOT NULL,
  PRIMARY KEY (session, type)
) STRICT, WITHOUT ROWID;
-- The phone shall forget everything and start again: after the catalog was rebuilt or restored from a backup.
ALTER TABLE session ADD COLUMN needs_sync_reset INTEGER NOT NULL DEFAULT 0 CHECK (needs_sync_reset IN (0, 1));
