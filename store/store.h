/* The store: the event log and the sessions, as data.
 *
 * The log is the truth; a client is only a cursor over it.  A `struct store` is one connection
 * to what the address names, and belongs to the thread that opened it.  It connects when a call
 * first needs it, and connects anew when it notices that what it is connected to was replaced.
 * (SQLite: the log and the sessions are two files, each opened when a call first needs it.  The
 * check costs one stat() of their folder, 1 µs, and four if anything was made or removed there.)
 *
 * Every call returns a store_result and leaves a sentence for people in store_why().  After a
 * failure nothing is half done.  The next call tries again, so a store works again once what is
 * stored was repaired, replaced or unlocked.  No call but store_wait waits long: SQLite waits
 * 250 ms for a lock, and longer only to publish.
 *
 * An engine does the work (engine.h). */
#ifndef ROWCAST_STORE_STORE_H
#define ROWCAST_STORE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "store/bookmark.h"
#include "store/event.h"
#include "store/event_id.h"
#include "store/settings.h"
#include "store/subscription.h"

struct store;

enum store_result {
    STORE_OK,
    STORE_BUSY, /* a lock is held: try again later */
    STORE_FULL, /* no room on the disk, or max_page_count */
    STORE_NOMEM,
    STORE_CORRUPT,   /* not a database, or a damaged one */
    STORE_NEWER,     /* made by a newer version of Rowcast */
    STORE_REFUSED,   /* a rule of the data was broken; store_why has the rule's sentence */
    STORE_TOO_LARGE, /* the same, and the rule was max_event_bytes */
    STORE_UNKNOWN,   /* no such session */
    STORE_READONLY,
    STORE_IO
};

enum { STORE_WHY_SIZE = 256, SESSION_ID_SIZE = 17, SESSION_TOKEN_SIZE = 33 };

/* Make a store for `address`, which address_check() found right: the path of an SQLite log,
 * whose sessions are at `address`.sessions.  Connects to nothing yet.  Fails with STORE_NOMEM
 * only. */
enum store_result store_open(struct store **out, const char *address);
void store_close(struct store *s); /* NULL is fine */

/* What people should know although no call failed. */
enum store_notice {
    STORE_NOTICE_FILES, /* a sentence, said once: the files lock their owner out, and the like */
    STORE_NOT_UPGRADED,     /* a sentence: a file of an earlier revision is used as it is */
    STORE_UPGRADED,         /* key=value words */
    STORE_CHECKPOINT_WAITS, /* key=value words; when the wait begins, and each minute */
    STORE_CHECKPOINT_DONE   /* the same, when the wait is over */
};

/* The function that hears notices; any thread may call it.  Set it before the first store is
 * used.  NULL: nobody hears them. */
typedef void (*store_say)(enum store_notice what, const char *text);
void store_notices(store_say to);

/* In `ms` milliseconds every statement that takes more than some milliseconds begins to end with
 * an error, in all stores of this process.  For a process that stops: somebody can make a log
 * such that a question to it never ends.  -1: no deadline any more.  Thread: any. */
void store_deadline(int ms);

/* Why the last call failed, in a sentence; "" after a success.  Valid until the next call. */
const char *store_why(const struct store *s);

/* ---- the log ----------------------------------------------------------------------- */

/* Where the log stands. */
struct store_end {
    char epoch[EPOCH_SIZE];
    int64_t last_id;    /* the newest id ever given, even if its row is gone */
    int64_t trimmed_to; /* the greatest id that left any mailbox */
    int64_t config_version;
};

/* Read the end.  One read transaction, about 5 µs. */
enum store_result store_where(struct store *s, struct store_end *out);

/* Which rows to read: those with after < id, in the mailboxes of `only` (NULL: in all mailboxes).
 * Rows that are due, whose expires_at has passed, count as gone, although no hole tells of them.
 * `without_session` leaves out the last mailbox of `only` if it is the session's own. */
struct store_question {
    int64_t after;
    struct subscription *only;
    bool without_session;
};

