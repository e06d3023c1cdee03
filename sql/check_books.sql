-- Where the books are wrong about the events, and which events no stream can get: a sentence for
-- each.  Reads all events, so only --check runs it, never a responder.
WITH
    found(mailbox, n) AS (
        SELECT CASE WHEN session_id IS NULL THEN ifnull(channel, '') ELSE '@' || session_id END, count(*)
        FROM events GROUP BY 1),
    log AS (SELECT * FROM rowcast_log WHERE one = 1)
SELECT 'last_id of rowcast_log is ' || last_id || ', and there is an event ' || (SELECT max(id) FROM events)
    FROM log WHERE last_id < (SELECT max(id) FROM events)
UNION ALL
SELECT 'bytes of rowcast_log is ' || bytes || ', and the events have ' || n
    FROM log, (SELECT ifnull(sum(200 + ifnull(length(CAST(data AS BLOB)), 0)), 0) AS n FROM events) WHERE bytes IS NOT n
UNION ALL
SELECT 'rowcast_channels counts ' || (SELECT sum(kept) FROM rowcast_channels) || ' events, in '
       || sum(kept IS NOT n) || ' mailboxes not as many as there are, of '
       || (SELECT count(*) FROM events)
    FROM (SELECT ifnull(kept, 0) AS kept, n FROM found LEFT JOIN rowcast_channels USING (mailbox)
          UNION ALL
          SELECT kept, 0 FROM rowcast_channels WHERE kept <> 0 AND mailbox NOT IN (SELECT mailbox FROM found))
    HAVING sum(kept IS NOT n) > 0
UNION ALL
SELECT 'a mailbox of rowcast_channels was trimmed to ' || max(c.trimmed_to) || ', beyond the newest id ' || last_id
    FROM rowcast_channels AS c, log GROUP BY last_id HAVING max(c.trimmed_to) > last_id
UNION ALL
SELECT 'the next id is ' || (seq + 1) || ', which was given already: set seq of sqlite_sequence to ' || last_id
    FROM sqlite_sequence, log WHERE name = 'events' AND seq < last_id AND last_id < 9223372036854775807
UNION ALL
SELECT 'no id is left; to begin anew behind the events that are kept: DELETE FROM events WHERE id = 9223372036854775807; '
       || 'UPDATE rowcast_log SET epoch = lower(hex(randomblob(4))), last_id = (SELECT ifnull(max(id), 0) FROM events); '
       || 'UPDATE sqlite_sequence SET seq = (SELECT last_id FROM rowcast_log) WHERE name = ''events'''
    FROM log WHERE last_id = 9223372036854775807
UNION ALL
SELECT count(*) || ' events can reach nobody, one of them has the id ' || ifnull(max(id), 'NULL')
       || ': their id, channel or session_id is impossible'
    FROM events WHERE typeof(id) <> 'integer' OR id < 1 OR typeof(channel) <> 'text'
        OR (session_id IS NOT NULL AND (typeof(session_id) <> 'text' OR channel <> ''))
        OR (session_id IS NULL AND channel GLOB '@*')
    HAVING count(*) > 0
UNION ALL
SELECT count(*) || ' events came before March 1973 or will come more than a day from now: their created_at is wrong, so they are removed by age too early or never'
    FROM events WHERE typeof(created_at) <> 'integer' OR created_at NOT BETWEEN 100000000000 AND
        CAST(round((julianday('now') - 2440587.5) * 86400000) AS INTEGER) + 86400000
    HAVING count(*) > 0
UNION ALL
SELECT count(*) || ' events are older than another of their key, one of them has the id ' || max(id)
       || ': streams that begin there get both'
    FROM events AS older WHERE key IS NOT NULL AND EXISTS (
        SELECT 1 FROM events AS newer
        WHERE newer.session_id IS older.session_id AND newer.channel = older.channel
              AND newer.key = older.key AND newer.id > older.id)
    HAVING count(*) > 0
UNION ALL
SELECT count(*) || ' events have an expires_at that is no time, one of them has the id ' || max(id)
       || ': they do not expire when they should'
    FROM events WHERE expires_at IS NOT NULL AND (typeof(expires_at) <> 'integer'
        OR expires_at NOT BETWEEN 100000000000 AND 99999999999999)
    HAVING count(*) > 0
UNION ALL
SELECT count(*) || ' events expired more than an hour before the clock was last looked at, and are still there: nobody removes them'
    FROM events, rowcast_clock WHERE one = 1 AND expires_at < believed_at - 3600000
    HAVING count(*) > 0
UNION ALL
SELECT 'the clock of this machine is ' || (max(created_at) - now) / 1000 || ' s behind the newest event'
    FROM events, (SELECT CAST(round((julianday('now') - 2440587.5) * 86400000) AS INTEGER) AS now)
    GROUP BY now HAVING max(created_at) BETWEEN now + 60000 AND now + 86400000
