-- The last pages of the file go, 200 of them.
PRAGMA incremental_vacuum(200);