enum store_taken {
    STORE_MORE,  /* taken; go on */
    STORE_LAST,  /* taken; enough */
    STORE_ENOUGH /* not taken: no room */
};

/* What receives the rows.  `begin` is called first, once, with the log's end; then `hole`, once
 * for each mailbox asked about that was trimmed beyond `after` (NULL: all forgotten mailboxes);
 * then `row`, in id order.  (A row that is larger than an event can be is given as a hole
 * instead.)  All of it is of one moment of the log.  Strings are valid during the call.  After
 * a failure the caller throws away what it got. */
struct store_sink {
    void *arg;
    void (*begin)(void *arg, const struct store_end *end);
    void (*hole)(void *arg, const char *mailbox, int64_t trimmed_to);
    enum store_taken (*row)(void *arg, const struct event *e);
};

/* Give the rows that follow, in id order.  *through is how far the answer reaches: every row
 * asked for in (after, *through] was given, and no row beyond it.  The cost grows with the rows
 * that are taken: one range of an index is walked for each mailbox. */
enum store_result store_read(struct store *s, const struct store_question *q,
                             const struct store_sink *sink, int64_t *through);

/* Wait until the log may have something new for a store that read up to `after` (rows, other
 * settings, another epoch), until store_wake, or for `timeout_ms`.  It may return too early,
 * never too late: a store that has not read yet, or whose read failed, does not wait.  Holds no
 * lock meanwhile.  SQLite: costs a `PRAGMA data_version` (2.3 µs) every 50 ms or more often, and
 * a look at the log's end (5 µs) for each commit of anybody.  It closes the file of the
 * sessions, which a thread that waits for rows does not use. */
enum store_result store_wait(struct store *s, int64_t after, int timeout_ms);
void store_wake(struct store *s); /* Thread: any. */

/* *newer: the settings in force, with a reference for the caller, or NULL if `have` is still in
 * force (`have` NULL: the caller has none).  Called before each request, so it has to be cheap
 * (SQLite: a look at the log's end, 5 µs). */
enum store_result store_settings_newer(struct store *s, const struct settings *have,
                                       struct settings **newer);

/* Environment variables ROWCAST_<NAME> seed the settings of a new log.  Say a line for each of
 * them that is not in force, with how to change the setting; it never shows publish_token. */
enum store_result store_environment(struct store *s, void (*say)(void *arg, const char *line),
                                    void *arg);

/* Whether this process can do all of its work with both files: STORE_READONLY if one of them can
 * be read but not written.  Opens them as every call does. */
enum store_result store_fit(struct store *s);

enum { STORE_REST_S = 10 };

/* A thread calls this once for each second in which it asked the store nothing.  It closes a file
 * that was removed or replaced (a connection that stays on a deleted -wal keeps the others of
 * its process from opening the file anew) or that failed (its transaction may still be open), and
 * after STORE_REST_S such seconds both files, which gives back some 300 KiB.  The next call opens
 * them again (2 ms).  True: both are closed. */
bool store_rest(struct store *s);

/* Rows that are published together, all or none of them: a JSON array that has an array for each
 * row,
 *
 *     [channel, session, type, data, dedup_key, key, expires_in]
 *
 * channel ("" is everyone), type and data are texts; session, dedup_key and key are texts or
 * null; expires_in is a number of seconds or null.  Whoever makes the JSON has checked this form,
 * and that no text has a \u0000 or half of a surrogate pair.  (It is JSON because an engine can
 * insert it at once: 11 µs a row in SQLite, against 17 µs one by one.) */
enum { STORE_ROWS_MAX = 1000 };
struct store_rows {
    const char *json;
    size_t len, count; /* bytes; rows, at most STORE_ROWS_MAX */
    bool has_sessions; /* at least one row is for a session */
};

/* One thing to publish.  `data` may hold NUL bytes, which SQLite keeps. */
struct publication {
    const char *const *sessions; /* ids; each gets its own row */
    size_t session_count;        /* 0: one row, to `channel` */
    const char *channel;         /* "" for everyone */
    const char *type;
    const char *data;
    size_t data_len;
    const char *dedup_key; /* NULL: none */
    const char *key;       /* replaces the mailbox's older event of this key; NULL: none */
    int64_t expires_in;    /* seconds from now on, up to EVENT_EXPIRES_MAX; 0: never */
    const struct store_rows *rows; /* not NULL: these, and nothing of the above */
};

