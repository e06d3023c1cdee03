/* A store's life: what it consists of, what happens when its log is opened, and its rest.
 *
 * Opening the log has an order.  First the schema is looked at, since no other statement can be
 * trusted before.  Then comes its version, and a log of an earlier revision is upgraded.  Then come
 * the settings of a new log.  Then the books are mended, and only with true books can it be decided
 * whether the log lost something and needs a new epoch. */
#include <malloc.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/sqlite/connect.h"
#include "store/sqlite/end.h"
#include "store/sqlite/engine.h"
#include "store/sqlite/environment.h"
#include "store/sqlite/epoch.h"
#include "store/sqlite/failure.h"
#include "store/sqlite/file.h"
#include "store/sqlite/look.h"
#include "store/sqlite/mend.h"
#include "store/sqlite/path.h"
#include "store/sqlite/removed.h"
#include "store/sqlite/sessions.h"
#include "store/sqlite/tend.h"
#include "store/sqlite/upgrade.h"
#include "store/sqlite/wait.h"

enum { LOG_VERSION = 1 /* of sql/schema.sql */ };

static enum store_result version_check(struct sqlite_store *s)
{
    sqlite3_stmt *stmt = database_statement(&s->log, SQL_LOG_VERSION);
    if (!stmt || sqlite3_step(stmt) != SQLITE_ROW) {
        enum store_result r = store_failed(s, &s->log, "reading the log's version");
        sqlite3_reset(stmt);
        return r;
    }
    int version = sqlite3_column_int(stmt, 0);
    sqlite3_reset(stmt);
    if (version > LOG_VERSION)
        return store_refuse(s, STORE_NEWER,
                            "the log %s has version %d of the schema, made by a newer Rowcast; "
                            "this one knows version %d",
                            s->log.path, version, LOG_VERSION);
    return STORE_OK;
}

static enum store_result look_and_mend(struct sqlite_store *s)
{
    struct store_end end;
    enum store_result r = log_read_end(s, &end, NULL);
    if (!s->lacks[0])
        return r;
    log_mend(s);
    return log_read_end(s, &end, NULL);
}

/* Before the version is known, no more is demanded than each revision has. */
static enum store_result look_and_upgrade(struct sqlite_store *s)
{
    s->log.revision = 1;
    s->anew = false;
    enum store_result r = log_examine(s);
    if (r == STORE_OK)
        r = version_check(s);
    if (r == STORE_OK)
        r = log_upgrade_opened(s);
    s->looked_at = -1;
    return r;
}

/* The log was just opened.  Check its version, upgrade it, take the settings of a new log from the
 * environment, and give a log that ends before what was seen of it a new epoch. */
static enum store_result log_opened(struct sqlite_store *s)
{
    epoch_opening(s);
    enum store_result r = look_and_upgrade(s); /* before anything asks the tables */
    if (r == STORE_OK && s->log.made)
        r = environment_seed(s);
    if (r == STORE_OK)
        r = look_and_mend(s);
    if (r == STORE_OK)
        r = epoch_check(s);
    struct store_end end;
    if (r == STORE_OK)
        r = log_read_end(s, &end, NULL);
    if (r == STORE_OK)
        file_saw(s->log.hold.file, end.epoch, end.last_id);
    if (s->log.behind)
        s->looked_at = -1; /* another process may have upgraded it since: the next call looks */
    return r;
}

static enum store_result log_before_use(struct sqlite_store *s)
{
    epoch_note(s);
    enum store_result r = path_follow(s);
    if (r == STORE_OK && s->lacks[0] && database_is_usable(&s->log))
        log_mend(s);
    if (r == STORE_OK && s->fell && database_is_usable(&s->log))
        r = epoch_renew(s);
    if (r == STORE_OK && removed_is_due(s) && database_is_usable(&s->log))
        removed_tell(s);
    return r;
}

/* The versions are counted for each connection, so the next one begins anew. */
static void log_closed(struct sqlite_store *s)
{
    s->data_version = s->looked_at = -1;
    for (int i = 0; i < WALKS_MAX; i++) {
        sqlite3_finalize(s->walk[i]);
        s->walk[i] = NULL;
    }
}

/* For the whole process, and only before SQLite's first use; later SQLite refuses it, which costs
 * memory and time, nothing else.  Pages are allocated one by one: many of our connections never
 * use the 20 that SQLite would allocate at once (88 KiB).  And SQLite does not add up how much
 * memory it uses: nobody asks for the sum, and it costs each allocation a lock that all threads
 * share. */
static void set_up_sqlite(void)
{
    sqlite3_config(SQLITE_CONFIG_PAGECACHE, (void *)NULL, 0, 0);
    sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
}

static void describe_files(struct sqlite_store *s)
{
    s->log = (struct database){.mode = 0660,
                               .pragmas = SQL_OPEN_LOG,
                               .version = SQL_LOG_VERSION,
                               .schema = SQL_SCHEMA,
                               .upgrade = log_upgrade,
                               .before_use = log_before_use,
                               .opened = log_opened,
                               .closed = log_closed};
    s->sessions = (struct database){.mode = 0600,
                                    .pragmas = SQL_OPEN_SESSIONS,
                                    .version = SQL_SESSIONS_VERSION,
                                    .schema = SQL_SESSIONS_SCHEMA,
                                    .upgrade = sessions_upgrade,
                                    .opened = sessions_opened};
}

enum store_result sqlite_open(struct store **out, const char *path)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, set_up_sqlite);
    struct sqlite_store *s = calloc(1, sizeof *s);
    if (!s)
        return STORE_NOMEM;
    s->data_version = s->looked_at = -1;
    s->retain_in = TEND_RETAIN_MS;
    s->given = strdup(path);
    describe_files(s);
    s->log.path = path_resolve(path);
    if (!s->log.path || asprintf(&s->sessions.path, "%s.sessions", s->log.path) < 0)
        s->sessions.path = NULL;
    if (!s->given || !s->sessions.path) {
        sqlite_close(&s->store);
        return STORE_NOMEM;
    }
    *out = &s->store;
    return STORE_OK;
}

void sqlite_close(struct store *store)
{
    struct sqlite_store *s = sqlite_of(store);
    waiter_free(s);
    database_close(s, &s->sessions);
    database_close(s, &s->log);
    free(s->sessions.path);
    free(s->log.path);
    free(s->given);
    free(s);
}

bool sqlite_rest(struct store *store)
{
    struct sqlite_store *s = sqlite_of(store);
    struct database *both[] = {&s->log, &s->sessions};
    bool rest = s->idle >= STORE_REST_S - 1, closed = false;
    for (int i = 0; i < 2; i++)
        if (both[i]->db && (rest || !database_is_usable(both[i]))) {
            database_close(s, both[i]);
            closed = true;
        }
    if (!rest)
        s->idle++;
    else if (closed)
        malloc_trim(0); /* or the memory would stay with the process, in pieces */
    return rest;
}

/* A file that cannot be written opens all the same, for reading: SQLite has to be asked. */
static enum store_result fit(struct sqlite_store *s, struct database *d, const char *what)
{
    enum store_result r = database_use(s, d);
    if (r == STORE_OK && sqlite3_db_readonly(d->db, "main") == 1)
        return store_refuse(s, STORE_READONLY, "%s %s cannot be written by this process", what,
                            d->path);
    return r;
}

enum store_result sqlite_fit(struct store *store)
{
    struct sqlite_store *s = sqlite_of(store);
    enum store_result r = fit(s, &s->log, "the log");
    return r == STORE_OK ? fit(s, &s->sessions, "the sessions") : r;
}
