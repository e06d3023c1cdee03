-- The newest event that ever was in the mailbox of session ?1, but for those that are due at the
-- time ?2, and how many it keeps; no row: the mailbox is forgotten, or never had one.  By the primary
-- key, and a walk of events_mailbox backwards to the first that is not due, mostly the first.
SELECT max(trimmed_to, ifnull((SELECT id FROM events
                               WHERE session_id IS ?1 AND channel = ''
                                     AND (expires_at IS NULL OR expires_at > ?2)
                               ORDER BY id DESC LIMIT 1), 0)), kept
FROM rowcast_channels WHERE mailbox = '@' || ?1
