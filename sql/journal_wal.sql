-- Put the file into WAL mode.  If it is in that mode already, nothing is written.
PRAGMA journal_mode = WAL
