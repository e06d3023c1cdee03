-- Moves when another connection has committed.  Reads the wal-index only: 2.3 µs.
PRAGMA data_version
