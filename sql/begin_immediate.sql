-- A write transaction, its lock taken now: a later upgrade could be refused at once.
BEGIN IMMEDIATE
