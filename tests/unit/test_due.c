/* What a claim knows of events that are due, and how much of that it looks at. */
#include "tests/unit/log_world.h"

#include "store/sqlite/due.h"
#include "store/sqlite/engine.h"
#include "store/sqlite/mailboxes.h"

#define NOW "CAST(round((julianday('now') - 2440587.5) * 86400000) AS INTEGER)"

static int64_t oldest_kept(struct log_world *w, const struct subscription *sub,
                           const struct due *d, int64_t after)
{
    int64_t oldest;
    assert_int_equal(mailboxes_oldest(sqlite_of(w->store), sub, d, after, &oldest), STORE_OK);
    return oldest;
}

static int64_t before_newest(struct log_world *w, const struct subscription *sub,
                             const struct due *d, int64_t n)
{
    int64_t at;
    assert_int_equal(mailboxes_newest(sqlite_of(w->store), sub, d, INT64_MAX, n, &at),
                     STORE_OK);
    return at;
}

/* Of more than that, those that became due first count as kept: so a stream begins early rather than
 * late. */
static void test_so_many_events_that_are_due_are_listed_and_no_more(void **state)
{
    enum { DUE = CLAIM_ROWS_MAX + 10, END = DUE + 2 };
    struct log_world *w = *state;
    struct subscription *sub = subscription_new(NULL, NULL, 0, NULL, 0);
    struct store_end end;
    struct due d;
    log_set(w, "buffer_size", 1000000);
    log_set(w, "buffer_bytes", 0);
    log_insert(w, 1);
    log_sql(w,
            "WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < %d) "
            "INSERT INTO events(expires_at) SELECT " NOW " + 600000 + i FROM n",
            DUE);
    log_insert(w, 1);
    assert_int_equal(store_where(w->store, &end), STORE_OK);
    assert_int_equal(due_find(sqlite_of(w->store), sub, INT64_MAX, &d), STORE_OK);
    assert_int_equal(d.rows, CLAIM_ROWS_MAX);
    assert_int_equal(due_count(&d, 0), CLAIM_ROWS_MAX);
    assert_false(due_has(&d, 11));
    assert_true(due_has(&d, 12));
    assert_true(due_has(&d, END - 1));
    assert_int_equal(oldest_kept(w, sub, &d, 1), 2);
    assert_int_equal(oldest_kept(w, sub, &d, 11), END);
    assert_int_equal(before_newest(w, sub, &d, 1), END - 1);
    assert_int_equal(before_newest(w, sub, &d, 2), END - CLAIM_ROWS_MAX); /* looks no further */
    due_free(&d);
    subscription_free(sub);
}

static void test_what_is_due_is_found_by_its_id_and_counted_by_its_type(void **state)
{
    const char *types[] = {"a"};
    struct log_world *w = *state;
    struct subscription *sub = subscription_new("s", NULL, 0, types, 1);
    struct store_end end;
    struct due d;
    log_sql(w, "INSERT INTO events(session_id, channel, type, expires_at) SELECT column1, "
               "column2, column3, " NOW " + 60000 FROM (VALUES (NULL, '', 'a'), "
               "(NULL, '', 'b'), ('s', '', 'a'), ('t', '', 'a'), (NULL, 'room', 'a'), "
               "(NULL, '', 'a'))");
    log_insert(w, 1);
    assert_int_equal(store_where(w->store, &end), STORE_OK);
    int64_t now = log_number(w, "SELECT " NOW);
    assert_int_equal(due_find(sqlite_of(w->store), sub, now, &d), STORE_OK);
    assert_int_equal(d.rows, 0);
    assert_false(due_has(&d, 1));
    assert_int_equal(due_count(&d, 0), 0);
    assert_int_equal(due_find(sqlite_of(w->store), sub, now + 100000, &d), STORE_OK);
    static const bool listed[] = {false, true, true, true, false, false, true, false};
    for (int64_t id = 0; id < 8; id++)
        assert_int_equal(due_has(&d, id), listed[id]);
    static const int64_t counted[] = {3, 2, 2, 1, 1, 1, 0, 0};
    for (int64_t at = 0; at < 8; at++)
        assert_int_equal(due_count(&d, at), counted[at]);
    due_free(&d);
    subscription_free(sub);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LOG_TEST(test_so_many_events_that_are_due_are_listed_and_no_more),
        LOG_TEST(test_what_is_due_is_found_by_its_id_and_counted_by_its_type),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
