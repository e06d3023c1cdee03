-- Delete that note, since the session exists again.  A seek of departed_token.
DELETE FROM departed WHERE token_hash = ?1
