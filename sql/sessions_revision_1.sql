-- For a connection to sessions of revision 1 that could not be upgraded: statements that read find
-- the column that they lack.  Those that write name main.responders.
CREATE TEMP VIEW IF NOT EXISTS responders AS
    SELECT id, pid, started_at, '' AS version FROM main.responders;
