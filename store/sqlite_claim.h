/* The parts of store_claim: the sessions' half (sqlite_claim.c), where the stream starts
 * (sqlite_claim_start.c), and the questions both have to the log (sqlite_claim_log.c).  Private
 * to store/.
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

/* The oldest row after `after` in any of the mailboxes; 0: none. */
enum store_result claim_oldest(struct store *s, const struct subscription *sub, int64_t after,
                               int64_t *oldest);

/* Note in the subscription what its mailboxes lost beyond `after`, and in *missing whether any
 * of it concerns the stream: a new session's own mailbox can have lost nothing. */
enum store_result claim_holes(struct store *s, const struct claim_log *log,
                              const struct claim *c, int64_t after, bool *missing);

/* The place just before the newest `n` rows of the filter up to `end`; where there are fewer,
 * before the oldest of them; where there are none, the end. */
enum store_result claim_newest(struct store *s, const struct subscription *sub, int64_t end,
                               int64_t n, int64_t *out);

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
