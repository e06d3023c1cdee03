/* SQLite runs out of memory in every call of a store in turn, at its first allocation, its second,
 * and so on.  The call fails as what it is, or succeeds; the next one works. */
#include "tests/unit/sqlite_memory.h"
#include "tests/unit/store_world.h"

#include "store/sqlite/engine.h"

static void begin(void *arg, const struct store_end *end)
{
    (void)arg, (void)end;
}

static void hole(void *arg, const char *mailbox, int64_t trimmed_to)
{
    (void)arg, (void)mailbox, (void)trimmed_to;
}

static enum store_taken row(void *arg, const struct event *e)
{
    (void)arg, (void)e;
    return STORE_MORE;
}

static enum store_result read_rows(struct store *s, struct subscription *only)
{
    struct store_sink sink = {NULL, begin, hole, row};
    struct store_question q = {.after = 0, .only = only};
    int64_t through;
    return store_read(s, &q, &sink, &through);
}

static enum store_result call_where(struct world *w, struct store *s)
{
    struct store_end end;
    (void)w;
    return store_where(s, &end);
}

static enum store_result call_read_all(struct world *w, struct store *s)
{
    (void)w;
    return read_rows(s, NULL);
}

static enum store_result call_read_some(struct world *w, struct store *s)
{
    return read_rows(s, w->claim.subscription);
}

static enum store_result call_survey(struct world *w, struct store *s)
{
    const struct survey_question q = {
        .only = w->claim.subscription, .newest = 2, .since = SURVEY_END};
    struct survey v;
    return sqlite_survey(s, &q, &v);
}

static enum store_result call_settings(struct world *w, struct store *s)
{
    struct settings *newer = NULL;
    enum store_result r = store_settings_newer(s, NULL, &newer);
    (void)w;
    settings_unref(newer);
    return r;
}

static enum store_result call_claim_waits(struct world *w, struct store *s)
{
    struct claim_request r = some_request();
    struct claim_open open;
    r.token = w->claim.token;
    return store_claim_waits(s, &r, &open);
}

static void history_begin(void *arg, const char *epoch)
{
    (void)arg, (void)epoch;
}

static bool history_event(void *arg, const struct event *e)
{
    (void)arg, (void)e;
    return true;
}

static enum store_result call_history(struct world *w, struct store *s)
{
    const struct history_sink sink = {NULL, history_begin, history_event};
    struct claim_request r = some_request();
    struct history h;
    r.token = w->claim.token;
    r.start = START_EARLIEST;
    return store_history(s, w->settings, &r, 100, &sink, &h);
}

static enum store_result call_save(struct world *w, struct store *s)
{
    struct bookmark b = world_bookmark(w, w->claim.stream_id, 1);
    return store_save(s, &b, 1);
}

static enum store_result call_ended(struct world *w, struct store *s)
{
    struct bookmark b = world_bookmark(w, w->claim.stream_id, 1);
    b.in_vain = true;
    return store_ended(s, &b, 1);
}

static enum store_result call_beat(struct world *w, struct store *s)
{
    int64_t ids[2];
    size_t n;
    (void)w;
    return store_beat(s, ids, 2, &n);
}

static enum store_result call_disconnect(struct world *w, struct store *s)
{
    enum store_result r = store_disconnect(s, w->claim.session_id);
    return r == STORE_UNKNOWN ? STORE_OK : r; /* an earlier try ended it */
}

static enum store_result call_expire(struct world *w, struct store *s)
{
    int again_ms;
    return store_tend(s, w->settings, 3600000, &again_ms);
}

/* It does not fail, but tries again: so what it says is that there is more to do. */
static enum store_result call_retain(struct world *w, struct store *s)
{
    int again_ms;
    return store_tend(s, w->settings, 5000, &again_ms);
}

/* The numbers of the sessions are not known then. */
static enum store_result call_stats(struct world *w, struct store *s)
{
    struct store_stats stats;
    enum store_result r = store_stats(s, &stats);
    (void)w;
    return r == STORE_OK && stats.sessions < 0 ? STORE_NOMEM : r;
}

static enum store_result call_upkeep(struct world *w, struct store *s)
{
    bool worked;
    (void)w;
    sqlite_of(s)->wal_looked_at = 0;
    return store_upkeep(s, &worked);
}

static const struct {
    const char *name;
    enum store_result (*call)(struct world *w, struct store *s);
} calls[] = {
    {"where", call_where},   {"read_all", call_read_all}, {"read_some", call_read_some},
    {"survey", call_survey}, {"settings", call_settings}, {"claim_waits", call_claim_waits},
    {"save", call_save},     {"beat", call_beat},         {"stats", call_stats},
    {"upkeep", call_upkeep}, {"retain", call_retain},     {"disconnect", call_disconnect},
    {"ended", call_ended},   {"expire", call_expire},     {"history", call_history},
};

/* Each try has a store of its own.  `warm`: its files are open, and its statements prepared. */
static bool fails_as_it_should(struct world *w, size_t i, long n, bool warm, bool *ran_out)
{
    struct store *s = NULL;
    if (store_open(&s, w->log_path) != STORE_OK)
        return false;
    if (warm)
        (void)calls[i].call(w, s);
    sqlite_memory_fail(n, true);
    enum store_result r = calls[i].call(w, s);
    *ran_out = sqlite_memory_mend();
    bool right = r == STORE_OK || (*ran_out && r == STORE_NOMEM);
    if (!right)
        fprintf(stderr, "%s, allocation %ld: %d, %s\n", calls[i].name, n, r, store_why(s));
    r = calls[i].call(w, s);
    if (r != STORE_OK)
        fprintf(stderr, "%s, after allocation %ld: %d, %s\n", calls[i].name, n, r,
                store_why(s));
    store_close(s);
    return right && r == STORE_OK;
}

/* Events that are due.  They stay, because the clock looks as if it had been set ahead by a day. */
static void insert_due(struct world *w)
{
    world_sql(w->log, "UPDATE rowcast_clock SET believed_at = believed_at - 86400000, "
                      "seen_at = seen_at - 86400000; "
                      "INSERT INTO events(expires_at) SELECT believed_at + 86340000 "
                      "FROM rowcast_clock, (VALUES (1), (2), (3), (4), (5))");
    assert_int_equal(world_number(w->log, "SELECT count(*) FROM events"), 8);
}

static int run_out_in_every_call(void)
{
    void *state;
    sqlite_memory_replace();
    sqlite3_config(SQLITE_CONFIG_LOOKASIDE, 0, 0);
    world_setup(&state);
    struct world *w = state;
    world_insert(w, 3);
    world_claim_token(w, NULL);
    insert_due(w);
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++)
        for (int warm = 0; warm < 2; warm++) {
            bool ran_out = true;
            for (long n = 1; ran_out;
                 n += warm ? 1 : 1 + n / 8) /* opening asks for thousands */
                if (!fails_as_it_should(w, i, n, warm, &ran_out))
                    return 3;
        }
    world_teardown(&state);
    return 0;
}

static void test_a_call_without_memory_fails_and_the_next_one_works(void **state)
{
    (void)state;
    assert_int_equal(sqlite_memory_process(), 0);
}

int main(int argc, char **argv)
{
    (void)argv;
    if (argc > 1)
        return run_out_in_every_call();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_call_without_memory_fails_and_the_next_one_works),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
