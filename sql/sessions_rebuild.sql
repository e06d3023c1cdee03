-- Rebuild the file without free pages, and such that pages can be given back one by one later.
-- Copies all of it: 10 ms for 1000 pages.
PRAGMA auto_vacuum = INCREMENTAL;
VACUUM;
