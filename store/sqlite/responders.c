/* A process that dies cannot end its streams.  Its lock on the lease goes with it, so the janitor
 * asks for each number that anything is entered under whether it is still locked. */
#include "store/sqlite/responders.h"

#include "store/sqlite/bind.h"
#include "store/sqlite/engine.h"
#include "store/sqlite/failure.h"
#include "store/sqlite/lease.h"

enum { RESPONDERS_PAGE = 256 };

/* The next numbers above `after`, as far as there is room. */
static enum store_result read_responders(struct sqlite_store *s, int64_t after, int64_t *number,
                                         size_t *n)
{
    struct database *d = &s->sessions;
    sqlite3_stmt *stmt =
        database_bind(d, SQL_SESSIONS_RESPONDERS, INT(after), INT(RESPONDERS_PAGE));
    int rc = stmt ? SQLITE_ROW : SQLITE_ERROR;
    *n = 0;
    while (rc == SQLITE_ROW && *n < RESPONDERS_PAGE && (rc = sqlite3_step(stmt)) == SQLITE_ROW)
        number[(*n)++] = sqlite3_column_int64(stmt, 0);
    enum store_result r = rc == SQLITE_ROW || rc == SQLITE_DONE
                              ? STORE_OK
                              : store_failed(s, d, "reading the responders");
    sqlite3_reset(stmt);
    return r;
}

static enum store_result bury(struct sqlite_store *s, int64_t number)
{
    struct database *d = &s->sessions;
    const char *doing = "ending a dead responder's streams";
    enum store_result r = database_do(s, d, doing, SQL_SESSIONS_RESPONDER_END, INT(number));
    if (r == STORE_OK)
        r = database_do(s, d, doing, SQL_SESSIONS_RESPONDER_ORDERS, INT(number));
    if (r == STORE_OK)
        r = database_do(s, d, doing, SQL_SESSIONS_RESPONDER_LEAVE, INT(number));
    return r;
}

/* The locks are asked inside the transaction.  A new process that takes such a number meanwhile
 * can enter streams only after it, so none of its streams is ended here. */
enum store_result responders_bury(struct sqlite_store *s)
{
    int64_t number[RESPONDERS_PAGE], after = -1;
    size_t n = RESPONDERS_PAGE;
    enum store_result r = STORE_OK;
    while (r == STORE_OK && n == RESPONDERS_PAGE) {
        r = read_responders(s, after, number, &n);
        for (size_t i = 0; r == STORE_OK && i < n; i++) {
            after = number[i];
            if (!lease_alive(s, after))
                r = bury(s, after);
        }
    }
    return r;
}
