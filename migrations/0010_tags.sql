-- One row per tag of one person. Tags form trees: `value` is the whole path (`Travel/Italy`), whose last part is the name
-- that is shown. `color` is CSS's notation, with its `#`. Times are milliseconds since 1970 UTC.
CREATE TABLE tag (
  number INTEGER PRIMARY KEY,
  id BLOB NOT NULL UNIQUE CHECK (length(id) = 16),
  owner INTEGER NOT NULL REFERENCES user (number) ON DELETE CASCADE,
  parent INTEGER REFERENCES tag (number) ON DELETE CASCADE,
  value TEXT NOT NULL CHECK (value <> ''),
  color TEXT,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  UNIQUE (owner, value)
) STRICT;
-- Finds what lies below a tag, and keeps the foreign key cheap.
CREATE INDEX tag_parent ON tag (parent) WHERE parent IS NOT NULL;

-- What bears which tag: assets of the tag's owner alone.
CREATE TABLE asset_tag (
  asset INTEGER NOT NULL REFERENCES asset (number) ON DELETE CASCADE,
  tag INTEGER NOT NULL REFERENCES tag (number) ON DELETE CASCADE,
  PRIMARY KEY (asset, tag)
) STRICT, WITHOUT ROWID;
CREATE INDEX asset_tag_tag ON asset_tag (tag);
