/* An engine: the functions that do the work of store.h.  store.c picks an engine by the address.
 * The rules of store.h hold for each function: one owner thread, except for `wake`; a sentence in
 * `why` after a failure; nothing half done.  Every engine guarantees:
 *  - Ids ascend in the order of commits.  No id is given twice under one epoch.
 *  - `read` and `survey` answer from one moment of the log.
 *  - `wait` may return too early, never too late.
 *  - The engine remembers how far any store of the process has seen the log; SQLite does so
 *    across restarts, too.  A log that ends before that gets a new epoch before any of it is
 *    handed out.
 *  - What is due (its expires_at has passed) is neither read nor counted, and leaves no hole.
 *  - The rules of the data apply to every publisher, in the sentences of sql/schema.sql.
 *
 * The functions of a claim are documented here, all others in store.h under the same name with
 * store_ in front.  Private to store/. */
#ifndef ROWCAST_STORE_ENGINE_H
#define ROWCAST_STORE_ENGINE_H

#include "store/store.h"

/* The base of each engine's own struct. */
struct store {
    const struct store_engine *engine;
    char why[STORE_WHY_SIZE];
};

/* The note of a session that is gone.  The engine keeps it for a while, under a hash of the
 * session's token, so that a returning client is told of a loss only if there may be one. */
struct departure {
    char session_id[SESSION_ID_SIZE];
    char epoch[EPOCH_SIZE]; /* of the log then; "": its bookmarks were of several epochs */
    int64_t position;   /* its smallest bookmark: it has had all events up to it; -1: none */
    int64_t private_to; /* the newest event there may have been for it; 0: none */
    int64_t log_end;    /* the log's newest id then */
    /* It was a poll that delivered nothing.  A client that presents the token gets the same
     * session again. */
    bool revives;
    bool lasting; /* the client came back at least once, or stayed: remembered longer */
};

/* Step 1 of a claim: what is known of a token. */
enum recalled {
    RECALL_NOBODY,  /* no session has this token */
    RECALL_REFUSED, /* a session has it, but another User-Agent used it last */
    RECALL_KNOWN,
    RECALL_DEPARTED /* its session is gone, but there is a note of it */
};
struct recall {
    enum recalled found;
    /* RECALL_KNOWN: */
    char session_id[SESSION_ID_SIZE];
    int64_t reconnections; /* how often its client came back before */
    int64_t bookmark;      /* the smallest of this epoch, of open or ended streams; -1: none */
    bool foreign;          /* there is a bookmark of another epoch */
    /* RECALL_DEPARTED: */
    struct departure departure;
};

/* Step 2: what the log has after a position, at one moment. */
#define SURVEY_END INT64_MAX /* no position: the stream begins at the end */
struct survey_question {
    struct subscription *only;
    /* The position.  One beyond the end counts as the end. */
    int64_t after;
    /* How many of the newest rows that pass the filter the stream must get: it begins before
     * them at the latest.  If there are fewer, it begins before the oldest.  -1: not asked. */
    int64_t newest;
    /* Are there rows in (since, at]?  SURVEY_END: not asked. */
    int64_t since;
    /* The id of a session that is gone: how far did its mailbox go?  NULL: not asked. */
    const char *departed;
    bool uncounted; /* count and private_to are not asked, and mean nothing then */
};

/* "Rows" are those in the mailboxes of `only` that are not due, whatever their types; rows that
 * "pass the filter" also have one of its types.  `newest` and `count` look at CLAIM_ROWS_MAX rows
 * each at most.  If that is too few, the stream begins before the oldest row that was looked at,
 * and the count is a lower bound. */
struct survey {
    struct store_end end;
    int64_t forgotten_to; /* the newest id that left a forgotten mailbox */
    int64_t at;           /* where the stream begins, before a gap moves it */
    /* `after` was given by a state of the log that is lost, although the epoch is the same (a
     * server that failed over): the stream begins at the end. */
    bool disowned;
    int64_t oldest; /* the first row kept after `at`; 0: none */
    int64_t count;  /* rows in (at, end] that pass the filter; only shown to people */
    /* The newest row there in the session's own mailbox; 0: none.  It may be due. */
    int64_t private_to;
    bool passes_over; /* there are rows in (since, at] */
    /* The newest id that ever was in the mailbox of `departed`; 0: none; -1: that mailbox is
     * forgotten. */
    int64_t departed_to;
    /* Of each mailbox, in the order of `only`: the newest id that left it, or forgotten_to if
     * the mailbox is forgotten.  May be 0 if the true value is not beyond `at` and `since`. */
    int64_t trimmed_to[SUBSCRIPTION_CHANNELS_MAX + 2];
};

