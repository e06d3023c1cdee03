-- Which time is believed.  One row, by the primary key; none if the log of an earlier version could
-- not be mended.
SELECT believed_at, doubted_at, seen_at FROM rowcast_clock WHERE one = 1
