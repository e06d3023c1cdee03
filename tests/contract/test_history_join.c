/* History, and a stream that begins where it ended, together give each event once, or tell that it
 * is missing: whatever is asked for, in however many answers, while rows come in and go. */
#include "tests/contract/contract_history.h"

enum { CHANNELS = 64, ROUNDS = 300, STEPS_MAX = 6, ROWS_MAX = 20000 };

/* A list of what was published, to compare with. */
struct published {
    int channel; /* -1: everyone, -2: the session */
    int type;
};

struct joining {
    struct world *world;
    struct published row[ROWS_MAX + 1]; /* by id */
    int64_t rows;
    char channel[2 * CHANNELS][16]; /* the second half is never asked for */
    const char *asked[CHANNELS];
    size_t channels, types;
    char token[SESSION_TOKEN_SIZE], session[SESSION_ID_SIZE];
    bool as_session;
    bool trims;                       /* rows are deleted, too */
    unsigned char got[ROWS_MAX + 1];  /* how often */
    unsigned char told[ROWS_MAX + 1]; /* it was told that events are missing here */
};

static struct joining the_joining;

static const char *const all_types[] = {"a", "b", "c"};

static int pick(int n)
{
    return rand() % n;
}

static void publish_at_random(struct joining *j, int n)
{
    for (; n > 0 && j->rows < ROWS_MAX; n--) {
        struct published p = {pick(2 * CHANNELS + 2) - 2, pick(3)};
        char own[SESSION_ID_SIZE + 1];
        snprintf(own, sizeof own, "@%s", j->session);
        publish(j->world,
                p.channel == -2 ? own
                : p.channel < 0 ? ""
                                : j->channel[p.channel],
                all_types[p.type], "x", 1);
        j->row[++j->rows] = p;
    }
}

static void delete_at_random(struct joining *j)
{
    int64_t from = j->rows - pick(80);
    if (pick(3) == 0)
        delete_events(j->world, NULL, from, from + pick(10));
}

static void mark_told(struct joining *j, int64_t after, int64_t through)
{
    for (int64_t id = after + 1; id <= through; id++)
        j->told[id] = 1;
}

static bool is_wanted(const struct joining *j, int64_t id)
{
    const struct published *p = &j->row[id];
    bool listens = p->channel == -2   ? j->as_session
                   : p->channel == -1 ? true
                                      : p->channel < (int)j->channels;
    return listens && (j->types == 0 || p->type < (int)j->types);
}

static struct claim_request ask(struct joining *j, int64_t after)
{
    struct claim_request r = request_from(j->world, after);
    r.channels = j->asked;
    r.channel_count = j->channels;
    r.types = all_types;
    r.type_count = j->types;
    r.token = j->as_session ? j->token : NULL;
    return r;
}

static void count_ids(struct joining *j, const char *ids)
{
    char *rest;
    for (long long id = strtoll(ids, &rest, 10); rest != ids; id = strtoll(ids, &rest, 10)) {
        j->got[id]++;
        ids = rest;
    }
}

static void stream_begin(void *arg, const struct store_end *end)
{
    (void)arg, (void)end;
}

/* A stream that is told of a hole cannot say where in it events are missing. */
static void stream_hole(void *arg, const char *mailbox, int64_t trimmed_to)
{
    struct joining *j = arg;
    const struct mailbox *m =
        subscription_find(j->world->claim.subscription, mailbox_hash(mailbox), mailbox);
    assert_non_null(m);
    if (trimmed_to > m->told_to)
        mark_told(j, j->world->claim.cursor, j->rows);
}

static enum store_taken stream_row(void *arg, const struct event *e)
{
    struct joining *j = arg;
    if (subscription_wants(j->world->claim.subscription, e->type))
        j->got[e->id]++;
    return STORE_MORE;
}

static void something_happens(struct world *w)
{
    (void)w;
    publish_at_random(&the_joining, pick(3));
    delete_at_random(&the_joining);
}

