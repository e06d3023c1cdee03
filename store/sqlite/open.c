/* A store's life: what it consists of, what happens when its log is opened, and its rest.
 *
 * Opening the log has an order.  First the schema is looked at, since no other statement can be
 * trusted before.  Then comes its version, and a log of an earlier revision is upgraded.  Then come
 * the settings of a new log.  Then the books are mended, and only with true books can it be decided
 * whether the log lost something and needs a new epoch. */
#include <ctype.h>
#include <malloc.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/shell_line.h"
#include "store/sqlite/bind.h"
#include "store/sqlite/connect.h"
#include "store/sqlite/end.h"
#include "store/sqlite/engine.h"
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

enum { LOG_VERSION = 1 /* of sql/schema.sql */, STORE_LINE_SIZE = 1000 };

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

/* The value that the environment has for a setting; NULL: none. */
static const char *environment_value(const char *name)
{
    char variable[64] = "ROWCAST_";
    size_t n = strlen(variable);
    for (; *name && n < sizeof variable - 1; name++)
        variable[n++] = (char)toupper((unsigned char)*name);
    variable[n] = '\0';
    return getenv(variable);
}

/* If the schema refuses the value, the default stays in force, and the sentence is kept for
 * sqlite_environment(): a mistyped variable is no reason to have no log. */
static enum store_result setting_seed(struct sqlite_store *s, const char *name,
                                      const char *value)
{
    enum store_result r = database_do(s, &s->log, "seeding the settings", SQL_SETTINGS_SET,
                                      TEXT(name), TEXT(value));
    if (r != STORE_REFUSED)
        return r;
    snprintf(s->not_seeded, sizeof s->not_seeded, "%s", s->store.why);
    s->store.why[0] = '\0';
    return STORE_OK;
}

static enum store_result settings_set(struct sqlite_store *s)
{
    sqlite3_stmt *names = database_statement(&s->log, SQL_SETTINGS_READ);
    enum store_result r = STORE_OK;
    int rc = names ? sqlite3_step(names) : SQLITE_ERROR;
    for (; rc == SQLITE_ROW && r == STORE_OK; rc = sqlite3_step(names)) {
        const char *name = (const char *)sqlite3_column_text(names, 0);
        const char *value = (const char *)sqlite3_column_text(names, 1);
        const char *wanted = name ? environment_value(name) : NULL;
        if (wanted && value && strcmp(wanted, value) != 0)
            r = setting_seed(s, name, wanted);
    }
    if (r == STORE_OK && rc != SQLITE_DONE)
        r = store_failed(s, &s->log, "seeding the settings");
    sqlite3_reset(names);
    return r;
}

/* The lock comes before the first read: a transaction that reads first and writes later is
 * refused at once if another process, which starts as well, writes in between. */
static enum store_result settings_seed(struct sqlite_store *s)
{
    enum store_result r = database_run(s, &s->log, SQL_BEGIN_IMMEDIATE);
    if (r == STORE_OK)
        r = settings_set(s);
    return database_finish(s, &s->log, r);
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
        r = settings_seed(s);
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

static void environment_line(const struct sqlite_store *s, const char *name, const char *wanted,
                             const char *value, void (*say)(void *arg, const char *line),
                             void *arg)
{
    char line[STORE_LINE_SIZE], set[STORE_LINE_SIZE / 2];
    bool secret = strcmp(name, "publish_token") == 0;
    char *path = realpath(s->log.path, NULL); /* people are elsewhere when they paste it */
    bool fits = shell_line_set(set, sizeof set, path ? path : s->log.path, name,
                               secret ? "TOKEN" : wanted);
    free(path);
    snprintf(
        line, sizeof line,
        "the environment's value of %s%s%.200s is not in force: the log has %.200s%s.%s%s%s",
        name, secret ? "" : ", ", secret ? "" : wanted, secret ? "another" : value,
        !secret && !*value ? "none" : "", fits ? " To change it: " : "", fits ? set : "",
        fits && secret ? " (with yours in place of TOKEN)" : "");
    say(arg, line);
}

enum store_result sqlite_environment(struct store *store,
                                     void (*say)(void *arg, const char *line), void *arg)
{
    struct sqlite_store *s = sqlite_of(store);
    enum store_result r = database_use(s, &s->log);
    if (r != STORE_OK)
        return r;
    if (s->not_seeded[0])
        say(arg, s->not_seeded);
    sqlite3_stmt *stmt = database_statement(&s->log, SQL_SETTINGS_READ);
    int rc = stmt ? sqlite3_step(stmt) : SQLITE_ERROR;
    for (; rc == SQLITE_ROW; rc = sqlite3_step(stmt)) {
        const char *name = (const char *)sqlite3_column_text(stmt, 0);
        const char *value = (const char *)sqlite3_column_text(stmt, 1);
        const char *wanted = name ? environment_value(name) : NULL;
        if (wanted && value && strcmp(wanted, value) != 0)
            environment_line(s, name, wanted, value, say, arg);
    }
    if (rc != SQLITE_DONE)
        r = store_failed(s, &s->log, "reading the settings");
    sqlite3_reset(stmt);
    return r;
}
