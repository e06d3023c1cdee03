-- For each connection to the sessions.  NORMAL: a power cut may lose the last seconds of bookmarks,
-- and then some events come twice.
PRAGMA cache_size = -256;
PRAGMA temp_store = MEMORY;
PRAGMA synchronous = NORMAL;
PRAGMA wal_autocheckpoint = 4000;
PRAGMA journal_size_limit = 16777216;
