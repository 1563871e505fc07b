-- The hours in which this server ran: silence while it was off is nobody's. One row per day (days since 1970, UTC), with
-- one bit for each hour, the lowest for midnight. Before the first row nobody knows, and the server counts as running.
CREATE TABLE server_day (
  day INTEGER PRIMARY KEY,
  hours INTEGER NOT NULL
) STRICT;
