-- Give up to 200 free pages back: the file becomes shorter by as many.
PRAGMA incremental_vacuum(200);
