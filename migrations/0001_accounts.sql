-- One row per person. `number` is what other tables refer to, `id` is what leaves the server. `folder` names this
-- person's folder under originals/ and never changes. `quota` counts bytes, NULL is no limit; `used` is the sum of the
-- sizes of this person's assets and their sidecars, trashed ones included, and moves in the same transaction as they do.
-- `preferences` is JSON text as the client stored it, NULL until it first did. Times are milliseconds since 1970 UTC.
CREATE TABLE user (
  number INTEGER PRIMARY KEY,
  id BLOB NOT NULL UNIQUE CHECK (length(id) = 16),
  email TEXT NOT NULL UNIQUE COLLATE NOCASE,
  name TEXT NOT NULL,
  folder TEXT NOT NULL UNIQUE COLLATE NOCASE,
  is_admin INTEGER NOT NULL DEFAULT 0 CHECK (is_admin IN (0, 1)),
  should_change_password INTEGER NOT NULL DEFAULT 0 CHECK (should_change_password IN (0, 1)),
  avatar_color TEXT NOT NULL,
  password_hash TEXT NOT NULL,
  preferences TEXT,
  quota INTEGER CHECK (quota >= 0),
  used INTEGER NOT NULL DEFAULT 0,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL
) STRICT;

-- One row per login. The token itself is known to the client alone: here lies its SHA-256.
CREATE TABLE session (
  number INTEGER PRIMARY KEY,
  id BLOB NOT NULL UNIQUE CHECK (length(id) = 16),
  user INTEGER NOT NULL REFERENCES user (number) ON DELETE CASCADE,
  token_hash BLOB NOT NULL UNIQUE CHECK (length(token_hash) = 32),
  device_type TEXT NOT NULL,
  device_system TEXT NOT NULL,
  app_version TEXT,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL
) STRICT;
CREATE INDEX session_user ON session (user);

-- One row per key for programs; again only the secret's SHA-256. `permissions` is a JSON array of Immich's names.
CREATE TABLE api_key (
  number INTEGER PRIMARY KEY,
  id BLOB NOT NULL UNIQUE CHECK (length(id) = 16),
  user INTEGER NOT NULL REFERENCES user (number) ON DELETE CASCADE,
  secret_hash BLOB NOT NULL UNIQUE CHECK (length(secret_hash) = 32),
  name TEXT NOT NULL,
  permissions TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL
) STRICT;
CREATE INDEX api_key_user ON api_key (user);
