-- The journal mode, which should be wal.  From the header of the file.
PRAGMA journal_mode
