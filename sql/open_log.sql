-- Each connection to the log.  FULL: an id that was answered survives a power cut.
PRAGMA cache_size = -256;
PRAGMA temp_store = MEMORY;
PRAGMA synchronous = FULL;
