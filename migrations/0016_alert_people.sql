-- What somebody knows of a device is what their channels were really told (`alert_heard`); when messages were handed out says
-- nothing. `look_at` is when a change is to be looked at again: behind somebody's holiday, or when admins are due.
ALTER TABLE alert DROP COLUMN owner_told;
ALTER TABLE alert DROP COLUMN admin_told;
ALTER TABLE alert ADD COLUMN look_at INTEGER NOT NULL DEFAULT 0;
DROP INDEX alert_open;
CREATE INDEX alert_open ON alert (look_at) WHERE owner_done = 0 OR admin_done = 0;

-- Admins whose channels have their messages of a change, while others are away.
CREATE TABLE alert_asked (
  alert INTEGER NOT NULL REFERENCES alert (number) ON DELETE CASCADE,
  user INTEGER NOT NULL REFERENCES user (number) ON DELETE CASCADE,
  PRIMARY KEY (alert, user)
) STRICT, WITHOUT ROWID;

-- `first_failed_at` is the first failure since the last message that was taken. A mail channel tells nobody before `address`,
-- the one that showed the token (SHA-256) of its first mail, is the address that the person has now.
ALTER TABLE alert_channel ADD COLUMN first_failed_at INTEGER;
ALTER TABLE alert_channel ADD COLUMN address TEXT;
ALTER TABLE alert_channel ADD COLUMN confirmed_at INTEGER;
ALTER TABLE alert_channel ADD COLUMN token BLOB;
ALTER TABLE alert_channel ADD COLUMN token_expires_at INTEGER;
UPDATE alert_channel SET confirmed_at = created_at WHERE kind <> 'mail';
-- What was taken there and complained of by nobody.
UPDATE alert_channel SET confirmed_at = delivered_at, address = (SELECT email FROM user WHERE number = alert_channel.user)
  WHERE kind = 'mail' AND delivered_at IS NOT NULL;

-- Whether it waits for the end of somebody's night or holiday, which they may move.
ALTER TABLE alert_delivery ADD COLUMN put_off INTEGER NOT NULL DEFAULT 0;
