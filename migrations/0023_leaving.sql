-- A name in originals/ is nobody's until the file that had it, its sidecar and their lines in SHA1SUMS have left: asked for
-- each upload.
CREATE INDEX removal_leaving ON removal (original_key) WHERE state = 'announced';
