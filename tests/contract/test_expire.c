/* Served time: who has been away for too long, and what goes with them. */
#include "tests/unit/store_world.h"

#include <fcntl.h>
#include <sys/wait.h>

/* A session that was there and left. */
static void visitor(struct world *w, char *token, char *id)
{
    struct claim *c = world_claim_token(w, NULL);
    strcpy(token, c->token);
    strcpy(id, c->session_id);
    world_end(w, c->stream_id, 0);
}

static void test_a_session_outlives_its_last_stream_by_buffer_ttl(void **state)
{
    struct world *w = *state;
    char token[SESSION_TOKEN_SIZE], id[SESSION_ID_SIZE];
    visitor(w, token, id);
    for (int i = 0; i < 3; i++)
        world_serve(w, 10);
    assert_int_equal(world_sessions(w), 1);
    world_serve(w, 10);
    assert_int_equal(world_sessions(w), 0);
    assert_false(world_claim_token(w, token)->reconnection);
}

static void test_nobody_expires_early_whenever_in_a_round_it_left(void **state)
{
    struct world *w = *state;
    char token[SESSION_TOKEN_SIZE], id[SESSION_ID_SIZE];
    w->settings->buffer_ttl = 5;
    visitor(w, token, id); /* it may have left just now: the round was 10 s */
    world_serve(w, 10);
    assert_int_equal(world_sessions(w), 1);
    world_serve(w, 10);
    assert_int_equal(world_sessions(w), 0);
}

static void test_an_outage_expires_nobody(void **state)
{
    struct world *w = *state;
    char token[SESSION_TOKEN_SIZE], id[SESSION_ID_SIZE];
    visitor(w, token, id);
    world_sql(w->log, "INSERT INTO events(session_id, data) VALUES ('%q', 'for you')", id);
    /* All times of a clock lie in the past; only served time counts. */
    world_sql(w->sessions, "UPDATE sessions SET created_at = 0, last_seen_at = 0");
    world_serve(w, 0);
    world_serve(w, 0);
    struct claim *c = world_claim_token(w, token);
    assert_true(c->reconnection);
    assert_int_equal(c->count, 1);
}

static void test_a_session_with_an_open_stream_stays(void **state)
{
    struct world *w = *state;
    char token[SESSION_TOKEN_SIZE];
    int64_t first = world_claim_token(w, NULL)->stream_id;
    strcpy(token, w->claim.token);
    world_claim_token(w, token);
    world_end(w, first, 0);
    for (int i = 0; i < 10; i++)
        world_serve(w, 60);
    assert_int_equal(world_sessions(w), 1);
    world_end(w, w->claim.stream_id, 0);
    for (int i = 0; i < 3; i++)
        world_serve(w, 30);
    assert_int_equal(world_sessions(w), 0);
}

static void test_who_comes_back_has_all_the_time_again(void **state)
{
    struct world *w = *state;
    char token[SESSION_TOKEN_SIZE], id[SESSION_ID_SIZE];
    visitor(w, token, id);
    world_serve(w, 20);
    world_claim_token(w, token);
    world_serve(w, 20);
    world_serve(w, 20);
    world_end(w, w->claim.stream_id, 0);
    world_serve(w, 20);
    world_serve(w, 20);
    assert_int_equal(world_sessions(w), 1);
    world_serve(w, 20);
    assert_int_equal(world_sessions(w), 0);
}

