-- Where people are told that a device is in trouble. `target` is an address (empty for mail, which goes to the person's own),
-- `secret` what signs or opens it (ntfy: token, webhook: HMAC key, webpush: auth), `key` a browser's public key. `word` is why
-- the last try failed, `disabled_at` when the other side said that it is gone. Times are milliseconds since 1970 UTC.
CREATE TABLE alert_channel (
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  id BLOB NOT NULL UNIQUE CHECK (length(id) = 16),
  user INTEGER NOT NULL REFERENCES user (number) ON DELETE CASCADE,
  kind TEXT NOT NULL CHECK (kind IN ('ntfy', 'webhook', 'mail', 'webpush')),
  target TEXT NOT NULL,
  secret BLOB,
  key BLOB,
  created_at INTEGER NOT NULL,
  delivered_at INTEGER,
  failures INTEGER NOT NULL DEFAULT 0,
  word TEXT,
  disabled_at INTEGER,
  UNIQUE (user, kind, target)
) STRICT;

-- When a person wants to be left alone: minutes of the day in a time zone, and a holiday's end.
CREATE TABLE alert_settings (
  user INTEGER PRIMARY KEY REFERENCES user (number) ON DELETE CASCADE,
  quiet_from INTEGER,
  quiet_to INTEGER,
  time_zone TEXT,
  snoozed_until INTEGER
) STRICT;

-- Every change of a device's state that somebody is to hear of: once, the owner first, admins later. `told` says when the
-- messages were handed out, `done` that nobody of that kind needs one (any more).
CREATE TABLE alert (
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  device INTEGER NOT NULL REFERENCES device (number) ON DELETE CASCADE,
  at INTEGER NOT NULL,
  level TEXT NOT NULL,
  reason TEXT NOT NULL,
  owner_told INTEGER,
  owner_done INTEGER NOT NULL DEFAULT 0 CHECK (owner_done IN (0, 1)),
  admin_told INTEGER,
  admin_done INTEGER NOT NULL DEFAULT 0 CHECK (admin_done IN (0, 1))
) STRICT;
CREATE INDEX alert_device ON alert (device, number);
CREATE INDEX alert_open ON alert (number) WHERE owner_done = 0 OR admin_done = 0;

-- Messages on their way: one for each channel, until it is taken or given up.
CREATE TABLE alert_delivery (
  alert INTEGER NOT NULL REFERENCES alert (number) ON DELETE CASCADE,
  channel INTEGER NOT NULL REFERENCES alert_channel (number) ON DELETE CASCADE,
  for_admin INTEGER NOT NULL CHECK (for_admin IN (0, 1)),
  tries INTEGER NOT NULL DEFAULT 0,
  next_at INTEGER NOT NULL,
  PRIMARY KEY (alert, channel)
) STRICT, WITHOUT ROWID;
CREATE INDEX alert_delivery_due ON alert_delivery (next_at);
