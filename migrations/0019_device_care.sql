-- What its owner asks of a device (`policy`, JSON as the floor above keeps it), and what was seen of it: when somebody had
-- its app open, when the first photo came while nobody had, how long the last photo of a test took to get here, how often,
-- and when, it came with a login that had ended, and since when it says that something is left. Times are milliseconds since 1970 UTC.
ALTER TABLE device ADD COLUMN policy TEXT NOT NULL DEFAULT '{}';
ALTER TABLE device ADD COLUMN opened_at INTEGER;
ALTER TABLE device ADD COLUMN background_at INTEGER;
ALTER TABLE device ADD COLUMN canary_at INTEGER;
ALTER TABLE device ADD COLUMN canary_seconds INTEGER;
ALTER TABLE device ADD COLUMN refused INTEGER NOT NULL DEFAULT 0;
ALTER TABLE device ADD COLUMN refused_at INTEGER;
ALTER TABLE device ADD COLUMN backlog_since INTEGER;

-- Whose logins and keys ended: by the SHA-256 of what is no secret any more, so that a phone which goes on with an old login
-- is known by name. The newest ten thousand are kept.
CREATE TABLE ended_login (
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  hash BLOB NOT NULL UNIQUE,
  device INTEGER NOT NULL REFERENCES device (number) ON DELETE CASCADE
) STRICT;
CREATE INDEX ended_login_device ON ended_login (device);
CREATE TRIGGER session_ended AFTER DELETE ON session BEGIN
  INSERT OR IGNORE INTO ended_login (hash, device) SELECT old.token_hash, number FROM device WHERE number = old.device;
END;
CREATE TRIGGER api_key_ended AFTER DELETE ON api_key BEGIN
  INSERT OR IGNORE INTO ended_login (hash, device) SELECT old.secret_hash, number FROM device WHERE number = old.device;
END;
