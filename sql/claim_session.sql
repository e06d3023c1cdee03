-- The session whose token is ?1.  A seek of the token's unique index.
SELECT id, reconnections, user_agent FROM sessions WHERE token = ?1
