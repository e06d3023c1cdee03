-- The newest event that ever was in the mailbox of session ?1, and how many it keeps; no row: the
-- mailbox is forgotten, or never had one.  By the primary key, and a seek of events_mailbox.
SELECT max(trimmed_to, ifnull((SELECT max(id) FROM events
                               WHERE session_id IS ?1 AND channel = ''), 0)), kept
FROM rowcast_channels WHERE mailbox = '@' || ?1
