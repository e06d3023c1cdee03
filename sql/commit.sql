-- End the transaction.  A write to the log costs a sync of the disk, 0.2 to 20 ms.
COMMIT
