-- A write transaction that takes its lock now: an upgrade from a read could be refused at once.
BEGIN IMMEDIATE
