-- A read transaction: what is read until COMMIT is one state of the file.
BEGIN
