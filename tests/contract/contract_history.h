/* Asking a world what happened, without a stream. */
#ifndef ROWCAST_TESTS_CONTRACT_HISTORY_H
#define ROWCAST_TESTS_CONTRACT_HISTORY_H

#include "store/engine.h"
#include "tests/contract/contract_claims.h"

/* The newest answer. */
struct told {
    struct history is;
    char ids[65536]; /* "1 2 3" */
    int begun;
    int room; /* how many events there is memory for; 0: for all */
    int events;
    size_t bytes;
    struct event last; /* its strings are not valid */
    char type[64];
};

static struct told the_told;

static void told_begin(void *arg, const char *epoch)
{
    struct told *t = arg;
    assert_true(epoch_is_sound(epoch));
    t->ids[0] = '\0';
    t->events = 0;
    t->bytes = 0;
    t->begun++;
}

static bool told_event(void *arg, const struct event *e)
{
    struct told *t = arg;
    size_t n = strlen(t->ids);
    if (t->room > 0 && t->events == t->room)
        return false;
    snprintf(t->ids + n, sizeof t->ids - n, "%s%lld", n > 0 ? " " : "", (long long)e->id);
    snprintf(t->type, sizeof t->type, "%s", e->type);
    t->events++;
    t->bytes += e->data_len;
    t->last = *e;
    return true;
}

static inline enum store_result try_history(struct world *w, const struct claim_request *r,
                                            int64_t limit)
{
    const struct history_sink sink = {&the_told, told_begin, told_event};
    the_told.begun = 0;
    return store_history(w->store, w->settings, r, limit, &sink, &the_told.is);
}

/* Ask; the answer is the_told, and its ids are returned, until the next call. */
static inline const char *history(struct world *w, const struct claim_request *r, int64_t limit)
{
    enum store_result result = try_history(w, r, limit);
    if (result != STORE_OK)
        fail_msg("store_history gave %d: %s", result, store_why(w->store));
    assert_string_equal(store_why(w->store), "");
    return the_told.ids;
}

/* Ask for the newest. */
static inline const char *newest(struct world *w, int64_t limit)
{
    struct claim_request r = some_request();
    r.start = START_NEWEST;
    r.newest = limit;
    return history(w, &r, limit);
}

/* Ask for what follows an id. */
static inline const char *history_after(struct world *w, int64_t id, int64_t limit)
{
    struct claim_request r = request_from(w, id);
    return history(w, &r, limit);
}

/* Something that happens between the survey and the reading, once. */
struct meanwhile {
    const struct store_engine *real;
    struct store_engine engine;
    void (*happens)(struct world *w);
    struct world *world;
    int times; /* how often it is to happen */
};

static struct meanwhile the_meanwhile;

static enum store_result survey_then(struct store *s, const struct survey_question *q,
                                     struct survey *out)
{
    struct meanwhile *m = &the_meanwhile;
    enum store_result r = m->real->survey(s, q, out);
    if (m->times-- > 0)
        m->happens(m->world);
    return r;
}

static inline void let_happen(struct world *w, void (*happens)(struct world *w), int times)
{
    struct meanwhile *m = &the_meanwhile;
    *m = (struct meanwhile){w->store->engine, *w->store->engine, happens, w, times};
    m->engine.survey = survey_then;
    w->store->engine = &m->engine;
}

#endif
