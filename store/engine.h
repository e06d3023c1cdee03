/* What an engine is: the functions under store.h.  store.c picks one by the address.  The rules
 * of store.h hold for each: one owner thread, but for `wake`; a sentence in `why` after a
 * failure; nothing half done.  What every engine owes:
 *  - Ids ascend in the order of commits.  No id is given twice under one epoch.
 *  - `read` answers from one moment of the log.
 *  - `wait` may return too early, never too late.
 *  - It remembers how far any store of the process has seen the log; SQLite across restarts,
 *    too.  A log that no longer has all of that gets a new epoch before it is handed out.
 *  - The rules of the data hold for whoever publishes, in the sentences of sql/schema.sql.
 *
 * Each function is documented in store.h, under the name that has store_ in front.
 * Private to store/. */
#ifndef ROWCAST_STORE_ENGINE_H
#define ROWCAST_STORE_ENGINE_H

#include "store/store.h"

/* The base of each engine's own struct. */
struct store {
    const struct store_engine *engine;
    char why[STORE_WHY_SIZE];
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
    enum store_result (*claim)(struct store *s, const struct settings *settings,
                               const struct claim_request *r, struct claim *out);
    enum store_result (*claim_waits)(struct store *s, const struct claim_request *r,
                                     struct claim_open *open);
    enum store_result (*save)(struct store *s, const struct bookmark *b, size_t n);
    enum store_result (*ended)(struct store *s, const struct bookmark *b, size_t n);
    enum store_result (*beat)(struct store *s, int64_t *stream_ids, size_t max, size_t *n);
    enum store_result (*disconnect)(struct store *s, const char *session_id);
    enum store_result (*expire)(struct store *s, const struct settings *settings,
                                int64_t elapsed_ms, bool *more);
    enum store_result (*retain)(struct store *s, const struct settings *settings, bool *more);
    /* people */
    enum store_result (*stats)(struct store *s, char **json);
    enum store_result (*check)(struct store *s, void (*say)(void *arg, const char *line),
                               void *arg);
};

extern const struct store_engine sqlite_engine;

#endif
