-- Keep what was done since the savepoint, as part of the transaction.
RELEASE publication
