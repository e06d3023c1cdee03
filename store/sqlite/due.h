/* Which rows of a subscription's mailboxes are due: their time to expire has passed, and nobody has
 * removed them yet.  They are not delivered, so a survey counts and finds all other rows only.
 *
 * What is due at the moment of a survey is read once, from the index events_expires_at.  Whether a
 * row is due is asked of this list, so no question of a claim touches the data.  Mostly nothing is
 * due, and all of this is one seek, about 2 µs.  The list has CLAIM_ROWS_MAX rows at most, those
 * that became due last; if there are more, the others count as not due.
 *
 * Thread: that of the store, in its read transaction. */
#ifndef ROWCAST_STORE_SQLITE_DUE_H
#define ROWCAST_STORE_SQLITE_DUE_H

#include "store/sqlite/database.h"

struct due_row {
    int64_t id;
    bool wanted; /* it has a type that was asked for */
};

/* Zeroed: nothing is due. */
struct due {
    struct due_row *row; /* ids ascend */
    size_t rows, room;
};

/* Find what is due at `now` (milliseconds since 1970) in the mailboxes of `sub`.  After a failure
 * the list is empty. */
enum store_result due_find(struct sqlite_store *s, struct subscription *sub, int64_t now,
                           struct due *d);
void due_free(struct due *d);

bool due_has(const struct due *d, int64_t id); /* O(log rows) */

/* How many rows after `at` are due and have a wanted type. */
int64_t due_count(const struct due *d, int64_t at);

#endif
