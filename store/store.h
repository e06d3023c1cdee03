/* The store: the event log and the sessions, as data.
 *
 * The log is the truth; a client is only a cursor over it.  A `struct store` is one connection
 * to what the address names, and belongs to the thread that opened it.  It connects when a call
 * first needs it, notices when what it is connected to was replaced, and then connects anew.
 * (SQLite: the log and the sessions are two files, each opened when a call first needs it.  To
 * notice costs one stat() of a folder in which nothing was made or removed, 1 µs, else four.)
 *
 * Every call returns a store_result and leaves a sentence for people in store_why().  After a
 * failure nothing is half done, and the next call tries again, also after what is stored was
 * replaced, repaired or unlocked.  No call but store_wait waits long: SQLite has 250 ms of
 * patience with a lock, a publication more.
 *
 * What is behind it is an engine (engine.h). */
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
    STORE_BUSY, /* a lock is held; later is as good as now */
    STORE_FULL, /* no room on the disk, or max_page_count */
    STORE_NOMEM,
    STORE_CORRUPT,   /* not a database, or a damaged one */
    STORE_NEWER,     /* made by a newer version of Rowcast */
    STORE_REFUSED,   /* a rule of the data said no, in its own sentence */
    STORE_TOO_LARGE, /* the same, and the rule was max_event_bytes */
    STORE_UNKNOWN,   /* no such session */
    STORE_READONLY,
    STORE_IO
};

enum { STORE_WHY_SIZE = 256, SESSION_ID_SIZE = 17, SESSION_TOKEN_SIZE = 33 };

/* `address`, which address.h checked: the path of an SQLite log, whose sessions are at
 * `address`.sessions.  Connects to nothing yet.  STORE_NOMEM only. */
enum store_result store_open(struct store **out, const char *address);
void store_close(struct store *s); /* NULL is fine */

/* What people should know although no call failed. */
enum store_notice {
    STORE_NOTICE_FILES, /* a sentence: what is stored locks its owner out, and the like; once */
    STORE_CHECKPOINT_WAITS, /* key=value words; when it begins, and each minute */
    STORE_CHECKPOINT_DONE   /* the same, when it is over */
};

/* Who hears it, from whatever thread.  Set before the first store is used; NULL: nobody. */
typedef void (*store_say)(enum store_notice what, const char *text);
void store_notices(store_say to);

/* From `ms` on, a statement that takes long (more than some milliseconds) ends with an error,
 * in all stores of this process: for a process that stops, since a log can be made such that a
 * question to it never ends.  -1: no more.  Thread: any. */
void store_deadline(int ms);

/* Why the last call failed, in a sentence; "" after a success.  Valid until the next call. */
const char *store_why(const struct store *s);

/* ---- the log ----------------------------------------------------------------------- */

/* Where the log stands. */
struct store_end {
    char epoch[EPOCH_SIZE];
    int64_t last_id;    /* the newest id ever given, also when its row is gone */
    int64_t trimmed_to; /* the greatest id that left any mailbox */
    int64_t config_version;
};

/* Read the end.  One read transaction, about 5 µs. */
enum store_result store_where(struct store *s, struct store_end *out);

/* Which rows: those with after < id, in the mailboxes of `only` (NULL: in all of them).
 * `without_session` leaves the last mailbox of `only` out, where it is the session's own. */
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

/* Who takes the rows.  `begin` comes first, once, with the log's end; then `hole`, once for
 * each mailbox asked about that was trimmed beyond `after` (NULL: every mailbox nobody
 * remembers); then `row`, in id order.  (A row that is larger than an event can be is given
 * as a hole, in its place.)  All of it is one moment of the log.  Strings are valid during
 * the call.  After a failure the caller throws away what it got. */
struct store_sink {
    void *arg;
    void (*begin)(void *arg, const struct store_end *end);
    void (*hole)(void *arg, const char *mailbox, int64_t trimmed_to);
    enum store_taken (*row)(void *arg, const struct event *e);
};

