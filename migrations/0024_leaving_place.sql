-- A name on its way out is nobody's in any spelling: `place` reserves it as in `asset`, as long as the file, its sidecar and their
-- lines in SHA1SUMS are to leave. Rows that had left before have none.
ALTER TABLE removal ADD COLUMN place INTEGER;
UPDATE removal SET place = place_of(original_key) WHERE state = 'announced';
DROP INDEX removal_leaving;
CREATE INDEX removal_leaving ON removal (place) WHERE state = 'announced';
