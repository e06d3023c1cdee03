-- Sessions made until ?1, whose bookmarks may be lost; all of them, once in the life of a file.
DELETE FROM sessions WHERE created_at <= ?1
