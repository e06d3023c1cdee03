/* One engine's half of the world in which the contract tests run: it does the verbs of
 * contract_world.h, which documents them, with that engine's own means. */
#ifndef ROWCAST_TESTS_HALF_H
#define ROWCAST_TESTS_HALF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct world;

/* A column of an event, as a publisher gives it; always a text.  `len` 0: up to the NUL. */
struct column {
    const char *name, *value;
    size_t len;
};

/* What a person can count. */
enum counted {
    EVENTS,
    MAILBOXES,    /* that are not forgotten */
    BYTES,        /* of all events, as buffer_bytes counts them */
    LAST_ID,      /* the newest id ever given */
    OLDEST_ID,    /* the oldest that is kept; 0: none */
    TRIMMED_TO,   /* the newest id that left any mailbox */
    FORGOTTEN_TO, /* the same, of the forgotten ones */
    SETTINGS_VERSION,
    SESSIONS,
    IDLE_SESSIONS, /* without a stream: their time runs */
    RECONNECTIONS, /* of all sessions */
    OPEN_STREAMS,
    ENDED_STREAMS, /* bookmarks that were left */
    ENDED_SUM,     /* the sum of their positions */
    ORDERS,        /* to end a stream, not carried out yet */
    RESPONDERS,
    DEPARTED /* notes of sessions that are gone */
};

/* What can be locked, full or broken on its own. */
enum part { THE_LOG, THE_SESSIONS };

struct half {
    const char *name;
    bool (*owns)(const char *address); /* NULL: none is given */
    void (*begin)(struct world *w);    /* make a fresh place; fills w->place and w->address */
    void (*end)(struct world *w);      /* remove it all */
    void (*publish)(struct world *w, const char *mailbox, const char *type, const char *data,
                    int n);
    const char *(*try_publish)(struct world *w, const struct column *columns, size_t n);
    void (*delete_events)(struct world *w, const char *mailbox, int64_t from, int64_t to);
    const char *(*forget)(struct world *w, const char *mailbox);
    const char *(*set)(struct world *w, const char *name, const char *value);
    const char *(*value_of)(struct world *w, const char *name);
    void (*renew)(struct world *w);
    void (*delete_session)(struct world *w, const char *session_id);
    int64_t (*count)(struct world *w, enum counted what);
    int64_t (*kept)(struct world *w, const char *mailbox);
    bool (*session_has)(struct world *w, const char *session_id, const char *what,
                        const char *value);
    int64_t (*session_number)(struct world *w, const char *session_id, const char *what);
    int64_t (*position_of)(struct world *w, int64_t stream);
    void (*books_agree)(struct world *w);
    void (*age)(struct world *w, int64_t seconds);
    void (*orphan)(struct world *w, int64_t stream);
    void (*foreign)(struct world *w, int64_t stream);
    void (*hold)(struct world *w, enum part part);
    void (*release)(struct world *w, enum part part);
    void (*fill_up)(struct world *w, enum part part, bool full);
    void (*damage)(struct world *w, enum part part);
    void (*lose)(struct world *w, enum part part);
    void (*replace)(struct world *w);
    void (*put_back)(struct world *w, int64_t n);
};

/* The half for an address; NULL: there is none. */
const struct half *half_of(const char *address);

extern const struct half sqlite_half;

#endif
