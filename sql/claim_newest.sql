-- The newest ?4 ids up to ?3 of one mailbox, channel ?2 or session ?1, newest first.  ?5 is NULL,
-- or the types that count, each between line feeds.  Walks events_mailbox backwards.
SELECT id FROM events
WHERE session_id IS ?1 AND channel = ?2 AND id <= ?3
  AND (?5 IS NULL OR instr(?5, char(10) || type || char(10)))
ORDER BY id DESC LIMIT ?4
