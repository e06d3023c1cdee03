-- Begin what can be undone alone, within a transaction.
SAVEPOINT publication
