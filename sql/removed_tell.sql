-- Tell streams of the mailboxes in rowcast_removed that events are missing, also those that have had
-- all events: a new id is given, which no event has, and the mailboxes are trimmed up to it.  By
-- primary keys; what is in the list was deleted by people, so it is short.
UPDATE rowcast_log SET last_id = last_id + 1
    WHERE one = 1 AND last_id < 9223372036854775807 AND EXISTS (SELECT 1 FROM rowcast_removed);
UPDATE sqlite_sequence SET seq = (SELECT last_id FROM rowcast_log WHERE one = 1)
    WHERE name = 'events' AND EXISTS (SELECT 1 FROM rowcast_removed);
INSERT INTO rowcast_channels(mailbox, trimmed_to, last_at)
    SELECT mailbox, last_id, CAST(round((julianday('now') - 2440587.5) * 86400000) AS INTEGER)
    FROM rowcast_removed, rowcast_log WHERE one = 1
    ON CONFLICT(mailbox) DO UPDATE SET trimmed_to = excluded.trimmed_to;
UPDATE rowcast_log SET trimmed_to = last_id
    WHERE one = 1 AND EXISTS (SELECT 1 FROM rowcast_removed);
DELETE FROM rowcast_removed;
