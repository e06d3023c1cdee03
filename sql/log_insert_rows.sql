-- Append the rows of the JSON array ?1 in its order; each is an array of channel, session, type,
-- data, dedup key, key and seconds until it expires.  Leaves out a row whose mailbox has its dedup
-- key already.  Some 10 µs a row, with its triggers.
INSERT INTO events(channel, session_id, type, data, dedup_key)
    SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4
    FROM json_each(?1) ORDER BY json_each.key
