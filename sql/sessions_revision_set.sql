-- The sessions are of revision ?1 now.  One row, by the primary key.
UPDATE main.state SET revision = ?1 WHERE one = 1
