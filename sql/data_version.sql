-- Changes when another connection commits.  Reads the wal-index only: 2.3 µs.
PRAGMA data_version
