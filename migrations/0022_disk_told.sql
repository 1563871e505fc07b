-- What an admin's channel was really told of the server's disk the last time (`green`, `amber` or `red`), how often the word of
-- now was tried there, and when it may be tried again: a message that waits for a morning outlives a restart.
ALTER TABLE alert_channel ADD COLUMN disk_level TEXT NOT NULL DEFAULT 'green';
ALTER TABLE alert_channel ADD COLUMN disk_tries INTEGER NOT NULL DEFAULT 0;
ALTER TABLE alert_channel ADD COLUMN disk_next_at INTEGER NOT NULL DEFAULT 0;
-- What was told before this file is not told again.
UPDATE alert_channel SET disk_level = coalesce(
  (SELECT reason FROM activity WHERE kind = 'disk_level' ORDER BY number DESC LIMIT 1), 'green');

-- Whether the app behind a registration can show something: one that only syncs is sent nothing that asks its person to act.
ALTER TABLE push ADD COLUMN shows INTEGER NOT NULL DEFAULT 1;
