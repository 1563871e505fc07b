-- Every tickle of the last months: one that was sent to wake a device, or (`held`) one that was due and held back to learn
-- what happens without it. `delivery` is what became of the send, NULL while it is under way and for one that was held back;
-- `contact_at` the first contact within the platform's window; `over` whether an outcome is still awaited. Numbers are never
-- used again: devices echo them. Times are milliseconds since 1970 UTC.
CREATE TABLE tickle (
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  device INTEGER NOT NULL REFERENCES device (number) ON DELETE CASCADE,
  at INTEGER NOT NULL,
  channel TEXT NOT NULL CHECK (channel IN ('stream', 'webpush', 'apns', 'fcm')),
  why TEXT NOT NULL CHECK (why IN ('stale', 'backlog', 'hand')),
  held INTEGER NOT NULL CHECK (held IN (0, 1)),
  nudge INTEGER NOT NULL CHECK (nudge IN (0, 1)),
  delivery TEXT,
  contact_at INTEGER,
  echoed INTEGER NOT NULL DEFAULT 0 CHECK (echoed IN (0, 1)),
  over INTEGER NOT NULL DEFAULT 0 CHECK (over IN (0, 1))
) STRICT;
CREATE INDEX tickle_of_device ON tickle (device, number);
CREATE INDEX tickle_at ON tickle (at);
CREATE INDEX tickle_open ON tickle (number) WHERE over = 0;

-- What the scheduler has learned of a device: trials and the contacts that followed them, how much slower than usual it is
-- tickled, where it stands on the ladder, its habits as bytes of the floor that made them, and what is wrong.
CREATE TABLE tickle_device (
  device INTEGER PRIMARY KEY REFERENCES device (number) ON DELETE CASCADE,
  sent INTEGER NOT NULL,
  sent_contacts INTEGER NOT NULL,
  held INTEGER NOT NULL,
  held_contacts INTEGER NOT NULL,
  cadence INTEGER NOT NULL,
  unjudged INTEGER NOT NULL,
  rung INTEGER NOT NULL,
  unanswered INTEGER NOT NULL,
  short_runs INTEGER NOT NULL,
  nudged INTEGER NOT NULL,
  last_tickle INTEGER,
  not_before INTEGER,
  rhythm BLOB,
  diagnosis TEXT
) STRICT;

-- When the server stopped, and was not ended: what is overdue after a long pause is spread.
CREATE TABLE tickle_pause (
  only INTEGER PRIMARY KEY CHECK (only = 1),
  stopped_at INTEGER
) STRICT;
INSERT INTO tickle_pause (only) VALUES (1);
