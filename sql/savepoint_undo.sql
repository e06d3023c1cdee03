-- Undo what was done since the savepoint, and nothing before it.
ROLLBACK TO publication
