-- Changes with each change of the schema.  Reads one page, which every statement reads anyway.
PRAGMA schema_version
