-- Where a device can be reached while it sleeps: at most one place each. `endpoint` is the address of a Web Push service, or
-- the token of APNs or FCM; `key` and `secret` are Web Push's. `token` is the SHA-256 of what the device must echo before
-- anything else is sent there. `refreshed_at` is when the client last said that it is so, which is what expiry goes by:
-- whatever the server does with the row leaves it alone. `word` is what the last failure was. Times are milliseconds
-- since 1970 UTC, `quiet_from` and `quiet_to` minutes of the device's day.
CREATE TABLE push (
  device INTEGER PRIMARY KEY REFERENCES device (number) ON DELETE CASCADE,
  kind TEXT NOT NULL CHECK (kind IN ('webpush', 'apns', 'fcm')),
  endpoint TEXT NOT NULL,
  key BLOB,
  secret BLOB,
  is_sandbox INTEGER NOT NULL DEFAULT 0,
  state TEXT NOT NULL CHECK (state IN ('pending', 'active', 'backoff', 'gone')),
  token BLOB,
  token_expires_at INTEGER,
  registered_at INTEGER NOT NULL,
  refreshed_at INTEGER NOT NULL,
  confirmed_at INTEGER,
  failures INTEGER NOT NULL DEFAULT 0,
  retry_at INTEGER,
  word TEXT,
  time_zone TEXT,
  quiet_from INTEGER,
  quiet_to INTEGER
) STRICT;
CREATE INDEX push_endpoint ON push (endpoint);
-- A place belongs to one device. Whoever only claims it does not have it yet.
CREATE UNIQUE INDEX push_owner ON push (kind, endpoint) WHERE state IN ('active', 'backoff');

-- A phone that was signed out is not woken for the one who had it before.
CREATE TRIGGER push_session_ended AFTER DELETE ON session WHEN OLD.device IS NOT NULL BEGIN
  DELETE FROM push WHERE device = OLD.device
    AND NOT EXISTS (SELECT 1 FROM session WHERE session.device = OLD.device)
    AND NOT EXISTS (SELECT 1 FROM api_key WHERE api_key.device = OLD.device);
END;
CREATE TRIGGER push_key_ended AFTER DELETE ON api_key WHEN OLD.device IS NOT NULL BEGIN
  DELETE FROM push WHERE device = OLD.device
    AND NOT EXISTS (SELECT 1 FROM session WHERE session.device = OLD.device)
    AND NOT EXISTS (SELECT 1 FROM api_key WHERE api_key.device = OLD.device);
END;

-- Hosts that an admin allowed to be sent to, beside those of the settings: `ntfy.lan`, `ntfy.lan:2586`.
CREATE TABLE outbound_host (
  host TEXT PRIMARY KEY,
  added_by INTEGER REFERENCES user (number) ON DELETE SET NULL,
  added_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