/* Give the rows that follow, in id order.  *through is how far the answer reaches: all that was
 * asked for in (after, *through] was given, and no row beyond it.  It costs what is taken: one
 * range of an index for each mailbox is walked. */
enum store_result store_read(struct store *s, const struct store_question *q,
                             const struct store_sink *sink, int64_t *through);

/* Wait until the log may have something that is not in what this store read up to `after`
 * (rows, other settings, another epoch), until store_wake, or `timeout_ms`.  It may return
 * too early, never too late: a store that has not read yet, or whose read failed, does not
 * wait.  Holds no lock meanwhile.  SQLite: costs a `PRAGMA data_version` (2.3 µs) each 50 ms
 * at least, and for each commit of anybody a look at the log's end (5 µs).  Who waits for
 * rows serves no sessions: their file is closed. */
enum store_result store_wait(struct store *s, int64_t after, int timeout_ms);
void store_wake(struct store *s); /* Thread: any. */

/* *newer: the settings in force, with a reference, or NULL if they are `have` (NULL: none).
 * Asked before each request, so it has to be cheap (SQLite: a look at the log's end, 5 µs). */
enum store_result store_settings_newer(struct store *s, const struct settings *have,
                                       struct settings **newer);

/* Environment variables ROWCAST_<NAME> seed the settings of a new log.  Say a line for each
 * that is not in force, and how to change the setting; never the token itself. */
enum store_result store_environment(struct store *s, void (*say)(void *arg, const char *line),
                                    void *arg);

/* Whether this process can do all of its work with both files: STORE_READONLY also for one that
 * can be read and not written.  Opens them as every call does. */
enum store_result store_fit(struct store *s);

enum { STORE_REST_S = 10 };

/* For a thread that has nothing to ask, called once each second of it: close what the paths no
 * longer lead to (a connection that stays on a deleted -wal keeps the others of its process
 * from opening it anew), and after STORE_REST_S such seconds both files, which gives back some
 * 300 KiB.  The next call opens them again (2 ms).  True: they are closed. */
bool store_rest(struct store *s);

/* One thing to publish.  `data` may hold NUL bytes, which SQLite keeps. */
struct publication {
    const char *const *sessions; /* ids; each gets its own row */
    size_t session_count;        /* 0: to `channel` */
    const char *channel;         /* "" for everyone */
    const char *type;
    const char *data;
    size_t data_len;
    const char *dedup_key; /* NULL: none */
};

/* How long an append waits for a lock that somebody else holds. */
enum { STORE_PATIENCE_MS = 5000 };

/* A publication of a group, and what came of it. */
struct appending {
    struct publication what;
    int64_t *ids; /* room for one, or for one a session; the caller's */
    char epoch[EPOCH_SIZE];
    enum store_result result;
    char why[STORE_WHY_SIZE]; /* a sentence; "" after STORE_OK */
};

/* Append a group in one transaction, committed to the disk (synchronous=FULL) before this
 * returns.  Each item has its own result: one that a rule refuses, or one of whose sessions
 * does not exist (STORE_UNKNOWN), writes nothing and keeps nobody else from being written.
 *
 * What fails the transaction (a lock that is not free within `patience_ms`, a damaged file)
 * fails every item, and nothing is written: that is returned.  Where it may be the fault of one
 * item (room or memory is short), each is tried alone.  STORE_OK: what failed is not to be
 * tried again by us.
 *
 * ids[i] is the id of the row for session i, or ids[0] of the only row; a row that was there
 * already, by its dedup_key, also from earlier in the group, gives its id.
 *
 * The lock is held for about 8 µs a row and one sync.  Who waits for it looks every
 * millisecond, and finds it free also where it is so for a moment. */
enum store_result store_append_all(struct store *s, struct appending *const *items, size_t n,
                                   int patience_ms);

/* The same for one publication, with STORE_PATIENCE_MS. */
enum store_result store_append(struct store *s, const struct publication *p, int64_t *ids,
                               char epoch[EPOCH_SIZE]);

