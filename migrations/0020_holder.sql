-- Which devices have a photo besides the one that brought it first (`asset.device`): they sent it again, or named its digest
-- at a check-in. `device` is a number as in `activity`; a merge leaves it as it is.
CREATE TABLE holder (
  asset INTEGER NOT NULL REFERENCES asset (number) ON DELETE CASCADE,
  device INTEGER NOT NULL,
  at INTEGER NOT NULL,
  PRIMARY KEY (asset, device)
) STRICT, WITHOUT ROWID;
