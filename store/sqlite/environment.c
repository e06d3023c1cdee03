/* A variable is ROWCAST_ and the name of a setting in capitals. */
#include "store/sqlite/environment.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/shell_line.h"
#include "store/sqlite/bind.h"
#include "store/sqlite/connect.h"
#include "store/sqlite/engine.h"
#include "store/sqlite/failure.h"

enum { STORE_LINE_SIZE = 1000 };

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
enum store_result environment_seed(struct sqlite_store *s)
{
    enum store_result r = database_run(s, &s->log, SQL_BEGIN_IMMEDIATE);
    if (r == STORE_OK)
        r = settings_set(s);
    return database_finish(s, &s->log, r);
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
