/* Compares a file with a model that the schema makes in memory, so that there is no second list to
 * maintain. */
#include "store/sqlite/check_schema.h"

#include <stdio.h>
#include <string.h>

#include "store/sqlite/bind.h"
#include "store/sqlite/engine.h"
#include "store/sqlite/failure.h"

static void reading_failed(struct checking *c, struct database *d)
{
    enum store_result r = store_failed(c->store, d, "reading the schema");
    finding(c, r, "%s: %s", d->path, store_why(&c->store->store));
}

/* Compare a trigger, an index or a view with the one in the file, by their texts: SQLite keeps them
 * as they were written, comments and all. */
static void check_text(struct checking *c, struct database *d, const char *type,
                       const char *name, const char *sql)
{
    sqlite3_stmt *stmt = database_bind(d, SQL_CHECK_OBJECT, TEXT(type), TEXT(name));
    int rc = stmt ? sqlite3_step(stmt) : SQLITE_ERROR;
    const char *found = rc == SQLITE_ROW ? (const char *)sqlite3_column_text(stmt, 0) : NULL;
    if (rc != SQLITE_ROW && rc != SQLITE_DONE)
        reading_failed(c, d);
    else if (!found)
        finding(c, STORE_CORRUPT, "%s: %s %s is missing", d->path, type, name);
    else if (strcmp(found, sql) != 0)
        finding(c, STORE_CORRUPT, "%s: %s %s differs from what this version creates", d->path,
                type, name);
    sqlite3_reset(stmt);
}

/* Whether the file's table has this column as it should be. */
static bool has_column(struct checking *c, struct database *d, const char *table,
                       const char *column, const char *described)
{
    sqlite3_stmt *stmt = database_bind(d, SQL_CHECK_COLUMN, TEXT(table), TEXT(column));
    int rc = stmt ? sqlite3_step(stmt) : SQLITE_ERROR;
    const char *found = rc == SQLITE_ROW ? (const char *)sqlite3_column_text(stmt, 0) : NULL;
    bool same = found && strcmp(found, described) == 0;
    if (rc != SQLITE_ROW && rc != SQLITE_DONE)
        reading_failed(c, d);
    sqlite3_reset(stmt);
    return same;
}

static void check_table(struct checking *c, struct database *d, sqlite3 *model,
                        const char *table)
{
    char differ[512] = "";
    size_t n = 0;
    sqlite3_stmt *stmt = NULL;
    int rc = sqlite3_prepare_v2(model, sql_text[SQL_CHECK_COLUMNS], -1, &stmt, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_bind_text(stmt, 1, table, -1, SQLITE_STATIC);
    while (rc == SQLITE_OK && sqlite3_step(stmt) == SQLITE_ROW) {
        const char *column = (const char *)sqlite3_column_text(stmt, 0);
        const char *described = (const char *)sqlite3_column_text(stmt, 1);
        if (column && described && !has_column(c, d, table, column, described) &&
            n < sizeof differ)
            n += (size_t)snprintf(differ + n, sizeof differ - n, "%s%s", n > 0 ? ", " : "",
                                  column);
    }
    sqlite3_finalize(stmt);
    if (differ[0])
        finding(c, STORE_CORRUPT, "%s: table %s differs from what this version creates: %s",
                d->path, table, differ);
}

void check_schema(struct checking *c, struct database *d)
{
    sqlite3 *model = NULL;
    sqlite3_stmt *stmt = NULL;
    int rc = sqlite3_open_v2(":memory:", &model, SQLITE_OPEN_READWRITE, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_exec(model, sql_text[d->schema], NULL, NULL, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_prepare_v2(model, sql_text[SQL_CHECK_OBJECTS], -1, &stmt, NULL);
    while (rc == SQLITE_OK && sqlite3_step(stmt) == SQLITE_ROW) {
        const char *type = (const char *)sqlite3_column_text(stmt, 0);
        const char *name = (const char *)sqlite3_column_text(stmt, 1);
        const char *sql = (const char *)sqlite3_column_text(stmt, 2);
        if (type && name && sql && strcmp(type, "table") == 0)
            check_table(c, d, model, name);
        else if (type && name && sql)
            check_text(c, d, type, name, sql);
    }
    if (rc != SQLITE_OK)
        finding(c, STORE_NOMEM, "comparing the schema: %s", sqlite3_errmsg(model));
    sqlite3_finalize(stmt);
    sqlite3_close(model);
}
