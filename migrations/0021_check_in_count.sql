-- How much a device had brought, new or known, when it last said what is left: what came since is left no more.
ALTER TABLE device ADD COLUMN checked_in_count INTEGER;
UPDATE device SET checked_in_count = stored + duplicates WHERE check_in IS NOT NULL;

-- The last message about the server's disk, for the channels of admins that have not taken it yet: how often it was tried. Who
-- is asleep hears of it in the morning, also where the server was restarted at night.
CREATE TABLE disk_message (
  channel INTEGER PRIMARY KEY REFERENCES alert_channel (number) ON DELETE CASCADE,
  tries INTEGER NOT NULL DEFAULT 0
) STRICT;
