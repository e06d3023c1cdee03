-- Write the note of a session that departs.  Writes one row and two indexes.
INSERT OR IGNORE INTO departed(token_hash, session_id, lasting, revives, epoch, position,
                               private_to, log_end)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
