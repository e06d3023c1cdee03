/* An upgrade is one transaction: our triggers go, the steps add columns and drop indexes, and the
 * schema makes everything else, as it does in a new file.  So there is one text of each trigger,
 * and no second list of what a file consists of.  Whoever dies in between leaves the file as it
 * was.
 *
 * The schema is also a file that people load, so it has a transaction of its own, and pragmas that
 * a transaction refuses.  Here these are left out by the authorizer (sqlite3_set_authorizer),
 * which SQLite asks about each statement that it prepares. */
#include "store/sqlite/upgrade.h"

#include <limits.h>
#include <stdio.h>
#include <strings.h>

#include "store/notice.h"
#include "store/sqlite/bind.h"
#include "store/sqlite/connect.h"
#include "store/sqlite/engine.h"
#include "store/sqlite/failure.h"
#include "store/sqlite/tell.h"

enum { UPGRADE_PATIENCE_MS = 4 * STORE_BUSY_MS };

/* How one of the two files is upgraded. */
struct upgrade {
    const char *what; /* for people */
    int to;
    enum sql revision, set;
    enum sql triggers;       /* drops ours */
    enum sql view, view_end; /* for a file that could not be upgraded */
    const enum sql *steps;   /* steps[i] leads from revision i + 1 to i + 2 */
};

static const enum sql log_steps[LOG_REVISION - 1] = {SQL_UPGRADE_2};
static const enum sql sessions_steps[SESSIONS_REVISION - 1] = {SQL_SESSIONS_UPGRADE_2};

static const struct upgrade of_log = {.what = "the log",
                                      .to = LOG_REVISION,
                                      .revision = SQL_LOG_REVISION,
                                      .set = SQL_LOG_REVISION_SET,
                                      .triggers = SQL_UPGRADE_TRIGGERS,
                                      .view = SQL_REVISION_1,
                                      .view_end = SQL_REVISION_1_END,
                                      .steps = log_steps};
static const struct upgrade of_sessions = {.what = "the sessions",
                                           .to = SESSIONS_REVISION,
                                           .revision = SQL_SESSIONS_REVISION,
                                           .set = SQL_SESSIONS_REVISION_SET,
                                           .triggers = SQL_SESSIONS_UPGRADE_TRIGGERS,
                                           .view = SQL_SESSIONS_REVISION_1,
                                           .view_end = SQL_SESSIONS_REVISION_1_END,
                                           .steps = sessions_steps};

static const char adding[] = "adding what is new";

static enum store_result run_all(struct sqlite_store *s, struct database *d, enum sql id)
{
    if (sqlite3_exec(d->db, sql_text[id], NULL, NULL, NULL) == SQLITE_OK)
        return STORE_OK;
    return store_failed(s, d, adding);
}

/* The column exists since revision 2, so a number below that is somebody's mistake.  The statement
 * is not kept: it is needed once a connection. */