/* How many rows it makes. */
size_t publication_rows(const struct publication *p);

/* How long an append waits for a lock that another program or process holds. */
enum { STORE_PATIENCE_MS = 5000 };

/* A publication of a group, and what came of it. */
struct appending {
    struct publication what;
    int64_t *ids; /* room for the id of each row; the caller's */
    char epoch[EPOCH_SIZE];
    enum store_result result;
    char why[STORE_WHY_SIZE]; /* a sentence; "" after STORE_OK */
    size_t row;               /* which row of what.rows is to blame, from 1; 0: no single one */
};

/* Append a group in one transaction, committed to the disk (synchronous=FULL) before this
 * returns.  Each item has its own result.  An item that a rule refuses, or one of whose sessions
 * does not exist (STORE_UNKNOWN), writes nothing, and the other items are written all the same.
 *
 * What fails the transaction (a lock that is not free within `patience_ms`, a damaged file)
 * fails every item: nothing is written, and this returns the failure.  If one item may be to
 * blame (too little room or memory), each item is tried alone.  After STORE_OK the caller must
 * not try the items that failed again.
 *
 * ids[i] is the id of row i: of the row for session i, of row i of what.rows, or of the only
 * row.  If a row with the same dedup_key was there already, also from earlier in the group, its
 * id is given.
 *
 * What an earlier version made and could not be upgraded yet is upgraded first, or the append
 * fails with the reason.
 *
 * The lock is held for about 8 µs a row and one sync.  A caller that waits for it looks every
 * millisecond, so it also finds a lock that is free only for a moment. */
enum store_result store_append_all(struct store *s, struct appending *const *items, size_t n,
                                   int patience_ms);

/* The same for one publication, with STORE_PATIENCE_MS. */
enum store_result store_append(struct store *s, const struct publication *p, int64_t *ids,
                               char epoch[EPOCH_SIZE]);

/* The upkeep of the log; the thread that follows the log calls it after each read.  The engine
 * looks at its own clock and mostly does nothing.  *worked: it did something.
 *
 * SQLite: one stat() of the log's -wal a second.  If the -wal, which never shrinks, is larger
 * than 64 MiB, it is copied into the log (a PASSIVE checkpoint), and if readers were in the way,
 * once more while no thread of this process reads.  If another program's reader is in the way,
 * a notice says so, and the next second tries again. */
enum store_result store_upkeep(struct store *s, bool *worked);

/* ---- sessions ---------------------------------------------------------------------- */

enum start_at { START_UNSAID, START_AT_ID, START_EARLIEST, START_NEWEST };

/* What a request for a stream says. */
struct claim_request {
    const char *token;              /* presented; NULL: none */
    const char *const *more_tokens; /* presented with it, as cookies can be; any may be ours */
    size_t more_token_count;
    const char *user_agent; /* "": there is none; the same for the next four */
    const char *remote_addr;
    const char *client_version;
    const char *query;
    const char *headers; /* JSON object of the kept meta_headers */
    const char *const *channels;
    size_t channel_count;
    const char *const *types;
    size_t type_count;
    enum start_at start;
    const char *position; /* START_AT_ID: the id as the client sent it, not checked yet */
    int64_t newest;       /* START_NEWEST: how many rows */
};

enum gap_reason { GAP_NONE, GAP_TRIMMED, GAP_UNKNOWN, GAP_EPOCH, GAP_FUTURE, GAP_SESSION };
const char *gap_reason_text(enum gap_reason r); /* "trimmed" …: the word on the wire */

