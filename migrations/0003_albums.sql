-- One row per album; it belongs to one person. `thumbnail` is the member that was chosen as the cover; it is NULL when
-- nothing was chosen or the chosen one left, and then a reader takes the newest visible member. `sort_order` is how its
-- assets are meant to be shown. Times are milliseconds since 1970 UTC.
CREATE TABLE album (
  number INTEGER PRIMARY KEY,
  id BLOB NOT NULL UNIQUE CHECK (length(id) = 16),
  owner INTEGER NOT NULL REFERENCES user (number) ON DELETE CASCADE,
  name TEXT NOT NULL,
  description TEXT NOT NULL,
  thumbnail INTEGER REFERENCES asset (number) ON DELETE SET NULL,
  is_activity_enabled INTEGER NOT NULL DEFAULT 1 CHECK (is_activity_enabled IN (0, 1)),
  sort_order TEXT NOT NULL DEFAULT 'desc' CHECK (sort_order IN ('asc', 'desc')),
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL
) STRICT;
CREATE INDEX album_owner ON album (owner);
-- Keeps the foreign key cheap when an asset goes.
CREATE INDEX album_thumbnail ON album (thumbnail) WHERE thumbnail IS NOT NULL;

-- One row per asset in an album. Trashed assets stay members, so that they are
-- back in their albums when they are restored; readers leave them out. Deleting an album deletes these rows and no asset.
CREATE TABLE album_asset (
  album INTEGER NOT NULL REFERENCES album (number) ON DELETE CASCADE,
  asset INTEGER NOT NULL REFERENCES asset (number) ON DELETE CASCADE,
  added_at INTEGER NOT NULL,
  PRIMARY KEY (album, asset)
) STRICT, WITHOUT ROWID;
-- Answers "which albums is this asset in?", and keeps the foreign key cheap.
CREATE INDEX album_asset_asset ON album_asset (asset);