/* What following the log makes necessary; for the thread that does, after each read.  The
 * engine looks at its own clock and mostly does nothing.  *worked: it did something.
 *
 * SQLite: one stat() of the log's -wal a second.  A file larger than 64 MiB, which never
 * shrinks, is copied into the log (a PASSIVE checkpoint), and if readers were in the way,
 * once more while nobody of this process reads.  Other programs' readers are waited for, and
 * told of. */
enum store_result store_upkeep(struct store *s, bool *worked);

/* ---- sessions ---------------------------------------------------------------------- */

enum start_at { START_UNSAID, START_AT_ID, START_EARLIEST, START_NEWEST };

/* What a request for a stream says. */
struct claim_request {
    const char *token;              /* presented; NULL: none */
    const char *const *more_tokens; /* presented with it, as cookies can be; any may be ours */
    size_t more_token_count;
    const char *user_agent; /* "" where there is none; so the next four */
    const char *remote_addr;
    const char *client_version;
    const char *query;
    const char *headers; /* JSON object of the kept meta_headers */
    const char *const *channels;
    size_t channel_count;
    const char *const *types;
    size_t type_count;
    enum start_at start;
    const char *position; /* START_AT_ID: the id as it was sent, not checked yet */
    int64_t newest;       /* START_NEWEST: how many rows */
};

enum gap_reason { GAP_NONE, GAP_TRIMMED, GAP_UNKNOWN, GAP_EPOCH, GAP_FUTURE, GAP_SESSION };
const char *gap_reason_text(enum gap_reason r); /* "trimmed" … as on the wire */

/* A stream, as the claim fixed it at one moment of the log. */
enum { CLAIM_OTHERS_MAX = 3 };
struct claim {
    char session_id[SESSION_ID_SIZE]; /* "": enable_reconnection is 0 */
    char token[SESSION_TOKEN_SIZE];
    /* The token is the one that was presented, although nobody knows whether it is ours: the
     * sessions cannot be saved, and the client is given no other. */
    bool keeps_token;
    /* Presented, and never ours as far as is known: another installation's. */
    char other[CLAIM_OTHERS_MAX][SESSION_TOKEN_SIZE];
    size_t others;
    int64_t reconnections;
    bool reconnection; /* the session was known */
    int64_t stream_id; /* its row in `streams`; 0: not saved (their file is full or gone) */
    enum store_result saved;           /* STORE_OK; else store_why tells why not */
    struct subscription *subscription; /* the caller's to free */
    char epoch[EPOCH_SIZE];
    int64_t presented; /* the id the client came with, if it parsed as ours; else -1 */
    char presented_epoch[EPOCH_SIZE];
    int64_t bookmark; /* where the stream would have to begin again if nothing more was sent */
    int64_t cursor;   /* where it begins; after a gap, the gap's id */
    int64_t until;    /* the log's end */
    int64_t count;    /* rows of its filter in (cursor, until] */
    int64_t private_to; /* newest row of its own mailbox in (cursor, until]; 0: none */
    enum gap_reason gap;
    int64_t gap_from;   /* the position the gap begins at, in this epoch; -1: none */
    int64_t gap_oldest; /* the oldest row still kept that follows; 0: none */
};

/* No claim looks at more rows of the index than this to find its position, nor to count (10 to
 * 45 ms): anybody may ask for it. */
enum { CLAIM_ROWS_MAX = 100000 };

/* Claim a stream, in three steps: recall who presents the token (a read of the sessions, no
 * lock); survey the log, which fixes cursor, gap, until and count (one read transaction); enter
 * session and stream and take the bookmark (the only write, last, one BEGIN IMMEDIATE of the
 * sessions file).  Any result but STORE_OK means "later", and nothing was entered.  A sessions
 * file that fails leaves `saved` behind and a stream that runs: with the session that is known,
 * or with the token that was presented.  STORE_BUSY: either file was locked. */
enum store_result store_claim(struct store *s, const struct settings *settings,
                              const struct claim_request *r, struct claim *out);

