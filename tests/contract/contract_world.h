/* The world of a contract test: a log and its sessions, fresh for each test, and a store over them.
 *
 * The tests in this folder check what is true of every engine, so they name no file, no key and no
 * SQL.  For what happens around the store they use the verbs below: what a publisher does that is
 * not the responder, what a person does and sees, how time passes, and what goes wrong.  Each
 * engine has a half (half.h), which does the verbs with the engine's own means.  $ROWCAST_TEST_DB
 * chooses the half by an address of its engine; unset, it is SQLite in a new folder.
 *
 * A verb that cannot be done fails the test; those called try_… return the sentence of the
 * refusal, or NULL.  Thread: the test's own; one more may call publish while the test waits in
 * the store. */
#ifndef ROWCAST_TESTS_CONTRACT_WORLD_H
#define ROWCAST_TESTS_CONTRACT_WORLD_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "store/store.h"
#include "tests/contract/half.h"

struct world {
    const struct half *half;
    void *place;      /* the half's own */
    char address[64]; /* where further stores of this world are opened */
    struct store *store;
    struct settings *settings; /* the defaults; the test may change them */
    char epoch[EPOCH_SIZE];    /* of the log when the world began */
    struct claim claim;        /* the newest of contract_claims.h */
};

/* ---- the world itself -------------------------------------------------------------- */

static inline int world_setup(void **state)
{
    struct world *w = calloc(1, sizeof *w);
    struct store_end end;
    assert_non_null(w);
    w->half = half_of(getenv("ROWCAST_TEST_DB"));
    if (!w->half) {
        print_error("no half of the world is made for ROWCAST_TEST_DB=%s\n",
                    getenv("ROWCAST_TEST_DB"));
        exit(1);
    }
    w->half->begin(w);
    assert_int_equal(store_open(&w->store, w->address), STORE_OK);
    assert_int_equal(store_join(w->store), STORE_OK);
    assert_int_equal(store_where(w->store, &end), STORE_OK);
    memcpy(w->epoch, end.epoch, sizeof end.epoch);
    w->settings = settings_new();
    assert_non_null(w->settings);
    *state = w;
    return 0;
}

static inline int world_teardown(void **state)
{
    struct world *w = *state;
    subscription_free(w->claim.subscription);
    store_close(w->store);
    settings_unref(w->settings);
    w->half->end(w);
    free(w);
    return 0;
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, world_setup, world_teardown)

/* One more store of this process, as each of its threads has one.  The caller closes it. */
static inline struct store *another_store(const struct world *w)
{
    struct store *s = NULL;
    assert_int_equal(store_open(&s, w->address), STORE_OK);
    return s;
}

/* Close the store and open it again, as after a restart. */
static inline void reopen(struct world *w)
{
    store_close(w->store);
    w->store = another_store(w);
}

/* ---- publishers -------------------------------------------------------------------- */

/* Publish n events in one transaction: to everyone (""), to a channel, or to a session ("@id"). */
static inline void publish(struct world *w, const char *mailbox, const char *type,
                           const char *data, int n)
{
    w->half->publish(w, mailbox, type, data, n);
}

/* Publish n broadcasts whose contents do not matter. */
static inline void publish_some(struct world *w, int n)
{
    publish(w, "", "update", "x", n);
}

/* Publish to a session's own mailbox. */
static inline void publish_to(struct world *w, const char *session_id, const char *data, int n)
{
    char mailbox[EVENT_MAILBOX_MAX + 1];
    snprintf(mailbox, sizeof mailbox, "@%s", session_id);
    publish(w, mailbox, "update", data, n);
}

struct row {
    const char *mailbox, *type;
};

/* Publish one event for each row. */
static inline void publish_each(struct world *w, const struct row *rows, size_t n)
{
    for (size_t i = 0; i < n; i++)
        publish(w, rows[i].mailbox, rows[i].type, "x", 1);
}

