/* The parts of store_claim: what is known of the client (sqlite_claim_recall.c), where the
 * stream starts (sqlite_claim_start.c) by the questions it has to the log (sqlite_claim_log.c),
 * and what is written (sqlite_claim_enter.c).  Private to store/.
 *
 * The log's read transaction covers everything but the write, so that where the stream starts,
 * what it missed and what it will get replayed are all seen in one state of the log; it is over
 * before the sessions are locked, so that nobody waits for somebody's long history.  Bookmarks
 * are recalled without a lock: they only move on, and beginning too early is always safe. */
#ifndef ROWCAST_STORE_CLAIM_H
#define ROWCAST_STORE_CLAIM_H

#include "store/sqlite/departed.h"

/* The log in that state. */
struct claim_log {
    char epoch[EPOCH_SIZE];
    int64_t last_id;
    int64_t trimmed_to;   /* no mailbox was trimmed further */
    int64_t forgotten_to; /* so far were those nobody remembers */
};

/* What the sessions know of the stream's past. */
struct claim_past {
    bool known;   /* one of the tokens is of a session that is honoured */
    bool refused; /* none is, and the client has to be told if it may have lost something */
    const char *unknown; /* the first token that is not known; NULL: none */
    bool departed;       /* one of them is of a session that is remembered */
    bool revived;        /* which is made again: a poll in vain left it */
    struct departure departure;
    enum { BOOKMARK_NONE, BOOKMARK_FOREIGN /* of another epoch */, BOOKMARK_HERE } bookmark;
    int64_t position; /* of a bookmark that is here */
    int64_t taken;    /* the ended stream whose bookmark this one takes; 0: none */
    int64_t taken_at;
};

/* What one claim says to the sessions' file. */
struct claim_entry {
    const struct claim_request *request;
    const char *epoch;                         /* the log's */
    char *key;                                 /* of the subscription, in full */
    char kept_key[SUBSCRIPTION_KEPT_KEY_SIZE]; /* as the file keeps it */
};

/* Look for the sessions of the tokens: fills `past`, and in `c` the session that is known and
 * the tokens of others.  A read. */
enum store_result claim_recall(struct sqlite_store *s, const struct settings *settings,
                               const struct claim_request *r, struct claim_past *past,
                               struct claim *c);

/* Read the bookmarks of the session that is known. */
enum store_result claim_bookmarks(struct sqlite_store *s, const struct claim_entry *e,
                                  const struct claim *c, struct claim_past *past);

/* Write session and stream, in one transaction; fixes claim.stream_id.  STORE_UNKNOWN: the
 * session that was known is gone.  After any failure nothing was written. */
enum store_result claim_enter(struct sqlite_store *s, const struct claim_entry *e,
                              const struct claim_past *past, struct claim *c);

/* Begin, and read where the log stands. */
enum store_result claim_log_begin(struct sqlite_store *s, struct claim_log *log);
void claim_log_end(struct sqlite_store *s);

/* The oldest row after `after` in any of the mailboxes; 0: none. */
enum store_result claim_oldest(struct sqlite_store *s, const struct subscription *sub,
                               int64_t after, int64_t *oldest);

/* Whether the session that departed may have lost something: events of its own after what the
 * client has, or, where the client does not say what that is, any that it listens to and that
 * the stream, which begins at `start`, would not get. */
enum store_result claim_lost(struct sqlite_store *s, const struct claim_log *log,
                             const struct departure *d, const struct claim *c, int64_t start,
                             bool *lost);

/* Note in the subscription what its mailboxes lost beyond `after`, and in *missing whether any
 * of it concerns the stream: a new session's own mailbox can have lost nothing. */
enum store_result claim_holes(struct sqlite_store *s, const struct claim_log *log,
                              const struct claim *c, int64_t after, bool *missing);

/* The place just before the newest `n` rows of the filter up to `end`; where there are fewer,
 * before the oldest of them; where there are none, the end.  Of more than
 * CLAIM_ROWS_MAX rows the newest so many are looked at, unless all that are kept are wanted. */
enum store_result claim_newest(struct sqlite_store *s, const struct subscription *sub,
                               int64_t end, int64_t n, int64_t *out);

/* Read the position the request gives, into claim.presented: -1 if it has none that is an
 * id. */
void claim_present(const struct claim_request *r, struct claim *c);

/* Fix cursor, until, bookmark and gap, once session and subscription are known. */
enum store_result claim_start(struct sqlite_store *s, const struct claim_log *log,
                              const struct claim_request *r, const struct claim_past *past,
                              struct claim *c);

/* Fix count and private_to.  Beyond CLAIM_ROWS_MAX rows the count is the least there are. */
enum store_result claim_count(struct sqlite_store *s, struct claim *c);

#endif
