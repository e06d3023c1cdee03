-- Moves with each change of the schema.  One page, which every statement reads.
PRAGMA schema_version