/* Step 3, the only one that writes: enter the session and the stream. */
enum entry_as {
    ENTRY_NEW,     /* make the session */
    ENTRY_RETURNS, /* it exists: note that its client is back */
    ENTRY_REVIVES  /* it is gone: make it again, and delete the note of its departure */
};
struct entry {
    const struct claim_request *request; /* for what people are shown of the session */
    const char *session_id, *token;
    const char *key;   /* subscription_key; the engine keeps subscription_kept_key of it */
    const char *epoch; /* of the log, with `position` */
    enum entry_as as;
    int64_t reconnections; /* for ENTRY_NEW and ENTRY_REVIVES */
    int64_t position;      /* the stream's first bookmark */
    /* ENTRY_RETURNS: delete the largest bookmark up to here that an ended stream of this session
     * left for this key.  A bookmark of another epoch counts as smaller than all others. */
    int64_t take_to;
};

struct store_engine {
    const char *name;
    bool (*owns)(const char *address);
    enum store_result (*open)(struct store **out, const char *address);
    void (*close)(struct store *s);
    bool (*rest)(struct store *s);
    void (*deadline)(int ms); /* of all stores of this engine */
    /* the log */
    enum store_result (*where)(struct store *s, struct store_end *out);
    enum store_result (*read)(struct store *s, const struct store_question *q,
                              const struct store_sink *sink, int64_t *through);
    enum store_result (*wait)(struct store *s, int64_t after, int timeout_ms);
    void (*wake)(struct store *s);
    enum store_result (*append_all)(struct store *s, struct appending *const *items, size_t n,
                                    int patience_ms);
    enum store_result (*settings_newer)(struct store *s, const struct settings *have,
                                        struct settings **newer);
    enum store_result (*environment)(struct store *s, void (*say)(void *arg, const char *line),
                                     void *arg);
    enum store_result (*fit)(struct store *s);
    enum store_result (*upkeep)(struct store *s, bool *worked);
    /* sessions */
    enum store_result (*join)(struct store *s);
    /* Read what is known of `token`, without a lock.  `user_agent` NULL: it does not matter who
     * used it last.  `key`: the subscription whose bookmarks under `epoch` are wanted; NULL: no
     * bookmarks are wanted.  After a failure *out means nothing. */
    enum store_result (*recall)(struct store *s, const char *token, const char *user_agent,
                                const char *key, const char *epoch, struct recall *out);
    /* Read the log, without a lock of the sessions.  STORE_BUSY: it was replaced meanwhile. */
    enum store_result (*survey)(struct store *s, const struct survey_question *q,
                                struct survey *out);
    /* Write session and stream, all or nothing.  The stream is entered as one of this process,
     * so that it ends when the process dies.  STORE_UNKNOWN: a session that was known is gone
     * now, or one that was gone was made again by another claim: recall it once more. */
    enum store_result (*enter)(struct store *s, const struct entry *e, int64_t *stream_id);
    /* Append to `stream_ids` the streams that the token's session has open for `key`.  *n is how
     * many ids the array has, and grows to `max` at most.  A read, without a lock. */
    enum store_result (*open_streams)(struct store *s, const char *token, const char *key,
                                      int64_t *stream_ids, size_t max, size_t *n);
    enum store_result (*save)(struct store *s, const struct bookmark *b, size_t n);
    enum store_result (*ended)(struct store *s, const struct bookmark *b, size_t n);
    enum store_result (*beat)(struct store *s, int64_t *stream_ids, size_t max, size_t *n);
    enum store_result (*disconnect)(struct store *s, const char *session_id);
    enum store_result (*tend)(struct store *s, const struct settings *settings,
                              int64_t elapsed_ms, int *again_ms);
    /* people */
    enum store_result (*stats)(struct store *s, struct store_stats *out);
    enum store_result (*check)(struct store *s, void (*say)(void *arg, const char *line),
                               void *arg);
};

extern const struct store_engine sqlite_engine;

#endif
