-- What a channel was told of a device the last time: who never heard that something is wrong need not hear that it is well.
CREATE TABLE alert_heard (
  channel INTEGER NOT NULL REFERENCES alert_channel (number) ON DELETE CASCADE,
  device INTEGER NOT NULL REFERENCES device (number) ON DELETE CASCADE,
  level TEXT NOT NULL,
  PRIMARY KEY (channel, device)
) STRICT, WITHOUT ROWID;
