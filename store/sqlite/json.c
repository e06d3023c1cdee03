#include <string.h>

#include "store/sqlite/engine.h"

/* A connection to nothing, for the moment: errors are rare, and any thread may have one. */
char *store_json_error(const char *sentence)
{
    sqlite3 *db = NULL;
    sqlite3_stmt *stmt = NULL;
    char *json = NULL;
    if (sqlite3_open_v2(":memory:", &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL) ==
            SQLITE_OK &&
        sqlite3_prepare_v2(db, sql_text[SQL_JSON_ERROR], -1, &stmt, NULL) == SQLITE_OK &&
        sqlite3_bind_text(stmt, 1, sentence, -1, SQLITE_STATIC) == SQLITE_OK &&
        sqlite3_step(stmt) == SQLITE_ROW && sqlite3_column_text(stmt, 0))
        json = strdup((const char *)sqlite3_column_text(stmt, 0));
    sqlite3_finalize(stmt);
    sqlite3_close(db);
    return json;
}
