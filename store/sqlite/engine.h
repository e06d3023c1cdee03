/* The SQLite engine: its own struct of a store, and its functions, which store/engine.h and
 * store.h document.  Private to this folder. */
#ifndef ROWCAST_STORE_SQLITE_ENGINE_H
#define ROWCAST_STORE_SQLITE_ENGINE_H

#include <stdatomic.h>

#include "store/clock.h"
#include "store/engine.h"
#include "store/sqlite/database.h"

enum { WALKS_MAX = SUBSCRIPTION_CHANNELS_MAX + 2 };

struct sqlite_store {
    struct store store; /* first: the part that the rest of the program sees */
    char *given;        /* the log's path as it was given; may lead over symbolic links */
    struct database log;
    struct database sessions;
    sqlite3_stmt *walk[WALKS_MAX]; /* log.c: one for each mailbox of a read */
    struct lease *lease; /* lease.c: shared by the process; NULL: not looked for yet */
    bool turn;           /* sessions.c: it is our turn to write the sessions */
    bool unentered;      /* lease.c: the lease could not be entered in the sessions yet */
    int64_t sessions_upgrade_at;     /* sessions.c: not before this (now_monotonic_ms) */
    bool joined;                     /* store_join succeeded */
    int64_t served;                  /* tend.c: ms served since the last round of expiry … */
    int64_t retain_in;               /* … and ms until retention is due */
    bool expiring;                   /* expire.c: the round has more slices … */
    int64_t expire_until;            /* … of what was idle at this served time */
    int idle;                        /* how often store_rest was called since a file was used */
    char not_seeded[STORE_WHY_SIZE]; /* why a setting of the environment was refused */
    struct store_end seen; /* epoch.c: the log as this process had seen it before the call … */
    struct store_end left; /* … and the log that the path led to before; "": none */
    bool fell;             /* end.c: the log ends before `seen`; the next call renews it */
    bool anew; /* look.c, end.c: it is not what it was; the next call opens it anew */
    struct store_end saved; /* sessions.c: how far the sessions have it as seen */
    struct store_end read;  /* the log's end at the last read … */
    int64_t data_version;   /* … and its version then; -1: nothing was read, or that failed */
    _Atomic(struct waiter *) waiter; /* wait.c; NULL: never waited */
    int64_t wal_looked_at;           /* upkeep.c: the last look at the -wal (monotonic s) … */
    int64_t wal_waits_since;    /* … since when checkpoints cannot finish; 0: they can … */
    int64_t wal_told_at;        /* … and when a notice last said so */
    int64_t grew_at;            /* wait.c: when a read last found rows */
    atomic_bool woken;          /* store_wake was called since store_wait returned */
    int64_t looked_at;          /* look.c: the schema's version at the last look; -1: none */
    char lacks[STORE_WHY_SIZE]; /* what has to be mended; "": nothing */
    int64_t mend_at;            /* not before this (now_monotonic_ms) */
    bool removed;               /* removed.c: streams are to be told of a removal … */
    int64_t removed_at;         /* … not before this (now_monotonic_ms) */
    char told[2 * STORE_WHY_SIZE];        /* what log_tell said last of the files */
    struct clock_watch clock;             /* retain.c: what it saw of the clocks … */
    int64_t retained_at;                  /* … the log's end at the last slice … */
    char retained[EVENT_MAILBOX_MAX + 1]; /* … and the mailbox that was looked at last */
};

/* The SQLite engine's own struct of a store. */
static inline struct sqlite_store *sqlite_of(struct store *store)
{
    return (struct sqlite_store *)store;
}

enum store_result sqlite_open(struct store **out, const char *address);
void sqlite_close(struct store *s);
bool sqlite_rest(struct store *s);
void sqlite_deadline(int ms);
enum store_result sqlite_where(struct store *s, struct store_end *out);
enum store_result sqlite_read(struct store *s, const struct store_question *q,
                              const struct store_sink *sink, int64_t *through);
enum store_result sqlite_wait(struct store *s, int64_t after, int timeout_ms);
void sqlite_wake(struct store *s);
enum store_result sqlite_append_all(struct store *s, struct appending *const *items, size_t n,
                                    int patience_ms);
enum store_result sqlite_settings_newer(struct store *s, const struct settings *have,
                                        struct settings **newer);
enum store_result sqlite_environment(struct store *s, void (*say)(void *arg, const char *line),
                                     void *arg);
enum store_result sqlite_fit(struct store *s);
enum store_result sqlite_upkeep(struct store *s, bool *worked);
enum store_result sqlite_join(struct store *s);
enum store_result sqlite_recall(struct store *s, const char *token, const char *user_agent,
                                const char *key, const char *epoch, struct recall *out);
enum store_result sqlite_survey(struct store *s, const struct survey_question *q,
                                struct survey *out);
enum store_result sqlite_enter(struct store *s, const struct entry *e, int64_t *stream_id);
enum store_result sqlite_open_streams(struct store *s, const char *token, const char *key,
                                      int64_t *stream_ids, size_t max, size_t *n);
enum store_result sqlite_save(struct store *s, const struct bookmark *b, size_t n);
enum store_result sqlite_ended(struct store *s, const struct bookmark *b, size_t n);
enum store_result sqlite_beat(struct store *s, int64_t *stream_ids, size_t max, size_t *n);
enum store_result sqlite_disconnect(struct store *s, const char *session_id);
enum store_result sqlite_tend(struct store *s, const struct settings *settings,
                              int64_t elapsed_ms, int *again_ms);
enum store_result sqlite_stats(struct store *s, struct store_stats *out);
enum store_result sqlite_check(struct store *s, void (*say)(void *arg, const char *line),
                               void *arg);

#endif
