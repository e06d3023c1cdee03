/* What holds for the sessions of SQLite alone: what their file says, and in which slices the
 * janitor works on it. */
#include "tests/unit/store_world.h"

static void test_saving_tells_how_far_the_log_was_seen(void **state)
{
    struct world *w = *state;
    struct store *other;
    struct store_end end;
    assert_int_equal(store_save(w->store, NULL, 0), STORE_OK);
    int64_t had = world_number(w->sessions, "SELECT last_id FROM state");
    world_insert(w, 1);
    assert_int_equal(store_open(&other, w->log_path), STORE_OK);
    assert_int_equal(store_where(other, &end), STORE_OK); /* whichever store of ours saw it */
    assert_int_equal(end.last_id, had + 1);
    assert_int_equal(store_save(w->store, NULL, 0), STORE_OK);
    assert_int_equal(world_number(w->sessions, "SELECT last_id FROM state"), had + 1);
    world_sql(w->sessions, "UPDATE state SET last_id = 99");
    assert_int_equal(store_save(w->store, NULL, 0), STORE_OK); /* there is nothing new */
    assert_int_equal(world_number(w->sessions, "SELECT last_id FROM state"), 99);
    store_close(other);
}

/* A session that was there and left. */
static void visitor(struct world *w, char *token, char *id)
{
    struct claim *c = world_claim_token(w, NULL);
    strcpy(token, c->token);
    strcpy(id, c->session_id);
    world_end(w, c->stream_id, 0);
}

static void test_mailboxes_go_no_more_than_a_hundred_rows_at_once(void **state)
{
    struct world *w = *state;
    char token[SESSION_TOKEN_SIZE], id[2][SESSION_ID_SIZE];
    for (int i = 0; i < 2; i++) {
        visitor(w, token, id[i]);
        world_sql(
            w->log,
            "WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 70) "
            "INSERT INTO events(session_id) SELECT '%q' FROM n",
            id[i]);
    }
    world_serve(w, 31);
    world_serve(w, 1);
    assert_int_equal(world_sessions(w), 0);
    assert_int_equal(world_number(w->log, "SELECT count(*) FROM events"), 40);
}

/* A position that no stream of ours saved: the client gets too much rather than too little. */
static void test_a_bookmark_that_was_edited_below_zero_skips_nothing(void **state)
{
    struct world *w = *state;
    char token[SESSION_TOKEN_SIZE], id[SESSION_ID_SIZE];
    world_insert(w, 3);
    visitor(w, token, id);
    world_sql(w->sessions, "UPDATE streams SET position = -5");
    struct claim *c = world_claim_token(w, token);
    assert_true(c->reconnection);
    assert_int_equal(c->cursor, 0);
    assert_int_equal(c->count, 3);
    assert_int_equal(world_number(w->sessions, "SELECT count(*) FROM streams"), 1); /* taken */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_saving_tells_how_far_the_log_was_seen),
        TEST(test_mailboxes_go_no_more_than_a_hundred_rows_at_once),
        TEST(test_a_bookmark_that_was_edited_below_zero_skips_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
