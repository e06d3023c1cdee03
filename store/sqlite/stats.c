#include <stdlib.h>
#include <string.h>

#include "store/sqlite/bind.h"
#include "store/sqlite/connect.h"
#include "store/sqlite/engine.h"
#include "store/sqlite/failure.h"
#include "store/sqlite/lease.h"

enum { SESSION_COUNTS = 4 };

/* The JSON array `*json` with one more number; replaces *json. */
static enum store_result add_number(struct sqlite_store *s, char **json, int64_t number)
{
    struct database *d = &s->sessions;
    sqlite3_stmt *stmt = database_bind(d, SQL_STATS_LIVING, TEXT(*json), INT(number));
    int rc = stmt ? sqlite3_step(stmt) : SQLITE_ERROR;
    const char *longer = rc == SQLITE_ROW ? (const char *)sqlite3_column_text(stmt, 0) : NULL;
    char *copy = longer ? strdup(longer) : NULL;
    enum store_result r = STORE_OK;
    if (copy == NULL)
        r = rc == SQLITE_ROW ? store_refuse(s, STORE_NOMEM, "out of memory")
                             : store_failed(s, d, "reading the responders");
    sqlite3_reset(stmt);
    if (copy) {
        free(*json);
        *json = copy;
    }
    return r;
}

/* A JSON array of the responders that live. */
static enum store_result living(struct sqlite_store *s, char **json)
{
    struct database *d = &s->sessions;
    *json = strdup("[]");
    if (*json == NULL)
        return store_refuse(s, STORE_NOMEM, "out of memory");
    sqlite3_stmt *stmt = database_bind(d, SQL_SESSIONS_RESPONDERS, INT(-1), INT(-1)); /* all */
    int rc = stmt ? SQLITE_ROW : SQLITE_ERROR;
    enum store_result r = STORE_OK;
    while (r == STORE_OK && rc == SQLITE_ROW && (rc = sqlite3_step(stmt)) == SQLITE_ROW)
        if (lease_alive(s, sqlite3_column_int64(stmt, 0)))
            r = add_number(s, json, sqlite3_column_int64(stmt, 0));
    if (rc != SQLITE_DONE && rc != SQLITE_ROW)
        r = store_failed(s, d, "reading the responders");
    sqlite3_reset(stmt);
    return r;
}

static enum store_result count_sessions(struct sqlite_store *s, int64_t counts[SESSION_COUNTS])
{
    struct database *d = &s->sessions;
    char *json = NULL;
    enum store_result r = database_use(s, d);
    if (r == STORE_OK)
        r = living(s, &json);
    if (r == STORE_OK) {
        sqlite3_stmt *stmt = database_bind(d, SQL_STATS_SESSIONS, TEXT(json));
        if (stmt && sqlite3_step(stmt) == SQLITE_ROW)
            for (int i = 0; i < SESSION_COUNTS; i++)
                counts[i] = sqlite3_column_int64(stmt, i);
        else
            r = store_failed(s, d, "counting sessions");
        sqlite3_reset(stmt);
    }
    free(json);
    return r;
}

/* What the sessions' file cannot tell is null. */
static sqlite3_stmt *bind_counts(struct sqlite_store *s, const int64_t *counts, bool known)
{
    sqlite3_stmt *stmt = database_statement(&s->log, SQL_STATS);
    for (int i = 0; stmt && i < SESSION_COUNTS; i++)
        if (known)
            sqlite3_bind_int64(stmt, i + 1, counts[i]);
        else
            sqlite3_bind_null(stmt, i + 1);
    return stmt;
}

enum store_result sqlite_stats(struct store *store, char **json)
{
    struct sqlite_store *s = sqlite_of(store);
    int64_t counts[SESSION_COUNTS] = {0};
    *json = NULL;
    bool known = count_sessions(s, counts) == STORE_OK;
    enum store_result r = database_use(s, &s->log);
    if (r != STORE_OK)
        return r;
    sqlite3_stmt *stmt = bind_counts(s, counts, known);
    int rc = stmt ? sqlite3_step(stmt) : SQLITE_ERROR;
    const char *text = rc == SQLITE_ROW ? (const char *)sqlite3_column_text(stmt, 0) : NULL;
    if (text)
        *json = strdup(text);
    else
        r = store_failed(s, &s->log, "reading statistics");
    sqlite3_reset(stmt);
    if (r == STORE_OK && *json == NULL)
        r = store_refuse(s, STORE_NOMEM, "out of memory");
    return r;
}
