/* Reading the log of a world, and turning what was read into text that a test can compare. */
#ifndef ROWCAST_TESTS_CONTRACT_LOG_H
#define ROWCAST_TESTS_CONTRACT_LOG_H

#include "tests/contract/contract_world.h"

/* What a read gave. */
struct reading {
    /* Ids as "1 2 3", a hole as "hole:room<7", that of forgotten mailboxes as "hole:?<7". */
    char rows[65536];
    struct store_end end;
    int64_t through;
    int most; /* take so many rows at most; 0: all */
    int taken, begun;
    enum store_taken at_most; /* the answer to the last of them */
};

static struct reading the_reading;

__attribute__((format(printf, 1, 2))) static inline void note_row(const char *format, ...)
{
    size_t n = strlen(the_reading.rows);
    va_list args;
    va_start(args, format);
    vsnprintf(the_reading.rows + n, sizeof the_reading.rows - n, format, args);
    va_end(args);
}

static void take_end(void *arg, const struct store_end *end)
{
    struct reading *r = arg;
    assert_string_equal(r->rows, ""); /* `begin` comes first, and once */
    assert_int_equal(r->begun++, 0);
    r->end = *end;
}

static enum store_taken take_row(void *arg, const struct event *e)
{
    struct reading *r = arg;
    bool last = r->most && ++r->taken == r->most;
    if (last && r->at_most == STORE_ENOUGH)
        return STORE_ENOUGH;
    note_row("%s%lld", *r->rows ? " " : "", (long long)e->id);
    return last ? r->at_most : STORE_MORE;
}

static void take_hole(void *arg, const char *mailbox, int64_t trimmed_to)
{
    struct reading *r = arg;
    note_row("%shole:%s<%lld", *r->rows ? " " : "", mailbox ? mailbox : "?",
             (long long)trimmed_to);
}

/* Ask, and put the answer into the_reading. */
static inline enum store_result try_read(struct world *w, const struct store_question *q)
{
    struct reading *r = &the_reading;
    struct store_sink sink = {r, take_end, take_hole, take_row};
    r->rows[0] = '\0';
    r->taken = r->begun = 0;
    enum store_result result = store_read(w->store, q, &sink, &r->through);
    if (result == STORE_OK)
        assert_int_equal(r->begun, 1);
    return result;
}

/* Holes and ids after `after`, in the mailboxes of `only` (NULL: in all), as text that is valid
 * until the next call. */
static inline const char *read_ids(struct world *w, int64_t after, struct subscription *only)
{
    struct store_question q = {.after = after, .only = only};
    enum store_result result = try_read(w, &q);
    if (result != STORE_OK)
        fail_msg("store_read gave %d: %s", result, store_why(w->store));
    return the_reading.rows;
}

/* Read the first event after `after`, and have `row` look at it. */
static inline void read_first(struct world *w, int64_t after, struct subscription *only,
                              enum store_taken (*row)(void *arg, const struct event *e))
{
    struct store_question q = {.after = after, .only = only};
    struct store_sink sink = {&the_reading, take_end, take_hole, row};
    int64_t through;
    the_reading.rows[0] = '\0';
    the_reading.begun = 0;
    assert_int_equal(store_read(w->store, &q, &sink, &through), STORE_OK);
}

/* A copy of an event's text and mailbox; longer ones are cut. */
struct seen {
    int64_t id, created_at, expires_at;
    char data[64], type[32], mailbox[32], key[32]; /* key "": none */
    size_t data_len;
    bool is_object;
};

static struct seen the_seen;

static enum store_taken look_at(void *arg, const struct event *e)
{
    struct seen *s = &the_seen;
    (void)arg;
    *s = (struct seen){.id = e->id,
                       .created_at = e->created_at,
                       .expires_at = e->expires_at,
                       .data_len = e->data_len,
                       .is_object = e->is_object};
    memcpy(s->data, e->data, e->data_len < sizeof s->data ? e->data_len : sizeof s->data - 1);
    snprintf(s->type, sizeof s->type, "%s", e->type);
    snprintf(s->mailbox, sizeof s->mailbox, "%s", e->mailbox);
    snprintf(s->key, sizeof s->key, "%s", e->key ? e->key : "");
    return STORE_LAST;
}

/* The first event after `after`; its id is 0 if there is none. */
static inline const struct seen *first_after(struct world *w, int64_t after,
                                             struct subscription *only)
{
    the_seen = (struct seen){0};
    read_first(w, after, only, look_at);
    return &the_seen;
}

static inline void expect_event(struct world *w, int64_t id, const char *data)
{
    assert_int_equal(first_after(w, id - 1, NULL)->id, id);
    assert_string_equal(the_seen.data, data);
}

/* Wait for something that is not in the newest reading. */
static inline void wait_for_more(struct world *w, int timeout_ms)
{
    assert_int_equal(store_wait(w->store, the_reading.through, timeout_ms), STORE_OK);
}

#endif
