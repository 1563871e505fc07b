-- One row per asset, made together with it; its owner stands here too, for the index that the sync stream goes by. The upper part is what was read from the file (NULL until then, and where the
-- file says nothing), the lower part what its owner said of it. Width and height are those of the picture as shown, with
-- its orientation applied; `orientation` is EXIF's number as text. `taken_at` is a moment, `time_zone` the zone of the place
-- (`UTC+2`, `Europe/Berlin`). `fps` is frames a second, `exposure_time` a fraction as people write it (`1/250`).
-- `thumbhash` is a picture of some 25 bytes, shown until the thumbnail has come.
CREATE TABLE facts (
  asset INTEGER PRIMARY KEY REFERENCES asset (number) ON DELETE CASCADE,
  owner INTEGER NOT NULL,
  width INTEGER CHECK (width > 0),
  height INTEGER CHECK (height > 0),
  orientation TEXT,
  taken_at INTEGER,
  modified_at INTEGER,
  time_zone TEXT,
  latitude REAL CHECK (latitude BETWEEN -90 AND 90),
  longitude REAL CHECK (longitude BETWEEN -180 AND 180),
  make TEXT,
  model TEXT,
  lens TEXT,
  f_number REAL,
  focal_length REAL,
  iso INTEGER,
  exposure_time TEXT,
  fps REAL,
  projection TEXT,
  profile TEXT,
  thumbhash BLOB,

  description TEXT NOT NULL DEFAULT '',
  rating INTEGER CHECK (rating BETWEEN 1 AND 5)
) STRICT;
INSERT INTO facts (asset, owner) SELECT number, owner FROM asset;
CREATE TRIGGER asset_inserted_facts AFTER INSERT ON asset BEGIN
  INSERT INTO facts (asset, owner) VALUES (new.number, new.owner);
END;
