-- Every login and every API key is a device: what a person calls "my phone". A device outlives its logins, so that a phone
-- that signs in again keeps its history. `name` is what its owner calls it, `label` the name of the key that made it.
-- `kind`, `maker` … `client_version` are what its requests and check-ins say; NULL where nothing was said. A device that was
-- merged into another stays as a row, because assets name it; its logins, counts and days have moved. `check_in` is JSON as
-- the floor above keeps it, `ticks` a JSON object of checklist items and when they were ticked. `level` and `reason` are the
-- alarm's last word, since `state_since`. Numbers are never used again: what happened names
-- them longer than they live. Times are milliseconds since 1970 UTC.
CREATE TABLE device (
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  id BLOB NOT NULL UNIQUE CHECK (length(id) = 16),
  user INTEGER NOT NULL REFERENCES user (number) ON DELETE CASCADE,
  name TEXT,
  label TEXT,
  kind TEXT NOT NULL CHECK (kind IN ('phone', 'desktop', 'browser', 'program')),
  maker TEXT,
  model TEXT,
  os TEXT,
  os_version TEXT,
  client TEXT,
  client_version TEXT,
  first_contact INTEGER NOT NULL,
  last_contact INTEGER NOT NULL,
  last_upload INTEGER,
  stored INTEGER NOT NULL DEFAULT 0,
  stored_bytes INTEGER NOT NULL DEFAULT 0,
  duplicates INTEGER NOT NULL DEFAULT 0,
  rejected INTEGER NOT NULL DEFAULT 0,
  broken INTEGER NOT NULL DEFAULT 0,
  snoozed_until INTEGER,
  revoked_at INTEGER,
  merged_into INTEGER REFERENCES device (number) ON DELETE CASCADE,
  check_in TEXT,
  checked_in_at INTEGER,
  ticks TEXT NOT NULL DEFAULT '{}',
  reopened_at INTEGER,
  reopen_reason TEXT,
  level TEXT,
  reason TEXT,
  state_since INTEGER
) STRICT;
CREATE INDEX device_user ON device (user);
CREATE INDEX device_merged ON device (merged_into) WHERE merged_into IS NOT NULL;

ALTER TABLE session ADD COLUMN device INTEGER REFERENCES device (number) ON DELETE SET NULL;
CREATE INDEX session_device ON session (device);
ALTER TABLE api_key ADD COLUMN device INTEGER REFERENCES device (number) ON DELETE SET NULL;
CREATE INDEX api_key_device ON api_key (device);

-- Logins and keys from before this migration; a device takes the id of what it is made of.
INSERT INTO device (id, user, kind, model, os, client_version, first_contact, last_contact)
  SELECT id, user, CASE WHEN device_type IN ('Android', 'iOS') THEN 'phone' ELSE 'browser' END,
    CASE WHEN device_type IN ('Android', 'iOS') THEN nullif(device_system, '') END,
    CASE WHEN device_type IN ('Android', 'iOS') THEN device_type ELSE nullif(device_system, '') END,
    app_version, created_at, updated_at
  FROM session;
INSERT INTO device (id, user, kind, label, first_contact, last_contact)
  SELECT id, user, 'program', name, created_at, created_at FROM api_key;
UPDATE session SET device = device.number FROM device WHERE device.id = session.id;
UPDATE api_key SET device = device.number FROM device WHERE device.id = api_key.id;

-- What a device did on one day (days since 1970, UTC): its 30-day strip, and the habit that the alarm learns. `hours` has
-- one bit for each hour in which it was in contact.
CREATE TABLE device_day (
  device INTEGER NOT NULL REFERENCES device (number) ON DELETE CASCADE,
  day INTEGER NOT NULL,
  hours INTEGER NOT NULL DEFAULT 0,
  stored INTEGER NOT NULL DEFAULT 0,
  bytes INTEGER NOT NULL DEFAULT 0,
  duplicates INTEGER NOT NULL DEFAULT 0,
  rejected INTEGER NOT NULL DEFAULT 0,
  broken INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (device, day)
) STRICT, WITHOUT ROWID;

-- Where an asset came from: the device's number (which a merge leaves as it is) and the client's name and version then.
ALTER TABLE asset ADD COLUMN device INTEGER;
ALTER TABLE asset ADD COLUMN client TEXT;
-- The last ones of a device: its latency, and whether the photo taken just now arrived.
CREATE INDEX asset_device ON asset (device, number) WHERE device IS NOT NULL;

-- Everything that happened, in the order in which it was received here. Numbers are never used again: clients resume behind
-- the last one that they saw. `user` is whom it concerns, NULL where nobody is known; `name` is a file's, `count` how many
-- things one row stands for, `seconds` how long it took. Goes after a time that the operator sets.
CREATE TABLE activity (
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  at INTEGER NOT NULL,
  kind TEXT NOT NULL,
  user INTEGER REFERENCES user (number) ON DELETE CASCADE,
  device INTEGER,
  asset BLOB CHECK (length(asset) = 16),
  name TEXT,
  bytes INTEGER,
  captured_at INTEGER,
  count INTEGER,
  seconds INTEGER,
  reason TEXT,
  detail TEXT
) STRICT;
CREATE INDEX activity_user ON activity (user, number);
CREATE INDEX activity_device ON activity (device, number) WHERE device IS NOT NULL;
CREATE INDEX activity_at ON activity (at);
CREATE INDEX activity_failed_login ON activity (number) WHERE kind = 'login_failed';

-- What left lately, by its bytes: a check-in is told that its person deleted them here.
CREATE INDEX removal_sha1 ON removal (sha1);
