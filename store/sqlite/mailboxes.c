#include "store/sqlite/mailboxes.h"

#include <stdlib.h>

#include "store/sqlite/bind.h"
#include "store/sqlite/engine.h"
#include "store/sqlite/failure.h"

const char *mailbox_session(const struct subscription *s, size_t i)
{
    return s->has_session && i + 1 == s->mailboxes ? s->mailbox[i].name + 1 : NULL;
}

const char *mailbox_channel(const struct subscription *s, size_t i)
{
    return mailbox_session(s, i) ? "" : s->mailbox[i].name;
}

enum store_result mailbox_first_row(struct sqlite_store *s, sqlite3_stmt *stmt,
                                    const char *doing, bool *found)
{
    int rc = stmt ? sqlite3_step(stmt) : SQLITE_ERROR;
    *found = rc == SQLITE_ROW;
    return *found || rc == SQLITE_DONE ? STORE_OK : store_failed(s, &s->log, doing);
}

/* The first row of a walk that is not due. */
static int64_t first_kept(sqlite3_stmt *stmt, const struct due *due, int *rc)
{
    while ((*rc = sqlite3_step(stmt)) == SQLITE_ROW) {
        int64_t id = sqlite3_column_int64(stmt, 0);
        if (!due_has(due, id))
            return id;
    }
    return 0;
}

enum store_result mailboxes_oldest(struct sqlite_store *s, const struct subscription *sub,
                                   const struct due *due, int64_t after, int64_t *oldest)
{
    enum store_result r = STORE_OK;
    *oldest = 0;
    for (size_t i = 0; r == STORE_OK && i < sub->mailboxes; i++) {
        sqlite3_stmt *stmt =
            database_bind(&s->log, SQL_CLAIM_OLDEST, TEXT(mailbox_session(sub, i)),
                          TEXT(mailbox_channel(sub, i)), INT(after));
        int rc = SQLITE_ERROR;
        int64_t id = stmt ? first_kept(stmt, due, &rc) : 0;
        if (rc != SQLITE_ROW && rc != SQLITE_DONE)
            r = store_failed(s, &s->log, "looking for the oldest event");
        if (id && (*oldest == 0 || id < *oldest))
            *oldest = id;
        sqlite3_reset(stmt);
    }
    return r;
}

/* The newest ids of all mailboxes, while they are merged.  There are two arrays, because a merge
 * reads one and writes the other. */
struct newest {
    const struct subscription *sub;
    const struct due *due;
    int64_t *ids, *spare; /* descending; room for `wanted` ids each */
    size_t wanted, count;
    int64_t budget; /* rows that may still be looked at */
    int64_t last;   /* the last row that was looked at */
};

/* The next row of the walk that is not due and has a type which was asked for; 0: there is none. */
static int64_t next_wanted(struct newest *n, sqlite3_stmt *stmt, int *rc)
{
    while (n->budget > 0 && (*rc = sqlite3_step(stmt)) == SQLITE_ROW) {
        const char *type = (const char *)sqlite3_column_text(stmt, 1);
        int64_t id = n->last = sqlite3_column_int64(stmt, 0);
        n->budget--;
        bool wanted = n->sub->types == 0 || (type && subscription_wants(n->sub, type));
        if (wanted && !due_has(n->due, id))
            return id;
    }
    return 0;
}

/* Merge one mailbox's newest ids into the newest of all.  A mailbox whose newest row of these
 * types is older than all that is wanted is walked no further than to that row. */
static void merge(struct newest *n, sqlite3_stmt *stmt, int *rc)
{
    size_t count = 0, k = 0;
    int64_t id = next_wanted(n, stmt, rc);
    while (count < n->wanted && (k < n->count || id)) {
        if (k < n->count && n->ids[k] > id) {
            n->spare[count++] = n->ids[k++];
        } else {
            n->spare[count++] = id;
            id = count < n->wanted ? next_wanted(n, stmt, rc) : 0;
        }
    }
    int64_t *merged = n->spare;
    n->spare = n->ids;
    n->ids = merged;
    n->count = count;
}

static enum store_result walk_newest(struct sqlite_store *s, struct newest *n, int64_t end)
{
    enum store_result r = STORE_OK;
    for (size_t i = 0; r == STORE_OK && i < n->sub->mailboxes; i++) {
        sqlite3_stmt *stmt =
            database_bind(&s->log, SQL_CLAIM_NEWEST, TEXT(mailbox_session(n->sub, i)),
                          TEXT(mailbox_channel(n->sub, i)), INT(end));
        int rc = stmt ? SQLITE_DONE : SQLITE_ERROR;
        if (stmt)
            merge(n, stmt, &rc);
        if (rc != SQLITE_ROW && rc != SQLITE_DONE)
            r = store_failed(s, &s->log, "looking for the newest events");
        sqlite3_reset(stmt);
    }
    return r;
}

/* Whether the mailboxes keep no more than `n` rows in all, as the books say.  The books count rows
 * that are due. */
static enum store_result keeps_at_most(struct sqlite_store *s, const struct subscription *sub,
                                       int64_t n, bool *yes)
{
    enum store_result r = STORE_OK;
    for (size_t i = 0; r == STORE_OK && n >= 0 && i < sub->mailboxes; i++) {
        bool found;
        sqlite3_stmt *stmt = database_bind(&s->log, SQL_CLAIM_KEPT, TEXT(sub->mailbox[i].name));
        r = mailbox_first_row(s, stmt, "reading what is kept", &found);
        n -= found ? sqlite3_column_int64(stmt, 0) : 0;
        sqlite3_reset(stmt);
    }
    *yes = n >= 0;
    return r;
}

/* Find the position just before the newest `n` rows by a walk backwards; if there are none, it is
 * the end.  If the budget was used up, rows that were not looked at may be wanted, so the
 * position goes back to the last row that was. */
static enum store_result walk_to(struct sqlite_store *s, const struct subscription *sub,
                                 const struct due *due, int64_t end, int64_t n, int64_t *out)
{
    struct newest newest = {.sub = sub, .due = due, .budget = CLAIM_ROWS_MAX};
    *out = end;
    newest.wanted = n > CLAIM_ROWS_MAX ? CLAIM_ROWS_MAX : (size_t)n;
    newest.ids = calloc(newest.wanted + 1, sizeof *newest.ids);
    newest.spare = calloc(newest.wanted + 1, sizeof *newest.spare);
    enum store_result r = newest.ids && newest.spare
                              ? walk_newest(s, &newest, end)
                              : store_refuse(s, STORE_NOMEM, "out of memory");
    if (r == STORE_OK && newest.count > 0)
        *out = newest.ids[newest.count - 1] - 1;
    if (r == STORE_OK && newest.budget == 0 && newest.count < newest.wanted &&
        newest.last <= *out)
        *out = newest.last - 1;
    free(newest.ids);
    free(newest.spare);
    return r;
}

/* If everything that is kept is wanted, one seek for each mailbox is enough. */
enum store_result mailboxes_newest(struct sqlite_store *s, const struct subscription *sub,
                                   const struct due *due, int64_t end, int64_t n, int64_t *out)
{
    bool all = false;
    int64_t oldest = 0;
    enum store_result r = sub->types == 0 ? keeps_at_most(s, sub, n, &all) : STORE_OK;
    if (r == STORE_OK && !all)
        return walk_to(s, sub, due, end, n, out);
    if (r == STORE_OK)
        r = mailboxes_oldest(s, sub, due, 0, &oldest);
    *out = oldest ? oldest - 1 : end;
    return r;
}
