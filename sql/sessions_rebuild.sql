-- The file is made anew, without free pages, so that later they can be given back one by one.
PRAGMA auto_vacuum = INCREMENTAL;
VACUUM;
