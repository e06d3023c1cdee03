-- Says wal where it is right.
PRAGMA journal_mode
