-- Which time is believed.  One row; none in a log of an earlier version that could not be mended.
SELECT believed_at, doubted_at, seen_at FROM rowcast_clock WHERE one = 1
