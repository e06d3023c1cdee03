-- Up to five faults of the file.  Reads all of it, so only --check runs it, never a responder.
PRAGMA quick_check(5)
