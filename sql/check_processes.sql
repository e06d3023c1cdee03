-- The responders that are entered: number, process and version.  A scan of all, which are as many as
-- there are processes.
SELECT id, pid, version FROM responders
