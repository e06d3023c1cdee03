-- For each connection to the log.  FULL: an event whose id was answered survives a power cut.
PRAGMA cache_size = -256;
PRAGMA temp_store = MEMORY;
PRAGMA synchronous = FULL;