/* n bytes of text; valid until the next call. */
static inline const char *letters(size_t n)
{
    static char text[1 << 21];
    assert_true(n < sizeof text);
    memset(text, 'x', n);
    text[n] = '\0';
    return text;
}

/* Publish one event with these columns alone: TRY(w, WITH("type", "a"), WITH("data", "x")). */
static inline const char *try_publish(struct world *w, const struct column *columns, size_t n)
{
    return w->half->try_publish(w, columns, n);
}
#define WITH(n, v)                                                                             \
    {                                                                                          \
        .name = (n), .value = (v)                                                              \
    }
#define WITH_BYTES(n, v, bytes)                                                                \
    {                                                                                          \
        .name = (n), .value = (v), .len = (bytes)                                              \
    }
#define TRY(w, ...)                                                                            \
    try_publish(w, (const struct column[]){__VA_ARGS__},                                       \
                sizeof((const struct column[]){__VA_ARGS__}) / sizeof(struct column))

/* Publish one event with this data and one column more, as a text. */
static inline void publish_with(struct world *w, const char *mailbox, const char *data,
                                const char *name, const char *value)
{
    bool to_one = mailbox[0] == MAILBOX_MARK;
    const char *why = TRY(w, WITH(to_one ? "session_id" : "channel", mailbox + to_one),
                          WITH("data", data), WITH(name, value));
    if (why)
        fail_msg("%s %s for \"%s\": %s", name, value, mailbox, why);
}

/* Publish one event that is the newest state of `key`. */
static inline void publish_key(struct world *w, const char *mailbox, const char *key,
                               const char *data)
{
    publish_with(w, mailbox, data, "key", key);
}

/* Publish one event that expires in so many seconds; below 0: that expired so long ago. */
static inline void publish_expiring(struct world *w, const char *mailbox, const char *data,
                                    int64_t seconds)
{
    char at[32];
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    snprintf(at, sizeof at, "%lld",
             (now.tv_sec + (long long)seconds) * 1000 + now.tv_nsec / 1000000);
    publish_with(w, mailbox, data, "expires_at", at);
}

/* ---- people ------------------------------------------------------------------------ */

/* Delete the events of a mailbox (NULL: of all) with an id in [from, to]. */
static inline void delete_events(struct world *w, const char *mailbox, int64_t from, int64_t to)
{
    w->half->delete_events(w, mailbox, from, to);
}

static inline void delete_all_events(struct world *w)
{
    delete_events(w, NULL, 1, INT64_MAX);
}

/* Have the log forget a mailbox (NULL: all), which must be empty. */
static inline const char *try_forget(struct world *w, const char *mailbox)
{
    return w->half->forget(w, mailbox);
}

static inline void forget(struct world *w, const char *mailbox)
{
    const char *why = try_forget(w, mailbox);
    if (why)
        fail_msg("to forget %s: %s", mailbox ? mailbox : "all", why);
}

/* Change a setting in the log. */
static inline const char *try_set(struct world *w, const char *name, const char *value)
{
    return w->half->set(w, name, value);
}

static inline void set(struct world *w, const char *name, const char *value)
{
    const char *why = try_set(w, name, value);
    if (why)
        fail_msg("%s = %s: %s", name, value, why);
}

/* The log's value of a setting; valid until the next call.  NULL: there is no such setting. */
static inline const char *value_of(struct world *w, const char *name)
{
    return w->half->value_of(w, name);
}

/* Give the log another epoch, as if ids had been given twice. */
static inline void renew(struct world *w)
{
    w->half->renew(w);
}

/* Delete a session by its id; NULL: every session. */
static inline void delete_session(struct world *w, const char *session_id)
{
    w->half->delete_session(w, session_id);
}

static inline int64_t count(struct world *w, enum counted what)
{
    return w->half->count(w, what);
}

/* How many events a mailbox keeps; -1: it is forgotten. */
static inline int64_t kept(struct world *w, const char *mailbox)
{
    return w->half->kept(w, mailbox);
}

