/* What an engine is: the functions under store.h.  store.c picks one by the address.  The rules
 * of store.h hold for each: one owner thread, but for `wake`; a sentence in `why` after a
 * failure; nothing half done.  What every engine owes:
 *  - Ids ascend in the order of commits.  No id is given twice under one epoch.
 *  - `read` and `survey` answer from one moment of the log.
 *  - `wait` may return too early, never too late.
 *  - It remembers how far any store of the process has seen the log; SQLite across restarts,
 *    too.  A log that no longer has all of that gets a new epoch before it is handed out.
 *  - The rules of the data hold for whoever publishes, in the sentences of sql/schema.sql.
 *
 * Each function is documented in store.h, under the name that has store_ in front; those of a
 * claim here.
 * Private to store/. */
#ifndef ROWCAST_STORE_ENGINE_H
#define ROWCAST_STORE_ENGINE_H

#include "store/store.h"

/* The base of each engine's own struct. */
struct store {
    const struct store_engine *engine;
    char why[STORE_WHY_SIZE];
};

/* A session that is gone, and that the engine remembers for a while by a hash of its token, so
 * that its client is told of a loss only where there may be one. */
struct departure {
    char session_id[SESSION_ID_SIZE];
    char epoch[EPOCH_SIZE]; /* of the log then; "": its bookmarks were not all of one */
    int64_t position;       /* its smallest bookmark: it had all that was before; -1: none */
    int64_t private_to;     /* the newest event there may have been for it; 0: none */
    int64_t log_end;        /* the log's newest id then */
    bool
        revives; /* a poll left it that told nothing: whoever brings the token goes on with it */
    bool lasting; /* it came back at least once, or stayed: it is remembered longer */
};

/* Step 1 of a claim: what is known of whoever presents a token. */
enum recalled {
    RECALL_NOBODY,  /* there is no such session */
    RECALL_REFUSED, /* there is one, but another User-Agent used it last */
    RECALL_KNOWN,
    RECALL_DEPARTED /* there is none any more, but one is remembered */
};
struct recall {
    enum recalled found;
    /* RECALL_KNOWN: */
    char session_id[SESSION_ID_SIZE];
    int64_t reconnections; /* how often its client came back before */
    int64_t bookmark;      /* the smallest of the epoch, of open and ended streams; -1: none */
    bool foreign;          /* there is a bookmark of another epoch */
    /* RECALL_DEPARTED: */
    struct departure departure;
};

/* Step 2: the log behind a position, at one moment. */
#define SURVEY_END INT64_MAX /* no position: the stream begins at the end */
struct survey_question {
    const struct subscription *only;
    /* The position; one beyond the end is taken for the end. */
    int64_t after;
    /* Begin no later than just before the newest so many rows of the filter; where there are
     * fewer, before the oldest of them.  -1: not asked. */
    int64_t newest;
    /* Whether there are rows in (since, at].  SURVEY_END: not asked. */
    int64_t since;
    /* The id of a session that is gone, whose mailbox is asked about.  NULL: not asked. */
    const char *departed;
};

/* Rows are those of the mailboxes in `only`, whatever their types; rows of the filter have one of
 * its types, too.  `newest` and `count` look at no more than CLAIM_ROWS_MAX rows each.  Where that
 * is too few, the stream begins before the oldest row that was looked at, and the count is the
 * least it can be. */
struct survey {
    struct store_end end;
    int64_t forgotten_to; /* the newest id that left a mailbox nobody remembers */
    int64_t at;           /* where the stream begins, before a gap moves it */
    /* `after` was given by a state of the log that is lost, although the epoch is the same (a
     * server that failed over): the stream begins at the end. */
    bool disowned;
    int64_t oldest; /* the first row kept behind `at`; 0: none */
    int64_t count;  /* rows of the filter in (at, end]; told to people, nothing rests on it */
    int64_t private_to; /* the newest row of the session's own mailbox there; 0: none */
    bool passes_over;   /* there are rows in (since, at] */
    /* The newest id that ever was in the mailbox of `departed`; 0: none; -1: nobody remembers
     * that mailbox. */
    int64_t departed_to;
    /* Of each mailbox, in the order of `only`: the newest id that left it; forgotten_to where
     * nobody remembers it.  0 will do where that is not beyond `at` and `since`. */
    int64_t trimmed_to[SUBSCRIPTION_CHANNELS_MAX + 2];
};

/* Step 3, the only one that writes: session and stream. */
enum entry_as {
    ENTRY_NEW,     /* make the session */
    ENTRY_RETURNS, /* it was known: note that its client is back */
    ENTRY_REVIVES  /* it departed: make it again, and forget its departure */
};
struct entry {
    const struct claim_request *request; /* what people see of the session */
    const char *session_id, *token;
    const char *key;   /* subscription_key; the engine keeps subscription_kept_key of it */
    const char *epoch; /* of the log, with `position` */
    enum entry_as as;
    int64_t reconnections; /* of a session that is made */
    int64_t position;      /* the stream's first bookmark */
    /* ENTRY_RETURNS: of the bookmarks that ended streams of this session left for this key, the
     * largest up to here is deleted; one of another epoch counts as smaller than all. */
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
     * used it last.  `key` is the subscription's, whose bookmarks under `epoch` are wanted; NULL:
     * none are.  After a failure *out says nothing. */
    enum store_result (*recall)(struct store *s, const char *token, const char *user_agent,
                                const char *key, const char *epoch, struct recall *out);
    /* Read the log, without a lock of the sessions.  STORE_BUSY: it was replaced meanwhile. */
    enum store_result (*survey)(struct store *s, const struct survey_question *q,
                                struct survey *out);
    /* Write session and stream, all or nothing.  The stream stands under this process, so that
     * it ends when the process dies.  STORE_UNKNOWN: the session that was known is gone, or the
     * one that departed was made again by somebody else, so it has to be recalled once more. */
    enum store_result (*enter)(struct store *s, const struct entry *e, int64_t *stream_id);
    /* Add to `stream_ids` the open streams for `key` of the session whose token it is: *n is how
     * many ids are there, and grows to `max` at most.  A read, without a lock. */
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
