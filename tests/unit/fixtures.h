/* Files of revision 1, as a program of that revision made them (tests/fixtures/). */
#ifndef ROWCAST_TESTS_FIXTURES_H
#define ROWCAST_TESTS_FIXTURES_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* The text of a file; the caller's. */
static inline char *fixture_text(const char *name)
{
    size_t size = 0, n;
    char *text = NULL, part[4096];
    FILE *to = open_memstream(&text, &size), *from = fopen(name, "re");
    assert_non_null(to);
    if (!from)
        fail_msg("%s cannot be read: run the tests from the top folder", name);
    while ((n = fread(part, 1, sizeof part, from)) > 0)
        fwrite(part, 1, n, to);
    fclose(from);
    fclose(to);
    return text;
}

/* Make the file at `path` anew from a fixture, in WAL mode; nobody may have it open. */
static inline void fixture_load(const char *path, const char *name, mode_t mode)
{
    static const char *const ends[] = {"", "-wal", "-shm"};
    char file[128], *text = fixture_text(name), *why = NULL;
    sqlite3 *db = NULL;
    for (int i = 0; i < 3; i++) {
        snprintf(file, sizeof file, "%s%s", path, ends[i]);
        unlink(file);
    }
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    sqlite3_exec(db, "PRAGMA synchronous = OFF", NULL, NULL, NULL);
    if (sqlite3_exec(db, text, NULL, NULL, &why) != SQLITE_OK)
        fail_msg("%s: %s", name, why);
    sqlite3_close(db);
    free(text);
    assert_int_equal(chmod(path, mode), 0);
}

static inline void fixture_load_log(const char *path)
{
    fixture_load(path, "tests/fixtures/r1-log.sql", 0660);
}

static inline void fixture_load_sessions(const char *path)
{
    fixture_load(path, "tests/fixtures/r1-sessions.sql", 0600);
}

#endif
