-- What the timeline and the search go by, with 1,000,000 assets of one person.

-- The name as it is searched: lower case, without accents. Written by the server (SQLite cannot fold Unicode); NULL until
-- then, for rows from before this migration, which the next start fills in.
ALTER TABLE asset ADD COLUMN search_name TEXT;
CREATE INDEX asset_unfolded ON asset (number) WHERE search_name IS NULL;

-- The search's order, by what almost every search asks for. The trash and the favourites are small beside the rest: each
-- has an index of its own, so that finding ten of them never means walking past a million others. The columns at the end
-- are there so that what is skipped on the way to a late page is not read from the table.
CREATE INDEX asset_taken ON asset (owner, visibility, file_created_at, id, kind, is_favorite, deleted_at)
  WHERE deleted_at IS NULL;
CREATE INDEX asset_discarded ON asset (owner, visibility, file_created_at, id, kind, is_favorite, deleted_at)
  WHERE deleted_at IS NOT NULL;
CREATE INDEX asset_favorite ON asset (owner, visibility, file_created_at, id, kind, is_favorite, deleted_at)
  WHERE deleted_at IS NULL AND is_favorite = 1;
-- A month of the timeline, by the wall clock.
CREATE INDEX asset_wall_clock ON asset (owner, local_date_time);
-- Names are looked through in this index alone.
CREATE INDEX asset_name ON asset (owner, search_name);
CREATE INDEX facts_camera ON facts (owner, make, model, lens) WHERE coalesce(make, model, lens) IS NOT NULL;
CREATE INDEX facts_description ON facts (owner) WHERE description <> '';
CREATE INDEX facts_rating ON facts (owner, rating) WHERE rating IS NOT NULL;

-- How many assets there are of each month: what the timeline shows before anything else. `basis` says by which time,
-- `taken` (the wall clock where the photo was taken) or `created` (when it came here); `month` is its first day,
-- `YYYY-MM-01`. Kept by the triggers below, because counting a million rows takes a second.
CREATE TABLE month (
  owner INTEGER NOT NULL,
  basis TEXT NOT NULL CHECK (basis IN ('taken', 'created')),
  visibility TEXT NOT NULL,
  is_trashed INTEGER NOT NULL,
  is_favorite INTEGER NOT NULL,
  month TEXT NOT NULL,
  count INTEGER NOT NULL CHECK (count >= 0),
  PRIMARY KEY (owner, basis, visibility, is_trashed, is_favorite, month)
) STRICT, WITHOUT ROWID;

-- One row per asset and basis: how a time becomes a month stands here once. The division is made of a positive number,
-- because SQLite's rounds towards zero and would put the end of 1969 into 1970.
CREATE VIEW asset_month (number, owner, basis, visibility, is_trashed, is_favorite, month) AS
  SELECT number, owner, 'taken', visibility, deleted_at IS NOT NULL, is_favorite,
    strftime('%Y-%m-01', (local_date_time + 62167219200000) / 1000 - 62167219200, 'unixepoch') FROM asset
  UNION ALL
  SELECT number, owner, 'created', visibility, deleted_at IS NOT NULL, is_favorite,
    strftime('%Y-%m-01', (created_at + 62167219200000) / 1000 - 62167219200, 'unixepoch') FROM asset;

INSERT INTO month (owner, basis, visibility, is_trashed, is_favorite, month, count)
  SELECT owner, basis, visibility, is_trashed, is_favorite, month, count(*) FROM asset_month GROUP BY 1, 2, 3, 4, 5, 6;

CREATE TRIGGER asset_enters_month AFTER INSERT ON asset BEGIN
  INSERT INTO month (owner, basis, visibility, is_trashed, is_favorite, month, count)
    SELECT owner, basis, visibility, is_trashed, is_favorite, month, 1 FROM asset_month WHERE number = new.number
    ON CONFLICT DO UPDATE SET count = count + 1;
END;
CREATE TRIGGER asset_quits_month BEFORE UPDATE OF local_date_time, created_at, visibility, deleted_at, is_favorite, owner
ON asset BEGIN
  INSERT INTO month (owner, basis, visibility, is_trashed, is_favorite, month, count)
    SELECT owner, basis, visibility, is_trashed, is_favorite, month, 0 FROM asset_month WHERE number = old.number
    ON CONFLICT DO UPDATE SET count = count - 1;
END;
CREATE TRIGGER asset_changes_month AFTER UPDATE OF local_date_time, created_at, visibility, deleted_at, is_favorite, owner
ON asset BEGIN
  INSERT INTO month (owner, basis, visibility, is_trashed, is_favorite, month, count)
    SELECT owner, basis, visibility, is_trashed, is_favorite, month, 1 FROM asset_month WHERE number = new.number
    ON CONFLICT DO UPDATE SET count = count + 1;
END;
CREATE TRIGGER asset_leaves_month BEFORE DELETE ON asset BEGIN
  INSERT INTO month (owner, basis, visibility, is_trashed, is_favorite, month, count)
    SELECT owner, basis, visibility, is_trashed, is_favorite, month, 0 FROM asset_month WHERE number = old.number
    ON CONFLICT DO UPDATE SET count = count - 1;
END;

-- When a member was taken, beside its membership: a month of an album of 50,000 is found without looking at the others.
ALTER TABLE album_asset ADD COLUMN local_date_time INTEGER;
UPDATE album_asset SET local_date_time = (SELECT local_date_time FROM asset WHERE number = asset);
CREATE INDEX album_asset_wall_clock ON album_asset (album, local_date_time);
CREATE TRIGGER album_asset_inserted_time AFTER INSERT ON album_asset BEGIN
  UPDATE album_asset SET local_date_time = (SELECT local_date_time FROM asset WHERE number = new.asset)
    WHERE album = new.album AND asset = new.asset;
END;
CREATE TRIGGER asset_changed_time AFTER UPDATE OF local_date_time ON asset
WHEN new.local_date_time <> old.local_date_time BEGIN
  UPDATE album_asset SET local_date_time = new.local_date_time WHERE asset = new.number;
END;
