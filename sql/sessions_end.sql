-- Session ?1 is no more, if it is still idle since ?2 or longer.  Its primary key; the trigger
-- takes its bookmarks along.
DELETE FROM sessions WHERE id = ?1 AND idle_since <= ?2
