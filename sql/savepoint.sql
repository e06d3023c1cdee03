-- Begin a part of a transaction that can be undone alone.
SAVEPOINT publication