/* A stream, as the claim fixed it at one moment of the log. */
enum { CLAIM_OTHERS_MAX = 3 };
struct claim {
    char session_id[SESSION_ID_SIZE]; /* "": enable_reconnection is 0 */
    char token[SESSION_TOKEN_SIZE];
    /* The sessions cannot be saved, so the client keeps the token it presented, although we do
     * not know whether it is ours. */
    bool keeps_token;
    /* Tokens that were presented and that, as far as is known, are another installation's. */
    char other[CLAIM_OTHERS_MAX][SESSION_TOKEN_SIZE];
    size_t others;
    int64_t reconnections;
    bool reconnection;       /* the session was known */
    int64_t stream_id;       /* its row in `streams`; 0: not saved (the file is full or gone) */
    enum store_result saved; /* STORE_OK; else store_why says why not */
    struct subscription *subscription; /* the caller's to free */
    char epoch[EPOCH_SIZE];
    int64_t presented; /* the id that the client sent; -1: none, or not in our form */
    char presented_epoch[EPOCH_SIZE];
    int64_t bookmark; /* where the stream would have to begin again if nothing more was sent */
    int64_t cursor;   /* where it begins; if it begins with a gap, the gap's id */
    int64_t until;    /* the log's end */
    int64_t count;    /* rows in (cursor, until] that pass its filter */
    int64_t private_to; /* the newest row of its own mailbox in (cursor, until]; 0: none */
    enum gap_reason gap;
    int64_t gap_from;   /* the position that the gap begins at, in this epoch; -1: none */
    int64_t gap_oldest; /* the oldest row after it that is still kept; 0: none */
};

/* No claim looks at more rows of the index than this to find its position, and no more to count
 * (10 to 45 ms), since any stranger can ask for it. */
enum { CLAIM_ROWS_MAX = 100000 };

/* Claim a stream, in three steps: recall the token's session (a read of the sessions, no lock);
 * survey the log, which fixes cursor, gap, until and count (one read transaction); enter session
 * and stream, and take the bookmark (the only write, last, one BEGIN IMMEDIATE of the sessions
 * file).  Any result but STORE_OK means "try later", and nothing was entered.  STORE_BUSY: a
 * file was locked.  If the sessions file fails for longer than a moment, the stream runs all the
 * same, with the session that is known or with the token that was presented, and `saved` has
 * the reason. */
enum store_result store_claim(struct store *s, const struct settings *settings,
                              const struct claim_request *r, struct claim *out);

/* What a stream with the same request would be sent first, for clients that want no stream. */
struct history {
    char epoch[EPOCH_SIZE];
    /* Every event asked for, up to here, was given.  A stream or an answer that goes on after it
     * gives the others. */
    int64_t next;
    bool more; /* it is full, or looked at enough rows: go on at `next` */
    enum gap_reason gap;
    int64_t gap_from, gap_oldest; /* as in a claim */
};

/* Receives the events, in id order.  `begin` is called first, and may be called again: then what
 * was given so far is void.  `event` false: out of memory.  Strings are valid during the call. */
struct history_sink {
    void *arg;
    void (*begin)(void *arg, const char *epoch);
    bool (*event)(void *arg, const struct event *e);
};

enum {
    HISTORY_BYTES = 1024 * 1024, /* of data in one answer, or one event that is larger */
    HISTORY_ROWS_MAX = 10000,    /* of unwanted types, that one answer looks at; in bytes: */
    HISTORY_ROWS_BYTES = 16 * 1024 * 1024
};

/* Give up to `limit` events of the types asked for.  Mailboxes, start and gap follow the rules of
 * a claim, but nothing is entered, and bookmarks do not count: `start` is not START_UNSAID.  A
 * session's own mailbox is read if the token would give a stream that session.  If no session
 * has the token, and there is no note of it, no gap is told of that: a stream tells it.  The
 * caller has made sure that enable_reconnection is 1.
 *
 * Costs what a claim's recall and survey cost, and the reading of the rows.  Any result but
 * STORE_OK means "try later". */
enum store_result store_history(struct store *s, const struct settings *settings,
                                const struct claim_request *r, int64_t limit,
                                const struct history_sink *sink, struct history *out);

/* Whether this claim should wait a moment: it would begin at a bookmark, and earlier streams of
 * its session and subscription are still open, perhaps because their ends are not saved yet.
 * A read without a lock, two index seeks for each token. */