static enum store_result revision_read(struct sqlite_store *s, struct database *d,
                                       const struct upgrade *u, int *revision)
{
    sqlite3_stmt *stmt = NULL;
    *revision = 1;
    int rc = sqlite3_prepare_v2(d->db, sql_text[u->revision], -1, &stmt, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_step(stmt); /* prepares it again if the schema was changed */
    enum store_result r = STORE_OK;
    if (rc != SQLITE_ROW && rc != SQLITE_DONE)
        r = database_lacks_table(d) ? STORE_OK : store_failed(s, d, "reading the revision");
    else if (sqlite3_column_int64(stmt, 0) >= u->to)
        *revision = u->to;
    else
        *revision = 2;
    sqlite3_finalize(stmt);
    return r;
}

enum store_result log_revision(struct sqlite_store *s, int *revision)
{
    return revision_read(s, &s->log, &of_log, revision);
}

/* ---- the upgrade ------------------------------------------------------------------- */

static int leave_out(void *arg, int action, const char *name, const char *value,
                     const char *schema, const char *trigger)
{
    (void)arg, (void)value, (void)schema, (void)trigger;
    if (action == SQLITE_TRANSACTION)
        return SQLITE_IGNORE;
    bool refused = action == SQLITE_PRAGMA && (strcasecmp(name, "journal_mode") == 0 ||
                                               strcasecmp(name, "auto_vacuum") == 0);
    return refused ? SQLITE_IGNORE : SQLITE_OK;
}

static enum store_result schema_again(struct sqlite_store *s, struct database *d)
{
    sqlite3_set_authorizer(d->db, leave_out, NULL);
    enum store_result r = run_all(s, d, d->schema);
    sqlite3_set_authorizer(d->db, NULL, NULL);
    return r;
}

/* Looks once more, since another process may have been faster.  *from: the revision that it
 * found. */
static enum store_result upgrade_in_transaction(struct sqlite_store *s, struct database *d,
                                                const struct upgrade *u, int *from)
{
    enum store_result r = revision_read(s, d, u, from);
    if (r != STORE_OK || *from >= u->to)
        return r;
    r = run_all(s, d, u->view_end); /* the schema's table of that name is meant */
    if (r == STORE_OK)
        r = run_all(s, d, u->triggers);
    for (int i = *from - 1; r == STORE_OK && i < u->to - 1; i++)
        r = run_all(s, d, u->steps[i]);
    if (r == STORE_OK)
        r = schema_again(s, d);
    if (r == STORE_OK)
        r = database_do(s, d, adding, u->set, INT(u->to));
    return r;
}

static void say_upgraded(const struct database *d, const struct upgrade *u, int from)
{
    char words[STORE_WHY_SIZE + PATH_MAX];
    snprintf(words, sizeof words, "from=%d to=%d file=\"%s\"", from, u->to, d->path);
    notice_of(STORE_UPGRADED, words);
}

/* A failure says nothing about reading, so the file need not be opened anew; and what a rule
 * refuses here is nothing that somebody publishes. */
static enum store_result upgrade_run(struct sqlite_store *s, struct database *d,
                                     const struct upgrade *u)
{
    bool suspect = d->suspect;
    int from = u->to;
    enum store_result r = database_run(s, d, SQL_BEGIN_IMMEDIATE);
    if (r == STORE_OK)
        r = database_finish(s, d, upgrade_in_transaction(s, d, u, &from));
    d->suspect = suspect;
    if (r != STORE_OK)
        return r == STORE_REFUSED ? STORE_IO : r;
    d->revision = u->to;
    if (from < u->to)
        say_upgraded(d, u, from);
    return STORE_OK;
}

/* ---- a file that is behind ---------------------------------------------------------- */

/* The reason is in `why`.  revision 0: not even the view can be made. */
static void make_do(struct sqlite_store *s, struct database *d, const struct upgrade *u)
{
    log_tell(s, STORE_NOT_UPGRADED, "%s %s is of revision %d, and was not upgraded to %d: %s",
             u->what, d->path, d->revision, u->to, s->store.why);
    if (sqlite3_exec(d->db, sql_text[u->view], NULL, NULL, NULL) != SQLITE_OK)
        d->revision = 0;
    d->suspect |= d->revision == 0;
}

static enum store_result upgrade(struct sqlite_store *s, struct database *d,
                                 const struct upgrade *u)
{
    int revision;
    enum store_result r = revision_read(s, d, u, &revision);
    if (r != STORE_OK)
        return r;
    d->revision = revision;
    if (revision < u->to)
        r = upgrade_run(s, d, u);
    if (r == STORE_OK && d->behind)
        r = run_all(s, d, u->view_end);
    d->behind = r != STORE_OK;
    if (d->behind)
        make_do(s, d, u);
    return r;
}

static enum store_result upgrade_opened(struct sqlite_store *s, struct database *d,
                                        const struct upgrade *u)
{
    d->behind = false;
    d->revision = 0; /* not known */
    sqlite3_busy_timeout(d->db, UPGRADE_PATIENCE_MS);
    enum store_result r = upgrade(s, d, u);
    sqlite3_busy_timeout(d->db, STORE_BUSY_MS);
    if (d->revision == 0)
        return r;
    s->store.why[0] = '\0';
    return STORE_OK;
}

enum store_result log_upgrade(struct sqlite_store *s)
{
    return upgrade(s, &s->log, &of_log);
}

enum store_result sessions_upgrade(struct sqlite_store *s)
{
    return upgrade(s, &s->sessions, &of_sessions);
}

enum store_result log_upgrade_opened(struct sqlite_store *s)
{
    return upgrade_opened(s, &s->log, &of_log);
}

enum store_result sessions_upgrade_opened(struct sqlite_store *s)
{
    return upgrade_opened(s, &s->sessions, &of_sessions);
}
