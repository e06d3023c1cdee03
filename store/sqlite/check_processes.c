/* Which of the processes that live are of an older version.  Each enters its version in the
 * sessions; one that entered none is older than all that do. */
#include "store/sqlite/check_processes.h"

#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>

#include "store/sqlite/bind.h"
#include "store/sqlite/engine.h"
#include "store/sqlite/failure.h"
#include "store/sqlite/lease.h"
#include "store/version.h"

/* Versions are compared number by number.  A text that is none counts as 0. */
static bool is_older(const char *version, const char *than)
{
    int a[3] = {0}, b[3] = {0};
    (void)sscanf(version, "%9d.%9d.%9d", &a[0], &a[1], &a[2]);
    (void)sscanf(than, "%9d.%9d.%9d", &b[0], &b[1], &b[2]);
    for (int i = 0; i < 3; i++)
        if (a[i] != b[i])
            return a[i] < b[i];
    return false;
}

static void name_process(struct checking *c, int64_t pid, const char *version)
{
    char line[256];
    snprintf(line, sizeof line,
             "process %lld is of an older version (%.64s; this is %s): a setting that it does "
             "not know would not bind it",
             (long long)pid, *version ? version : "before versions were entered",
             ROWCAST_VERSION);
    c->say(c->arg, line);
}

/* Without a file of leases no process lives, and the check must not make one. */
void check_processes(struct checking *c)
{
    struct sqlite_store *s = c->store;
    char path[PATH_MAX];
    struct stat st;
    snprintf(path, sizeof path, "%s.leases", s->log.path);
    if (lstat(path, &st) != 0)
        return;
    sqlite3_stmt *stmt = database_statement(&s->sessions, SQL_CHECK_PROCESSES);
    int rc = stmt ? SQLITE_ROW : SQLITE_ERROR;
    while (rc == SQLITE_ROW && (rc = sqlite3_step(stmt)) == SQLITE_ROW) {
        const char *version = (const char *)sqlite3_column_text(stmt, 2);
        if (version && is_older(version, ROWCAST_VERSION) &&
            lease_alive(s, sqlite3_column_int64(stmt, 0)))
            name_process(c, sqlite3_column_int64(stmt, 1), version);
    }
    if (rc != SQLITE_DONE) {
        enum store_result r = store_failed(s, &s->sessions, "reading the responders");
        finding(c, r, "sessions %s: %s", s->sessions.path, store_why(&s->store));
    }
    sqlite3_reset(stmt);
}
