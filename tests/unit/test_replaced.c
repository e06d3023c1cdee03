/* The log is replaced by another one in the middle of a call: while it is read, before what was
 * written is committed, and while it is. */
#include "tests/unit/store_world.h"

#include "store/sqlite/engine.h"

/* Another log waits beside the world's; at its moment it takes the place. */
static struct {
    char from[64], to[64];
    bool done;
} replacement;

static void prepare(struct world *w)
{
    struct store *s = NULL;
    struct store_end end;
    snprintf(replacement.from, sizeof replacement.from, "%s/new", w->dir);
    snprintf(replacement.to, sizeof replacement.to, "%s", w->log_path);
    replacement.done = false;
    assert_int_equal(store_open(&s, replacement.from), STORE_OK);
    assert_int_equal(store_where(s, &end), STORE_OK);
    assert_string_not_equal(end.epoch, w->epoch);
    store_close(s);
    sqlite3 *db = NULL; /* which copies the -wal into the file as it closes */
    assert_int_equal(sqlite3_open(replacement.from, &db), SQLITE_OK);
    assert_int_equal(world_number(db, "SELECT count(*) FROM events"), 0);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void replace_once(void)
{
    if (!replacement.done && rename(replacement.from, replacement.to) == 0)
        replacement.done = true;
}

static int64_t rows_at_the_path(const struct world *w)
{
    sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open(w->log_path, &db), SQLITE_OK);
    int64_t n = world_number(db, "SELECT count(*) FROM events");
    sqlite3_close(db);
    return n;
}

/* ---- reading ----------------------------------------------------------------------- */

static char epoch_read[EPOCH_SIZE];
static int rows_read;

static void begin(void *arg, const struct store_end *end)
{
    (void)arg;
    rows_read = 0;
    memcpy(epoch_read, end->epoch, sizeof epoch_read);
}

static enum store_taken row(void *arg, const struct event *e)
{
    (void)arg, (void)e;
    rows_read++;
    replace_once();
    return STORE_MORE;
}

static void test_a_log_that_is_replaced_while_it_is_read_fails_the_read_once(void **state)
{
    struct world *w = *state;
    struct store_sink sink = {NULL, begin, NULL, row};
    struct store_question q = {.after = 0};
    int64_t through;
    world_insert(w, 3);
    prepare(w);
    assert_int_equal(store_read(w->store, &q, &sink, &through), STORE_BUSY);
    assert_true(replacement.done);
    assert_non_null(strstr(store_why(w->store), "was just replaced or removed"));
    assert_int_equal(store_read(w->store, &q, &sink, &through), STORE_OK);
    assert_int_equal(rows_read, 0);
    assert_string_not_equal(epoch_read, w->epoch);
}

/* ---- writing ----------------------------------------------------------------------- */

static void replace_at_a_row(void *arg, int kind, const char *db, const char *table,
                             sqlite3_int64 id)
{
    (void)arg, (void)kind, (void)db, (void)table, (void)id;
    replace_once();
}

static int replace_at_the_commit(void *arg)
{
    (void)arg;
    replace_once();
    return 0;
}

static enum store_result append_one(struct world *w, struct appending *a, int64_t *id)
{
    *a = (struct appending){.ids = id,
                            .what = {.channel = "", .type = "n", .data = "x", .data_len = 1}};
    return store_append_all(w->store, &a, 1, STORE_PATIENCE_MS);
}

static void test_what_was_not_committed_yet_goes_into_the_new_log(void **state)
{
    struct world *w = *state;
    struct appending a;
    int64_t id = 0;
    world_insert(w, 3);
    prepare(w);
    sqlite3_update_hook(sqlite_of(w->store)->log.db, replace_at_a_row, NULL);
    assert_int_equal(append_one(w, &a, &id), STORE_OK);
    assert_true(replacement.done);
    assert_int_equal(a.result, STORE_OK);
    assert_int_equal(id, 1);
    assert_string_not_equal(a.epoch, w->epoch);
    assert_int_equal(rows_at_the_path(w), 1);
}

/* A second try might publish it twice, so there is none, and the publisher is told. */
static void test_what_may_be_committed_to_the_old_log_is_not_published_again(void **state)
{
    struct world *w = *state;
    struct appending a;
    int64_t id = 0;
    prepare(w);
    sqlite3_commit_hook(sqlite_of(w->store)->log.db, replace_at_the_commit, NULL);
    assert_int_equal(append_one(w, &a, &id), STORE_OK);
    assert_true(replacement.done);
    assert_int_equal(a.result, STORE_BUSY);
    assert_non_null(strstr(a.why, "what was written may be lost"));
    assert_int_equal(rows_at_the_path(w), 0);
    assert_int_equal(append_one(w, &a, &id), STORE_OK);
    assert_int_equal(a.result, STORE_OK);
    assert_int_equal(rows_at_the_path(w), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_log_that_is_replaced_while_it_is_read_fails_the_read_once),
        TEST(test_what_was_not_committed_yet_goes_into_the_new_log),
        TEST(test_what_may_be_committed_to_the_old_log_is_not_published_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
