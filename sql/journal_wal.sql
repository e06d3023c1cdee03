-- Says wal; where it is so already, nothing is written.
PRAGMA journal_mode = WAL
