-- Look at the first ?6 rows in (?3, ?4] of one mailbox, which is channel ?2 or session ?1: how many
-- have a wanted type, how many there are, and the oldest.  ?5 is NULL, or the wanted types, each
-- between line feeds.  Walks events_mailbox, which has the types, and never the data.  So it also
-- counts rows that are due, which the caller subtracts (claim_due.sql).  (A list in IN would be made
-- into a table each time, which costs 60 µs.)
SELECT count(*) FILTER (WHERE ?5 IS NULL OR instr(?5, char(10) || type || char(10))), count(*), min(id)
FROM (SELECT id, type FROM events
      WHERE session_id IS ?1 AND channel = ?2 AND id > ?3 AND id <= ?4 ORDER BY id LIMIT ?6)
