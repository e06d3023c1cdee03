-- From revision 1 of the sessions to revision 2: which version of the program each process runs.
ALTER TABLE main.state ADD COLUMN revision INTEGER NOT NULL DEFAULT 1;
ALTER TABLE main.responders ADD COLUMN version TEXT NOT NULL DEFAULT '';
