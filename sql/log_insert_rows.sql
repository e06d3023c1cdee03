-- Append the rows of the JSON array ?1 in its order; each is an array of channel, session, type,
-- data, dedup key, key and seconds until it expires.  Leaves out a row whose mailbox has its dedup
-- key already.  Some 11 µs a row, with its triggers.
INSERT INTO main.events(channel, session_id, type, data, dedup_key, key, expires_at)
    SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5,
           CAST(round((julianday('now') - 2440587.5) * 86400000) AS INTEGER) + (value ->> 6) * 1000
    FROM json_each(?1) ORDER BY json_each.key
