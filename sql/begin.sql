-- A read transaction: all that is read until COMMIT is of one moment.  Costs no I/O by itself.
BEGIN
