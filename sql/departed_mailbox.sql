-- The newest event there was in the mailbox '@' || ?1, as far as is remembered; no row: it is not.
-- The primary key, and a seek of events_mailbox.
SELECT max(trimmed_to, ifnull((SELECT max(id) FROM events
                               WHERE session_id IS ?1 AND channel = ''), 0)), kept
FROM rowcast_channels WHERE mailbox = '@' || ?1