/* Whether a person who looks at the session finds this value there. */
static inline bool session_has(struct world *w, const char *session_id, const char *what,
                               const char *value)
{
    return w->half->session_has(w, session_id, what, value);
}

/* A number that a person reads there, as when the session was created or last seen (milliseconds
 * since 1970). */
static inline int64_t session_number(struct world *w, const char *session_id, const char *what)
{
    return w->half->session_number(w, session_id, what);
}

/* The bookmark of a stream; -1: there is none. */
static inline int64_t position_of(struct world *w, int64_t stream)
{
    return w->half->position_of(w, stream);
}

/* Check that the log's books agree with its events. */
static inline void books_agree(struct world *w)
{
    w->half->books_agree(w);
}

/* ---- time -------------------------------------------------------------------------- */

/* Make all that was written until now look older by so many seconds. */
static inline void age(struct world *w, int64_t seconds)
{
    w->half->age(w, seconds);
}

/* A store that has more to do wants to go on within this time. */
enum { SOON_MS = 100 };

/* Let so much served time pass, and let everything expire that does by then. */
static inline enum store_result try_serve(struct world *w, int64_t seconds)
{
    int again_ms;
    w->settings->cleanup_interval = 1;
    enum store_result r = store_tend(w->store, w->settings, seconds * 1000, &again_ms);
    while (r == STORE_OK && again_ms < SOON_MS)
        r = store_tend(w->store, w->settings, 0, &again_ms);
    return r;
}

static inline void serve(struct world *w, int64_t seconds)
{
    enum store_result r = try_serve(w, seconds);
    if (r != STORE_OK)
        fail_msg("%lld s passed: %d, %s", (long long)seconds, r, store_why(w->store));
}

/* Do one piece of the janitor's work on the log, without a round of expiry.  True: there is more
 * to do.  TIDY_MS of served time pass, which count in the next round. */
enum { TIDY_MS = 5000 };
static inline bool tidy_a_piece(struct world *w)
{
    int again_ms;
    w->settings->cleanup_interval = 3600;
    enum store_result r = store_tend(w->store, w->settings, TIDY_MS, &again_ms);
    if (r != STORE_OK)
        fail_msg("store_tend gave %d: %s", r, store_why(w->store));
    return again_ms <= SOON_MS;
}

/* Do all of it. */
static inline void tidy(struct world *w)
{
    for (int pieces = 0; tidy_a_piece(w); pieces++)
        assert_true(pieces < 100);
}

/* Make it look as if the process that holds this stream had died. */
static inline void orphan(struct world *w, int64_t stream)
{
    w->half->orphan(w, stream);
}

/* Give the bookmark of this stream another epoch. */
static inline void foreign(struct world *w, int64_t stream)
{
    w->half->foreign(w, stream);
}

/* ---- what goes wrong --------------------------------------------------------------- */

/* Hold the write lock as another program, until released.  What the world publishes meanwhile is
 * written by that program, and can be read after the release.  Reading goes on. */
static inline void hold(struct world *w, enum part part)
{
    w->half->hold(w, part);
}

static inline void release(struct world *w, enum part part)
{
    w->half->release(w, part);
}

/* Leave the world's store no room to write more, or give it room again. */
static inline void fill_up(struct world *w, enum part part, bool full)
{
    w->half->fill_up(w, part, full);
}

/* Overwrite it, so that it is no database of ours any more. */
static inline void damage(struct world *w, enum part part)
{
    w->half->damage(w, part);
}

/* Remove it, and put nothing in its place. */
static inline void lose(struct world *w, enum part part)
{
    w->half->lose(w, part);
}

/* Put another log, new and empty, in the place of this one. */
static inline void replace(struct world *w)
{
    w->half->replace(w);
}

/* Put the log back to what it was before its newest n ids were given. */
static inline void put_back(struct world *w, int64_t n)
{
    w->half->put_back(w, n);
}

#endif
