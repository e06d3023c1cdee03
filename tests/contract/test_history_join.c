/* History, and a stream that begins where it ended, together give each event once: whatever is
 * asked for, in however many answers, while rows come in. */
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
    unsigned char got[ROWS_MAX + 1]; /* how often */
};

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

static void stream_hole(void *arg, const char *mailbox, int64_t trimmed_to)
{
    (void)arg, (void)trimmed_to;
    fail_msg("nothing was trimmed, but %s is said to have been", mailbox);
}

static enum store_taken stream_row(void *arg, const struct event *e)
{
    struct joining *j = arg;
    if (subscription_wants(j->world->claim.subscription, e->type))
        j->got[e->id]++;
    return STORE_MORE;
}

/* What a stream that begins at `after` is sent. */
static void stream_from(struct joining *j, int64_t after)
{
    struct claim_request r = ask(j, after);
    struct claim *c = claim(j->world, &r);
    const struct store_question q = {.after = c->cursor, .only = c->subscription};
    const struct store_sink sink = {j, stream_begin, stream_hole, stream_row};
    int64_t through;
    expect_no_gap(c);
    publish_at_random(j, pick(3));
    assert_int_equal(store_read(j->world->store, &q, &sink, &through), STORE_OK);
}

/* One client: some answers, rows that come meanwhile, then a stream.  It gets all after `from`. */
static void join_once(struct joining *j)
{
    int64_t from = pick((int)j->rows + 1), next = from;
    memset(j->got, 0, sizeof j->got);
    j->channels = (size_t)pick(CHANNELS + 1);
    j->types = (size_t)pick(4);
    j->as_session = pick(2) == 1;
    for (int steps = pick(STEPS_MAX) + 1; steps > 0; steps--) {
        struct claim_request r = ask(j, next);
        count_ids(j, history(j->world, &r, 1 + pick(50)));
        assert_int_equal(the_told.is.gap, GAP_NONE);
        assert_true(the_told.is.next >= next);
        next = the_told.is.next;
        publish_at_random(j, pick(4));
    }
    stream_from(j, next);
    for (int64_t id = 1; id <= j->rows; id++)
        if (j->got[id] != (id > from && is_wanted(j, id) ? 1 : 0))
            fail_msg("event %lld came %d times; it began after %lld, and the stream after %lld",
                     (long long)id, j->got[id], (long long)from, (long long)next);
}

static void test_history_and_a_stream_give_each_event_once(void **state)
{
    static struct joining j;
    const char *seed = getenv("ROWCAST_SEED");
    j.world = *state;
    srand(seed ? (unsigned)strtoul(seed, NULL, 10) : 14);
    set(j.world, "buffer_size", "100000");
    for (int i = 0; i < 2 * CHANNELS; i++)
        snprintf(j.channel[i], sizeof j.channel[i], "room-%d", i);
    for (int i = 0; i < CHANNELS; i++)
        j.asked[i] = j.channel[i];
    remember_session(j.world, j.token, j.session, 0);
    publish_at_random(&j, 500);
    for (int i = 0; i < ROUNDS; i++)
        join_once(&j);
    assert_in_range(j.rows, 1000, ROWS_MAX - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_TTL(test_history_and_a_stream_give_each_event_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