/* Whether this claim had better wait a moment: it would begin at a bookmark, and these earlier
 * streams of its session and subscription are still open, perhaps because their ends are not
 * saved yet.  A read of two index seeks a token, without a lock. */
enum { CLAIM_OPEN_MAX = 8 };
struct claim_open {
    size_t n; /* 0: it need not wait.  More than fit are not named. */
    int64_t stream_id[CLAIM_OPEN_MAX];
};
enum store_result store_claim_waits(struct store *s, const struct claim_request *r,
                                    struct claim_open *open);

/* Save where running streams may begin again, and how far this process has seen the log, in one
 * transaction.  With nothing to save, and nothing new seen, it costs nothing. */
enum store_result store_save(struct store *s, const struct bookmark *b, size_t n);

/* The streams ended: leave their bookmarks, let their sessions' time run.  A poll in vain
 * leaves no session, if nobody came back to it: it is remembered for a while, and made again
 * for whoever brings its token. */
enum store_result store_ended(struct store *s, const struct bookmark *b, size_t n);

/* This process lives; which of its streams does somebody want ended (`DELETE FROM sessions`,
 * /disconnect)?  Every STORE_BEAT_MS.  Fills up to `max` ids and forgets them; *n is how many.
 * SQLite: a read that finds nothing writes nothing; one stat() whether `path`.leases is still
 * the file that this process has its lease in, and where it is not, the lease is taken anew. */
enum { STORE_BEAT_MS = 250 };
enum store_result store_beat(struct store *s, int64_t *stream_ids, size_t max, size_t *n);

/* End the streams of a session, wherever they are; the session stays.  STORE_UNKNOWN: no
 * such. */
enum store_result store_disconnect(struct store *s, const char *session_id);

/* ---- the process ------------------------------------------------------------------- */

/* Enter this process among the responders, once for all its stores.  store_claim does it.
 * SQLite: a lock on a byte of `path`.leases, held until the process ends, however it ends; what
 * a dead holder of the same byte left is tidied. */
enum store_result store_join(struct store *s);

/* The janitor's turn: one piece of expiry or of retention, if this process is the one that
 * tidies.  `elapsed_ms` is what was served since the last call; it counts once, whether the
 * piece succeeds or not: counted twice it would expire sessions early.  *again_ms: when to
 * call next, a second at most.
 *
 * Every cleanup_interval of served time the streams of processes that died end, and then
 * sessions and bookmarks expire, some at a time (SQLite: 250, which hold the lock of the
 * sessions for 5 ms).  Every five seconds, or sooner while there is more, events go that are
 * too old, 100 at most, and mailboxes that nobody knows.  What fails there keeps events for
 * longer, and is tried again: it is no failure of the call. */
enum store_result store_tend(struct store *s, const struct settings *settings,
                             int64_t elapsed_ms, int *again_ms);

/* ---- people ------------------------------------------------------------------------ */

/* What GET /stats tells; whoever answers makes JSON of it. */
enum { STORE_WHERE_SIZE = 513 };
struct store_stats {
    struct store_end end;
    char where[STORE_WHERE_SIZE]; /* the log's path, or its address, without a password */
    int64_t streams;              /* open, of processes that live; -1: not known */
    int64_t active;               /* sessions that they belong to; -1: not known */
    int64_t sessions;             /* all of them; -1: not known */
    int64_t responders;           /* processes that live; -1: not known */
    int64_t oldest_id, oldest_at; /* of the oldest event, and ms since 1970; 0: there is none */
    int64_t events, mailboxes;    /* that are kept, and that keep something */
    int64_t bytes;                /* of the events, as the setting buffer_bytes counts them */
};

/* Read them.  Walks the mailboxes and the open streams, never the events.  Sessions that cannot
 * be read are not known, and nothing fails. */
enum store_result store_stats(struct store *s, struct store_stats *out);

/* Open everything, make what is missing, verify modes, journal mode and schema.  Prints a line
 * a finding through `say`.  STORE_OK: nothing is wrong. */
enum store_result store_check(struct store *s, void (*say)(void *arg, const char *line),
                              void *arg);

#endif
