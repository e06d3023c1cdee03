#include "store/sqlite/due.h"

#include <stdlib.h>

#include "store/sqlite/bind.h"
#include "store/sqlite/engine.h"
#include "store/sqlite/failure.h"

enum { DUE_FIRST_ROOM = 64 };

static bool due_add(struct due *d, int64_t id, bool wanted)
{
    if (d->rows == d->room) {
        size_t room = d->room ? 2 * d->room : DUE_FIRST_ROOM;
        struct due_row *row = realloc(d->row, room * sizeof *row);
        if (!row)
            return false;
        d->row = row;
        d->room = room;
    }
    d->row[d->rows++] = (struct due_row){id, wanted};
    return true;
}

/* Take the row if it is in one of the mailboxes.  False: out of memory. */
static bool due_take(struct due *d, struct subscription *sub, sqlite3_stmt *stmt)
{
    const char *mailbox = (const char *)sqlite3_column_text(stmt, 1);
    const char *type = (const char *)sqlite3_column_text(stmt, 2);
    if (!mailbox || !subscription_find(sub, mailbox_hash(mailbox), mailbox))
        return mailbox || sqlite3_column_type(stmt, 1) == SQLITE_NULL;
    bool wanted = sub->types == 0 || (type && subscription_wants(sub, type));
    return due_add(d, sqlite3_column_int64(stmt, 0), wanted);
}

static int by_id(const void *a, const void *b)
{
    int64_t x = ((const struct due_row *)a)->id, y = ((const struct due_row *)b)->id;
    return (x > y) - (x < y);
}

enum store_result due_find(struct sqlite_store *s, struct subscription *sub, int64_t now,
                           struct due *d)
{
    sqlite3_stmt *stmt =
        database_bind(&s->log, SQL_CLAIM_DUE, INT(now), INT((int64_t)CLAIM_ROWS_MAX));
    int rc = stmt ? SQLITE_ROW : SQLITE_ERROR;
    *d = (struct due){0};
    while (rc == SQLITE_ROW && (rc = sqlite3_step(stmt)) == SQLITE_ROW)
        if (!due_take(d, sub, stmt))
            rc = SQLITE_NOMEM;
    enum store_result r = STORE_OK;
    if (rc == SQLITE_NOMEM)
        r = store_refuse(s, STORE_NOMEM, "out of memory");
    else if (rc != SQLITE_DONE)
        r = store_failed(s, &s->log, "looking for events that expired");
    sqlite3_reset(stmt);
    if (r != STORE_OK)
        due_free(d);
    else if (d->rows > 1)
        qsort(d->row, d->rows, sizeof *d->row, by_id);
    return r;
}

void due_free(struct due *d)
{
    free(d->row);
    *d = (struct due){0};
}

/* The index of the first row whose id is greater than `id`. */
static size_t first_due_after(const struct due *d, int64_t id)
{
    size_t low = 0, high = d->rows;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (d->row[middle].id > id)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

bool due_has(const struct due *d, int64_t id)
{
    size_t after = first_due_after(d, id);
    return after > 0 && d->row[after - 1].id == id;
}

int64_t due_count(const struct due *d, int64_t at)
{
    int64_t n = 0;
    for (size_t i = first_due_after(d, at); i < d->rows; i++)
        n += d->row[i].wanted;
    return n;
}