enum { CLAIM_OPEN_MAX = 8 };
struct claim_open {
    size_t n; /* 0: it need not wait.  At most CLAIM_OPEN_MAX streams are named. */
    int64_t stream_id[CLAIM_OPEN_MAX];
};
enum store_result store_claim_waits(struct store *s, const struct claim_request *r,
                                    struct claim_open *open);

/* Save where running streams may begin again, and how far this process has seen the log, in one
 * transaction.  If there is nothing to save and nothing new was seen, it costs nothing. */
enum store_result store_save(struct store *s, const struct bookmark *b, size_t n);

/* These streams ended: save their last bookmarks, and let the time of sessions that have no
 * other stream run.  The session of a poll in vain is deleted if its client never came back
 * before; a note of it is kept for a while, and a client that presents its token gets it again. */
enum store_result store_ended(struct store *s, const struct bookmark *b, size_t n);

/* Show that this process lives, and ask which of its streams have to end because somebody wants
 * it (`DELETE FROM sessions`, /disconnect).  Called every STORE_BEAT_MS.  Fills in up to `max`
 * ids; *n is how many.  They are not told again, unless the call fails.  SQLite: writes only if
 * there are any.  One stat() shows whether `path`.leases is still the file that has this
 * process's lease; if not, the lease is taken anew. */
enum { STORE_BEAT_MS = 250 };
enum store_result store_beat(struct store *s, int64_t *stream_ids, size_t max, size_t *n);

/* End the streams of a session, in whichever process they are; the session stays.
 * STORE_UNKNOWN: there is no such session. */
enum store_result store_disconnect(struct store *s, const char *session_id);

/* ---- the process ------------------------------------------------------------------- */

/* Enter this process among the responders, once for all its stores.  store_claim does it, too.
 * SQLite: takes a lock on one byte of `path`.leases, which is held until the process ends in
 * whatever way, and tidies up what a dead holder of the same byte left. */
enum store_result store_join(struct store *s);

/* Do one piece of expiry or of retention, if this process is the janitor.  `elapsed_ms` is the
 * time served since the last call.  It counts once, whether the piece succeeds or not: counted
 * twice, it would expire sessions early.  *again_ms: when to call next, in a second at most.
 *
 * Every cleanup_interval of served time the streams of processes that died end, and then
 * sessions and bookmarks expire, some at a time (SQLite: 250, which hold the lock of the
 * sessions for 5 ms).  Every five seconds, or sooner while there is more to do, events that are
 * too old are removed, 100 at most, and so are events that are due, and the mailboxes of sessions
 * that are gone.  If that fails, events are kept for longer and it is tried again: the call does
 * not fail. */
enum store_result store_tend(struct store *s, const struct settings *settings,
                             int64_t elapsed_ms, int *again_ms);

/* ---- people ------------------------------------------------------------------------ */

/* What GET /stats tells; the request makes JSON of it. */
enum { STORE_WHERE_SIZE = 513 };
struct store_stats {
    struct store_end end;
    char where[STORE_WHERE_SIZE]; /* the log's path, or its address without the password */
    int64_t streams;              /* open streams of processes that live; -1: not known */
    int64_t active;               /* sessions with such a stream; -1: not known */
    int64_t sessions;             /* all sessions; -1: not known */
    int64_t responders;           /* processes that live; -1: not known */
    int64_t oldest_id, oldest_at; /* of the oldest event; ms since 1970; 0: there is none */
    int64_t events, mailboxes;    /* events that are kept, mailboxes that keep some */
    int64_t bytes;                /* of the events, as the setting buffer_bytes counts them */
};

/* Read the statistics.  Walks the mailboxes and the open streams, never the events.  If the
 * sessions cannot be read, their numbers are -1, and the call does not fail. */
enum store_result store_stats(struct store *s, struct store_stats *out);

/* Open everything, make what is missing, and verify modes, journal mode, schema and books.  Says
 * one line for each finding.  STORE_OK: nothing is wrong. */
enum store_result store_check(struct store *s, void (*say)(void *arg, const char *line),
                              void *arg);

#endif
