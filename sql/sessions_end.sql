-- Delete session ?1 if it is still idle, since ?2 or longer.  By the primary key; the trigger
-- sessions_delete removes its bookmarks.
DELETE FROM sessions WHERE id = ?1 AND idle_since <= ?2
