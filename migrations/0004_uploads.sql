-- One row per upload that may be interrupted, from its creation until its ending is forgotten. `token` is its address:
-- 32 random bytes that are also the right to go on. `asset` is the id that its photo gets unless it is a duplicate.
-- `rule` says when it is whole: when `offset` reaches `length`, or when its client says so (flag). `offset` counts the
-- bytes that are synced in the file `staged` in staging/, moves only after that sync, and never falls; `sha1_state` is
-- the state of SHA-1 after them, `boot` the kernel's boot in which it last moved. `details` is JSON of the floor above.
-- What `result_*`, `is_new` and `failure_*` hold is the answer that is replayed. `expires_at` is when an open upload
-- ends, and when an ended one is forgotten. Times are milliseconds since 1970 UTC.
CREATE TABLE upload (
  number INTEGER PRIMARY KEY,
  token BLOB NOT NULL UNIQUE CHECK (length(token) = 32),
  asset BLOB NOT NULL CHECK (length(asset) = 16),
  owner INTEGER NOT NULL REFERENCES user (number) ON DELETE CASCADE,
  kind TEXT NOT NULL CHECK (kind IN ('raw', 'multipart', 'partial', 'final')),
  rule TEXT NOT NULL CHECK (rule IN ('length', 'flag')),
  length INTEGER CHECK (length >= 0),
  offset INTEGER NOT NULL DEFAULT 0 CHECK (offset >= 0),
  sha1_state BLOB,
  claimed_sha1 BLOB CHECK (length(claimed_sha1) = 20),
  claimed_sha256 BLOB CHECK (length(claimed_sha256) = 32),
  staged TEXT UNIQUE,
  details TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  active_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  boot TEXT NOT NULL,
  state TEXT NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'complete', 'failed', 'gone')),
  is_new INTEGER CHECK (is_new IN (0, 1)),
  result_asset BLOB CHECK (length(result_asset) = 16),
  result_sha1 BLOB CHECK (length(result_sha1) = 20),
  failure_code TEXT,
  failure_message TEXT,
  CHECK (state <> 'complete' OR (is_new IS NOT NULL AND result_asset IS NOT NULL AND result_sha1 IS NOT NULL)),
  CHECK (state <> 'failed' OR (failure_code IS NOT NULL AND failure_message IS NOT NULL)),
  CHECK (state = 'open' OR (staged IS NULL AND sha1_state IS NULL))
) STRICT;
CREATE INDEX upload_asset ON upload (asset);
CREATE INDEX upload_owner ON upload (owner, state);
-- Finds the half of the announced bytes that is here already.
CREATE INDEX upload_claim ON upload (owner, claimed_sha1) WHERE claimed_sha1 IS NOT NULL;
CREATE INDEX upload_expiry ON upload (expires_at);

-- The upload that ends when the intent becomes an asset, NULL for a file that came in one piece.
ALTER TABLE intent ADD COLUMN upload INTEGER REFERENCES upload (number) ON DELETE SET NULL;
-- Keeps the foreign key cheap when an upload is forgotten.
CREATE INDEX intent_upload ON intent (upload) WHERE upload IS NOT NULL;
