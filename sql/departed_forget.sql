-- The session whose token has the hash ?1 is one again.  A seek of departed_token.
DELETE FROM departed WHERE token_hash = ?1
