/* The two halves of store_claim: the sessions' (sqlite_claim.c) and the log's
 * (sqlite_claim_start.c).  Private to store/.
 *
 * The log's read transaction is begun first and ended last, so that where the stream starts,
 * what it missed and what it will get replayed are all seen in one state of the log, and so
 * that a log which fails leaves nothing behind in the sessions. */
#ifndef ROWCAST_STORE_SQLITE_CLAIM_H
#define ROWCAST_STORE_SQLITE_CLAIM_H

#include "store/sqlite_sessions.h"

/* The log in that state. */
struct claim_log {
    char epoch[EPOCH_SIZE];
    int64_t last_id;
    int64_t trimmed_to;   /* no mailbox was trimmed further */
    int64_t forgotten_to; /* so far were those nobody remembers */
};

/* What the sessions know of the stream's past. */
struct claim_past {
    bool refused; /* a session was presented that is not honoured */
    enum { BOOKMARK_NONE, BOOKMARK_FOREIGN /* of another epoch */, BOOKMARK_HERE } bookmark;
    int64_t position; /* of a bookmark that is here */
};

/* Begin, and read where the log stands. */
enum store_result claim_log_begin(struct store *s, struct claim_log *log);
void claim_log_end(struct store *s);

/* Read the position the request gives, into claim.presented: -1 if it has none that is an id.
 */
void claim_present(const struct claim_request *r, struct claim *c);

/* Fix cursor, until, bookmark and gap, once session and subscription are known. */
enum store_result claim_start(struct store *s, const struct claim_log *log,
                              const struct claim_request *r, const struct claim_past *past,
                              struct claim *c);

/* Fix count and private_to. */
enum store_result claim_count(struct store *s, struct claim *c);

#endif
