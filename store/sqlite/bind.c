#include "store/sqlite/bind.h"

#include <stdarg.h>
#include <string.h>

#include "store/sqlite/failure.h"

static sqlite3_stmt *bind(struct database *d, enum sql id, const char *kinds, va_list values)
{
    sqlite3_stmt *st = database_statement(d, id);
    int failed = st == NULL;
    for (int i = 1; !failed && *kinds; i++, kinds++)
        failed = *kinds == 'i' ? sqlite3_bind_int64(st, i, va_arg(values, int64_t))
                               : sqlite3_bind_text(st, i, va_arg(values, const char *), -1,
                                                   SQLITE_STATIC);
    return failed ? NULL : st;
}

sqlite3_stmt *database_bind(struct database *d, enum sql id, const char *kinds, ...)
{
    va_list values;
    va_start(values, kinds);
    sqlite3_stmt *st = bind(d, id, kinds, values);
    va_end(values);
    return st;
}

enum store_result database_do(struct sqlite_store *s, struct database *d, const char *doing,
                              enum sql id, const char *kinds, ...)
{
    va_list values;
    va_start(values, kinds);
    sqlite3_stmt *st = bind(d, id, kinds, values);
    va_end(values);
    enum store_result r = STORE_OK;
    if (st == NULL || sqlite3_step(st) != SQLITE_DONE)
        r = store_failed(s, d, doing);
    sqlite3_reset(st);
    return r;
}

bool database_text(char *to, size_t size, const char *from)
{
    if (from && memccpy(to, from, '\0', size))
        return true;
    to[0] = '\0';
    return false;
}
