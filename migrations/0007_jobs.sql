-- What is to be done with an asset's file after it is stored: its facts read, its pictures made. A row goes when its work
-- is done; what failed for good stays, with the reason. `later` waits until `not_before`, `blocked` until the tools that
-- it needs are installed. `attempts` counts from before a try, so that a file that takes the machine down is given up too.
-- Times are milliseconds since 1970 UTC.
CREATE TABLE job (
  asset INTEGER NOT NULL REFERENCES asset (number) ON DELETE CASCADE,
  kind TEXT NOT NULL CHECK (kind IN ('facts', 'pictures')),
  state TEXT NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'running', 'later', 'blocked', 'failed')),
  attempts INTEGER NOT NULL DEFAULT 0,
  not_before INTEGER,
  reason TEXT,
  PRIMARY KEY (asset, kind)
) STRICT, WITHOUT ROWID;
-- The next one, the newest photo first; and the counts.
CREATE INDEX job_next ON job (kind, state, asset);
CREATE INDEX job_later ON job (not_before) WHERE state = 'later';
INSERT INTO job (asset, kind) SELECT number, 'facts' FROM asset;
INSERT INTO job (asset, kind) SELECT number, 'pictures' FROM asset;
CREATE TRIGGER asset_inserted_jobs AFTER INSERT ON asset BEGIN
  INSERT INTO job (asset, kind) VALUES (new.number, 'facts'), (new.number, 'pictures');
END;

-- What an operator paused stays paused.
CREATE TABLE paused_queue (
  kind TEXT PRIMARY KEY CHECK (kind IN ('facts', 'pictures'))
) STRICT, WITHOUT ROWID;