static void test_an_expired_session_takes_its_mailbox_and_its_bookmarks_along(void **state)
{
    struct world *w = *state;
    char token[SESSION_TOKEN_SIZE], id[SESSION_ID_SIZE];
    visitor(w, token, id);
    world_sql(w->log, "INSERT INTO events(session_id) VALUES ('%q'), ('%q'), ('other'), (NULL)",
              id, id);
    world_serve(w, 31);
    world_serve(w, 1);
    assert_int_equal(world_sessions(w), 0);
    assert_int_equal(world_number(w->sessions, "SELECT count(*) FROM streams"), 0);
    assert_int_equal(world_number(w->sessions, "SELECT count(*) FROM endings"), 0);
    assert_int_equal(world_number(w->log, "SELECT count(*) FROM events"), 2);
    assert_int_equal(
        world_number(w->log, "SELECT count(*) FROM events WHERE session_id = '%q'", id), 0);
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

static void test_sessions_expire_although_the_log_is_locked(void **state)
{
    struct world *w = *state;
    char token[SESSION_TOKEN_SIZE], id[SESSION_ID_SIZE];
    visitor(w, token, id);
    world_sql(w->log, "INSERT INTO events(session_id) VALUES ('%q')", id);
    world_serve(w, 31);
    world_sql(w->log, "BEGIN IMMEDIATE");
    bool more;
    assert_int_equal(store_expire(w->store, w->settings, 1000, &more), STORE_BUSY);
    assert_non_null(strstr(store_why(w->store), "locked"));
    world_sql(w->log, "COMMIT");
    assert_int_equal(world_sessions(w), 0);
    world_insert(w, 1); /* nothing of ours is left open */
}

static void test_sessions_expire_without_a_usable_log_and_it_is_told_why(void **state)
{
    struct world *w = *state;
    char token[SESSION_TOKEN_SIZE], id[SESSION_ID_SIZE];
    bool more;
    visitor(w, token, id);
    world_serve(w, 31);
    world_sql(w->log, "DROP TABLE rowcast_config");
    assert_int_not_equal(store_expire(w->store, w->settings, 1000, &more), STORE_OK);
    assert_non_null(strstr(store_why(w->store), "rowcast_config"));
    assert_int_equal(world_sessions(w), 0);
}

static void test_a_log_without_mail_for_the_expired_is_not_locked(void **state)
{
    struct world *w = *state;
    char token[SESSION_TOKEN_SIZE], id[SESSION_ID_SIZE];
    visitor(w, token, id);
    world_serve(w, 31);
    world_sql(w->log, "BEGIN IMMEDIATE");
    world_serve(w, 1);
    world_sql(w->log, "COMMIT");
    assert_int_equal(world_sessions(w), 0);
}

static void test_many_sessions_expire_in_one_round(void **state)
{
    struct world *w = *state;
    world_sql(
        w->sessions,
        "WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 1700) "
        "INSERT INTO sessions(id, token, created_at, last_seen_at, idle_since) "
        "SELECT printf('%%016x', i), printf('%%032x', i), 0, 0, 0 FROM n");
    world_serve(w, 31);
    assert_int_equal(world_sessions(w), 1700);
    world_serve(w, 1);
    assert_int_equal(world_sessions(w), 0);
}

static void test_a_bookmark_goes_after_buffer_ttl_although_its_session_stays(void **state)
{
    struct world *w = *state;
    char token[SESSION_TOKEN_SIZE], id[SESSION_ID_SIZE];
    visitor(w, token, id);
    struct claim_request r = world_request();
    const char *types[] = {"a"};
    r.token = token;
    r.types = types;
    r.type_count = 1;
    world_claim(w, &r);
    assert_int_equal(world_number(w->sessions, "SELECT count(*) FROM streams"), 2);
    world_serve(w, 31);
    world_serve(w, 1);
    assert_int_equal(world_sessions(w), 1);
    assert_int_equal(world_number(w->sessions, "SELECT count(*) FROM streams"), 1);
}

static void test_a_dead_responders_streams_end_and_their_sessions_time_runs(void **state)
{
    struct world *w = *state;
    pid_t child = fork();
    if (child == 0) {
        struct store *s;
        struct claim c;
        struct claim_request r = world_request();
        if (store_open(&s, w->log_path) != STORE_OK || store_join(s) != STORE_OK ||
            store_claim(s, w->settings, &r, &c) != STORE_OK || c.stream_id == 0)
            _exit(1);
        _exit(0); /* without a word, as when it is killed */
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    int64_t own = world_claim_token(w, NULL)->stream_id;
    assert_int_equal(world_number(w->sessions, "SELECT count(*) FROM responders"), 2);
    world_serve(w, 1);
    assert_int_equal(world_number(w->sessions, "SELECT count(*) FROM responders"), 1);
    assert_int_equal(world_number(w->sessions, "SELECT id FROM streams WHERE ended_at IS NULL"),
                     own);
    assert_int_equal(
        world_number(w->sessions, "SELECT count(*) FROM sessions WHERE idle_since IS NOT NULL"),
        1);
    world_serve(w, 31);
    world_serve(w, 1);
    assert_int_equal(world_sessions(w), 1);
}

static void test_streams_under_a_number_nobody_entered_end_too(void **state)
{
    struct world *w = *state;
    world_claim_token(w, NULL);
    world_sql(w->sessions, "UPDATE streams SET responder = 77");
    world_serve(w, 1);
    assert_int_equal(world_open_streams(w), 0);
}

static void test_the_dead_are_found_behind_any_number_of_living_responders(void **state)
{
    struct world *w = *state;
    struct flock living = {.l_type = F_WRLCK, .l_start = 2, .l_len = 600};
    char path[64];
    sprintf(path, "%s.leases", w->log_path);
    int fd = open(path, O_RDWR);
    assert_int_equal(fcntl(fd, F_OFD_SETLK, &living), 0);
    world_sql(w->sessions,
              "WITH RECURSIVE n(i) AS (VALUES (2) UNION ALL SELECT i + 1 FROM n WHERE i < 601) "
              "INSERT INTO responders SELECT i, 1, 1 FROM n");
    world_claim_token(w, NULL);
    world_sql(w->sessions, "UPDATE streams SET responder = 700");
    world_serve(w, 1);
    assert_int_equal(world_open_streams(w), 0);
    assert_int_equal(world_number(w->sessions, "SELECT count(*) FROM responders"), 601);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_session_outlives_its_last_stream_by_buffer_ttl),
        TEST(test_nobody_expires_early_whenever_in_a_round_it_left),
        TEST(test_an_outage_expires_nobody),
        TEST(test_a_session_with_an_open_stream_stays),
        TEST(test_who_comes_back_has_all_the_time_again),
        TEST(test_an_expired_session_takes_its_mailbox_and_its_bookmarks_along),
        TEST(test_mailboxes_go_no_more_than_a_hundred_rows_at_once),
        TEST(test_sessions_expire_although_the_log_is_locked),
        TEST(test_sessions_expire_without_a_usable_log_and_it_is_told_why),
        TEST(test_a_log_without_mail_for_the_expired_is_not_locked),
        TEST(test_many_sessions_expire_in_one_round),
        TEST(test_a_bookmark_goes_after_buffer_ttl_although_its_session_stays),
        TEST(test_a_dead_responders_streams_end_and_their_sessions_time_runs),
        TEST(test_streams_under_a_number_nobody_entered_end_too),
        TEST(test_the_dead_are_found_behind_any_number_of_living_responders),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
