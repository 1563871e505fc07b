-- One row per photo or video of one person, written only after its file is synced and in its place.
-- `original_key` is where the file lies, relative to originals/; `place` is a 64-bit hash of that key in lower case,
-- canonically decomposed, so that no two originals differ only by case or by how an accent is composed (NAS shares are
-- opened from Windows and macOS) and the index stays small.
-- A chance collision merely costs the newcomer a `+1` in its name. `original_name` is what the client called the file,
-- byte for byte, not necessarily UTF-8. `local_date_time` is the wall clock where the photo was taken, labelled as UTC.
-- `deleted_at` is set while it lies in the trash. Times are milliseconds since 1970 UTC.
CREATE TABLE asset (
  number INTEGER PRIMARY KEY,
  id BLOB NOT NULL UNIQUE CHECK (length(id) = 16),
  owner INTEGER NOT NULL REFERENCES user (number),
  sha1 BLOB NOT NULL CHECK (length(sha1) = 20),
  kind TEXT NOT NULL CHECK (kind IN ('IMAGE', 'VIDEO')),
  mime_type TEXT NOT NULL,
  size INTEGER NOT NULL CHECK (size > 0),
  original_key TEXT NOT NULL,
  place INTEGER NOT NULL UNIQUE,
  original_name BLOB NOT NULL,
  file_created_at INTEGER NOT NULL,
  file_modified_at INTEGER NOT NULL,
  local_date_time INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  is_favorite INTEGER NOT NULL CHECK (is_favorite IN (0, 1)),
  visibility TEXT NOT NULL CHECK (visibility IN ('archive', 'timeline', 'hidden', 'locked')),
  duration INTEGER CHECK (duration > 0),
  live_photo_video INTEGER REFERENCES asset (number),
  sidecar_key TEXT,
  sidecar_size INTEGER NOT NULL DEFAULT 0 CHECK (sidecar_size >= 0),
  metadata TEXT,
  deleted_at INTEGER
) STRICT;
-- Holds all that counting needs, so that statistics never touch the rows.
CREATE INDEX asset_shelf ON asset (owner, visibility, kind, is_favorite, deleted_at);
-- Finds the still of a motion part, and keeps the foreign key cheap.
CREATE INDEX asset_motion ON asset (live_photo_video) WHERE live_photo_video IS NOT NULL;
-- Start looks at what was recorded last: a row whose file is missing would be a broken promise.
CREATE INDEX asset_recorded ON asset (created_at);

-- The identity of a backup: one person's bytes exist once. One row per asset, kept by the triggers below, with all that
-- "do you have these?" needs in the key's own tree: an answer takes one descent instead of one in an index and one in
-- `asset`, and the whole table is small enough to stay in memory (50 bytes an asset).
CREATE TABLE content (
  owner INTEGER NOT NULL,
  sha1 BLOB NOT NULL,
  id BLOB NOT NULL,
  is_trashed INTEGER NOT NULL CHECK (is_trashed IN (0, 1)),
  PRIMARY KEY (owner, sha1)
) STRICT, WITHOUT ROWID;
CREATE TRIGGER asset_inserted AFTER INSERT ON asset BEGIN
  INSERT INTO content (owner, sha1, id, is_trashed) VALUES (new.owner, new.sha1, new.id, new.deleted_at IS NOT NULL);
END;
CREATE TRIGGER asset_trashed AFTER UPDATE OF deleted_at ON asset BEGIN
  UPDATE content SET is_trashed = new.deleted_at IS NOT NULL WHERE owner = new.owner AND sha1 = new.sha1;
END;
CREATE TRIGGER asset_deleted AFTER DELETE ON asset BEGIN
  DELETE FROM content WHERE owner = old.owner AND sha1 = old.sha1;
END;

-- One row per file that is synced in staging/ and on its way into originals/, from before its rename until its asset row
-- is there. After a crash each is carried out or undone. `staged` and `sidecar_staged` are names in staging/,
-- `original_key` and `sidecar_key` are relative to originals/, `place` reserves the name as in `asset`, and `asset` is
-- the row to come as JSON.
CREATE TABLE intent (
  number INTEGER PRIMARY KEY,
  staged TEXT NOT NULL UNIQUE,
  sidecar_staged TEXT,
  original_key TEXT NOT NULL,
  sidecar_key TEXT,
  place INTEGER NOT NULL UNIQUE,
  owner INTEGER NOT NULL REFERENCES user (number),
  sha1 BLOB NOT NULL CHECK (length(sha1) = 20),
  asset TEXT NOT NULL,
  UNIQUE (owner, sha1)
) STRICT;
