/* Values are bound as they are, without a copy (SQLITE_STATIC): a statement is stepped and reset
 * in the function that bound it, while the texts are still valid. */
#include "store/sqlite/bind.h"

#include <string.h>

#include "store/sqlite/failure.h"

static int bind_value(sqlite3_stmt *stmt, int i, const struct value *v)
{
    switch (v->kind) {
    case VALUE_INT:
        return sqlite3_bind_int64(stmt, i, v->number);
    case VALUE_TEXT:
        return sqlite3_bind_text(stmt, i, v->text, -1, SQLITE_STATIC);
    case VALUE_BYTES: /* as text: the column's rule refuses a BLOB */
        return sqlite3_bind_text64(stmt, i, v->text, v->length, SQLITE_STATIC, SQLITE_UTF8);
    }
    return SQLITE_MISUSE;
}

bool statement_bind_values(sqlite3_stmt *stmt, const struct value *values, size_t n)
{
    int rc = stmt ? SQLITE_OK : SQLITE_NOMEM;
    for (size_t i = 0; rc == SQLITE_OK && i < n; i++)
        rc = bind_value(stmt, (int)i + 1, &values[i]);
    return rc == SQLITE_OK;
}

sqlite3_stmt *database_bind_values(struct database *d, enum sql id, const struct value *values,
                                   size_t n)
{
    sqlite3_stmt *stmt = database_statement(d, id);
    return statement_bind_values(stmt, values, n) ? stmt : NULL;
}

enum store_result database_do_values(struct sqlite_store *s, struct database *d,
                                     const char *doing, enum sql id, const struct value *values,
                                     size_t n)
{
    sqlite3_stmt *stmt = database_bind_values(d, id, values, n);
    enum store_result r = STORE_OK;
    if (!stmt || sqlite3_step(stmt) != SQLITE_DONE)
        r = store_failed(s, d, doing);
    sqlite3_reset(stmt);
    return r;
}

bool database_text(char *to, size_t size, const char *from)
{
    if (from && memccpy(to, from, '\0', size))
        return true;
    to[0] = '\0';
    return false;
}
