-- How much a device had brought, new or known, when it last said what is left: what came since is left no more.
ALTER TABLE device ADD COLUMN checked_in_count INTEGER;
UPDATE device SET checked_in_count = stored + duplicates WHERE check_in IS NOT NULL;