/* What a stream that begins at `after` is sent. */
static void stream_from(struct joining *j, int64_t after)
{
    struct claim_request r = ask(j, after);
    struct claim *c = claim(j->world, &r);
    const struct store_question q = {.after = c->cursor, .only = c->subscription};
    const struct store_sink sink = {j, stream_begin, stream_hole, stream_row};
    int64_t through;
    if (c->gap != GAP_NONE)
        mark_told(j, after, c->until); /* whatever left until now is told once */
    publish_at_random(j, pick(3));
    assert_int_equal(store_read(j->world->store, &q, &sink, &through), STORE_OK);
}

/* An answer; returns where the next one begins. */
static int64_t look(struct joining *j, int64_t after)
{
    struct claim_request r = ask(j, after);
    if (j->trims)
        let_happen(j->world, something_happens, 1);
    count_ids(j, history(j->world, &r, 1 + pick(50)));
    if (j->trims)
        j->world->store->engine = the_meanwhile.real;
    assert_in_range(the_told.is.next, after, j->rows);
    if (the_told.is.gap != GAP_NONE) {
        assert_int_equal(the_told.is.gap, GAP_TRIMMED);
        assert_int_equal(the_told.is.gap_from, after);
        mark_told(j, after, the_told.is.next);
    }
    return the_told.is.next;
}

static void expect_all_after(const struct joining *j, int64_t from, int64_t stream)
{
    for (int64_t id = 1; id <= j->rows; id++) {
        int wanted = id > from && is_wanted(j, id);
        bool missing = j->trims && wanted && j->told[id];
        if (j->got[id] != wanted && !(missing && j->got[id] == 0))
            fail_msg("event %lld came %d times; it began after %lld, and the stream after %lld",
                     (long long)id, j->got[id], (long long)from, (long long)stream);
        if (!j->trims)
            assert_int_equal(j->told[id], 0);
    }
}

/* One client: some answers, rows that come meanwhile, then a stream.  It gets all after `from`. */
static void join_once(struct joining *j)
{
    int64_t from = pick((int)j->rows + 1), next = from;
    memset(j->got, 0, sizeof j->got);
    memset(j->told, 0, sizeof j->told);
    j->channels = (size_t)pick(CHANNELS + 1);
    j->types = (size_t)pick(4);
    j->as_session = pick(2) == 1;
    for (int steps = pick(STEPS_MAX) + 1; steps > 0; steps--) {
        next = look(j, next);
        publish_at_random(j, pick(4));
        if (j->trims)
            delete_at_random(j);
    }
    stream_from(j, next);
    expect_all_after(j, from, next);
}

static void join_often(struct world *w, bool trims)
{
    struct joining *j = &the_joining;
    const char *seed = getenv("ROWCAST_SEED");
    *j = (struct joining){.world = w, .trims = trims};
    srand(seed ? (unsigned)strtoul(seed, NULL, 10) : 14);
    set(w, "buffer_size", trims ? "10" : "100000");
    for (int i = 0; i < 2 * CHANNELS; i++)
        snprintf(j->channel[i], sizeof j->channel[i], "room-%d", i);
    for (int i = 0; i < CHANNELS; i++)
        j->asked[i] = j->channel[i];
    remember_session(w, j->token, j->session, 0);
    publish_at_random(j, 500);
    for (int i = 0; i < ROUNDS; i++)
        join_once(j);
    assert_in_range(j->rows, 1000, ROWS_MAX - 1);
}

static void test_history_and_a_stream_give_each_event_once(void **state)
{
    join_often(*state, false);
}

static void test_what_went_meanwhile_is_told_and_the_rest_comes_once(void **state)
{
    join_often(*state, true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_TTL(test_history_and_a_stream_give_each_event_once),
        WITH_TTL(test_what_went_meanwhile_is_told_and_the_rest_comes_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
