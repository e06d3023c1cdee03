/* Statements and their parameters in one line:
 *
 *     stmt = database_bind(d, SQL_CLAIM_SESSION, TEXT(token));
 *     r = database_do(s, d, "saving a session", SQL_SESSIONS_TOUCH, INT(stream_id), INT(now));
 *
 * The parameters are in the order of the statement's ?1, ?2 and so on.  Texts are not copied:
 * they have to stay valid until the statement is reset.
 *
 * Thread: that of the store. */
#ifndef ROWCAST_STORE_SQLITE_BIND_H
#define ROWCAST_STORE_SQLITE_BIND_H

#include <stddef.h>

#include "store/sqlite/database.h"

/* A parameter; one of the macros makes it, so that the compiler knows the type. */
struct value {
    enum { VALUE_INT, VALUE_TEXT, VALUE_BYTES } kind;
    int64_t number;
    const char *text;
    size_t length;
};

#define INT(n) ((struct value){.kind = VALUE_INT, .number = (n)})
/* A NULL pointer is bound as SQL's NULL. */
#define TEXT(t) ((struct value){.kind = VALUE_TEXT, .text = (t)})
/* A text that may hold any bytes, NUL among them. */
#define BYTES(p, n) ((struct value){.kind = VALUE_BYTES, .text = (p), .length = (n)})

/* A list of them and its length, for functions that take both. */
#define VALUES(...)                                                                            \
    (const struct value[]){__VA_ARGS__},                                                       \
        sizeof((const struct value[]){__VA_ARGS__}) / sizeof(struct value)

/* The statement, reset and with its parameters bound; the caller steps and resets it.  NULL: it
 * failed (store_failed says why). */
#define database_bind(d, id, ...) database_bind_values(d, id, VALUES(__VA_ARGS__))
sqlite3_stmt *database_bind_values(struct database *d, enum sql id, const struct value *values,
                                   size_t n);

/* Bind, run to the end and reset a statement that gives no rows. */
#define database_do(s, d, doing, id, ...)                                                      \
    database_do_values(s, d, doing, id, VALUES(__VA_ARGS__))
enum store_result database_do_values(struct sqlite_store *s, struct database *d,
                                     const char *doing, enum sql id, const struct value *values,
                                     size_t n);

/* Bind the parameters of a statement that was prepared elsewhere, or that is run once more.
 * False: it failed. */
#define statement_bind(stmt, ...) statement_bind_values(stmt, VALUES(__VA_ARGS__))
bool statement_bind_values(sqlite3_stmt *stmt, const struct value *values, size_t n);

/* Copy a text that a statement gave.  If it is NULL or does not fit, returns false and copies
 * "". */
bool database_text(char *to, size_t size, const char *from);

#endif
