-- Reads the whole file: for people who ask, never while serving.
PRAGMA quick_check(5)
