-- The note of the departed session whose token has the hash ?1.  A seek of departed_token.
SELECT session_id, lasting, revives, epoch, position, private_to, log_end
FROM departed WHERE token_hash = ?1
