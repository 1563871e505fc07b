-- One row per file (with its sidecar) that is on its way out of originals/: made in the transaction that deletes its asset,
-- gone when the file is gone from quarantine/ too. Never a row of `asset` without its file: the row goes first, then the file,
-- and what a crash leaves in between is carried out later from here. `id` is the asset's that was. `original_key` and
-- `sidecar_key` are relative to originals/, `target` to quarantine/, where the sidecar lies beside it as `….xmp`; `day` is
-- the folder there, such as `2026-11-21`. `failures` counts the tries that failed. Times are milliseconds since 1970 UTC.
CREATE TABLE removal (
  number INTEGER PRIMARY KEY,
  id BLOB NOT NULL UNIQUE CHECK (length(id) = 16),
  sha1 BLOB NOT NULL CHECK (length(sha1) = 20),
  original_key TEXT NOT NULL,
  sidecar_key TEXT,
  day TEXT NOT NULL,
  target TEXT NOT NULL UNIQUE,
  removed_at INTEGER NOT NULL,
  state TEXT NOT NULL DEFAULT 'announced' CHECK (state IN ('announced', 'quarantined')),
  failures INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX removal_state ON removal (state, day);
-- Which comes next: what could not be moved lets all others go first.
CREATE INDEX removal_next ON removal (failures, number) WHERE state = 'announced';

-- What lies in the trash, and since when.
CREATE INDEX asset_trash ON asset (owner, deleted_at) WHERE deleted_at IS NOT NULL;

-- Bytes may come again before the file of a deleted asset has left: only the asset's own line changes and goes with it.
DROP TRIGGER asset_trashed;
CREATE TRIGGER asset_trashed AFTER UPDATE OF deleted_at ON asset BEGIN
  UPDATE content SET is_trashed = new.deleted_at IS NOT NULL WHERE owner = new.owner AND sha1 = new.sha1 AND id = new.id;
END;
DROP TRIGGER asset_deleted;
CREATE TRIGGER asset_deleted AFTER DELETE ON asset BEGIN
  DELETE FROM content WHERE owner = old.owner AND sha1 = old.sha1 AND id = old.id;
END;

-- A deleted person cannot come in any more; what they have is removed when `deleted_at` is long enough ago.
ALTER TABLE user ADD COLUMN deleted_at INTEGER;
CREATE TRIGGER user_deletion_changed AFTER UPDATE OF deleted_at ON user BEGIN
  UPDATE clock SET change = change + 1;
  UPDATE user SET change = clock.change, self_change = clock.change FROM clock WHERE user.number = new.number;
END;
-- Set with the first of their assets that is removed: from then on they cannot be restored.
ALTER TABLE user ADD COLUMN is_removing INTEGER NOT NULL DEFAULT 0 CHECK (is_removing IN (0, 1));

-- Rows now go while work on them may be under way (a job, an upload, a list of what shall be deleted), and other rows and
-- tombstones name them: so a number is never given twice. SQLite's word for that is AUTOINCREMENT. It changes nothing in how
-- a table is stored, but no statement adds it, and a million rows shall not be copied for it: it is written into the schema,
-- as SQLite's documentation of ALTER TABLE describes.
-- Making any table with that word makes `sqlite_sequence`, which holds the last numbers.
CREATE TABLE numbered (number INTEGER PRIMARY KEY AUTOINCREMENT) STRICT;
DROP TABLE numbered;
PRAGMA writable_schema = ON;
UPDATE sqlite_schema
  SET sql = replace(sql, 'number INTEGER PRIMARY KEY,', 'number INTEGER PRIMARY KEY AUTOINCREMENT,')
  WHERE type = 'table' AND name IN ('user', 'session', 'api_key', 'asset', 'album', 'upload');
PRAGMA writable_schema = RESET;
INSERT INTO sqlite_sequence (name, seq)
  SELECT 'user', coalesce(max(number), 0) FROM user
  UNION ALL SELECT 'session', coalesce(max(number), 0) FROM session
  UNION ALL SELECT 'api_key', coalesce(max(number), 0) FROM api_key
  UNION ALL SELECT 'asset', coalesce(max(number), 0) FROM asset
  UNION ALL SELECT 'album', coalesce(max(number), 0) FROM album
  UNION ALL SELECT 'upload', coalesce(max(number), 0) FROM upload;
