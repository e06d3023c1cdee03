#include "tests/unit/log_world.h"

#include <sys/wait.h>

/* Call until it has no more to do; how often it wrote is bounded by what there was. */
static int retain(struct log_world *w, struct settings *settings)
{
    bool more = true;
    int calls = 0;
    for (; more; calls++) {
        enum store_result r = store_retain(w->store, settings, &more);
        if (r != STORE_OK)
            fail_msg("store_retain gave %d: %s", r, store_why(w->store));
        assert_true(calls < 100);
    }
    return calls;
}

/* Events that are older than anything, which only buffer_age = 0 lets in. */
static void insert_old(struct log_world *w, const char *column, const char *value, int n)
{
    log_set(w, "buffer_age", 0);
    log_sql(w,
            "WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < %d) "
            "INSERT INTO events(%s, created_at) SELECT '%s', 100000000000 FROM n",
            n, column, value);
    log_sql(w, "UPDATE rowcast_channels SET last_at = 1");
}

static void test_expired_events_go_by_a_hundred_a_call_while_nobody_inserts(void **state)
{
    struct log_world *w = *state;
    struct settings *s = settings_new();
    bool more;
    insert_old(w, "channel", "", 250);
    assert_int_equal(store_retain(w->store, s, &more), STORE_OK); /* somebody just inserted */
    assert_true(more);
    assert_int_equal(log_number(w, "SELECT count(*) FROM events"), 250);
    assert_int_equal(store_retain(w->store, s, &more), STORE_OK);
    assert_true(more);
    assert_int_equal(log_number(w, "SELECT count(*) FROM events"), 150);
    retain(w, s);
    assert_int_equal(log_number(w, "SELECT count(*) FROM events"), 0);
    assert_string_equal(log_read(w, 0, NULL), "hole:<250");
    settings_unref(s);
}

static void test_with_nothing_to_do_no_write_lock_is_taken(void **state)
{
    struct log_world *w = *state;
    struct settings *s = settings_new();
    log_insert(w, 3);
    log_sql(w, "INSERT INTO events(channel) VALUES ('room')");
    log_sql(w, "BEGIN IMMEDIATE");
    retain(w, s);
    log_sql(w, "ROLLBACK");
    assert_int_equal(log_number(w, "SELECT count(*) FROM events"), 4);
    settings_unref(s);
}

static void test_an_empty_old_mailbox_is_forgotten_and_the_log_remembers(void **state)
{
    struct log_world *w = *state;
    struct settings *s = settings_new();
    const char *room[] = {"room"};
    struct subscription *asked = subscription_new(NULL, room, 1, NULL, 0);
    insert_old(w, "channel", "room", 2);
    log_sql(w, "INSERT INTO events(channel) VALUES ('young')");
    log_sql(w, "DELETE FROM events");
    retain(w, s);
    assert_int_equal(log_number(w, "SELECT count(*) FROM rowcast_channels"), 1);
    assert_int_equal(log_number(w, "SELECT forgotten_to FROM rowcast_log"), 2);
    assert_string_equal(log_read(w, 0, asked), "hole:<2 hole:room<2");
    assert_string_equal(log_read(w, 2, asked), "");
    subscription_free(asked);
    settings_unref(s);
}

static void test_the_mailbox_of_a_session_that_nobody_knows_goes_after_its_time(void **state)
{
    struct log_world *w = *state;
    struct settings *s = settings_new();
    struct claim claim;
    struct claim_request r = {.user_agent = "",
                              .remote_addr = "",
                              .client_version = "",
                              .query = "",
                              .headers = "{}"};
    assert_int_equal(store_join(w->store), STORE_OK);
    assert_int_equal(store_claim(w->store, s, &r, &claim), STORE_OK);
    s->buffer_age = 0;
    insert_old(w, "session_id", "nobody", 150);
    insert_old(w, "session_id", claim.session_id, 5);
    log_sql(w, "INSERT INTO events(session_id) VALUES ('young')");
    retain(w, s);
    assert_int_equal(log_number(w, "SELECT count(*) FROM events"), 6);
    assert_int_equal(
        log_number(w, "SELECT count(*) FROM rowcast_channels WHERE mailbox = '@nobody'"), 0);
    assert_int_equal(log_number(w, "SELECT forgotten_to FROM rowcast_log"), 150);
    subscription_free(claim.subscription);
    settings_unref(s);
}

static void test_mailboxes_go_although_somebody_inserts_all_the_time(void **state)
{
    struct log_world *w = *state;
    struct settings *s = settings_new();
    bool more;
    s->buffer_age = 0;
    insert_old(w, "session_id", "nobody", 150);
    for (int i = 0; i < 3; i++) { /* two slices, and the mailbox itself */
        log_insert(w, 1);
        assert_int_equal(store_retain(w->store, s, &more), STORE_OK);
        assert_true(more);
    }
    assert_int_equal(
        log_number(w, "SELECT count(*) FROM rowcast_channels WHERE mailbox = '@nobody'"), 0);
    settings_unref(s);
}

static void test_only_the_janitor_of_the_log_retains(void **state)
{
    struct log_world *w = *state;
    struct settings *s = settings_new();
    bool more = true;
    int status;
    assert_int_equal(store_retain(w->store, s, &more), STORE_OK); /* that is who we are now */
    insert_old(w, "channel", "", 10);
    pid_t child = fork();
    if (child == 0) {
        struct store *other;
        if (store_open(&other, w->path) != STORE_OK)
            _exit(2);
        for (int i = 0; i < 3; i++)
            if (store_retain(other, s, &more) != STORE_OK || more)
                _exit(1);
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_int_equal(log_number(w, "SELECT count(*) FROM events"), 10);
    settings_unref(s);
}

static void test_a_walk_reaches_the_mailboxes_of_every_page(void **state)
{
    struct log_world *w = *state;
    struct settings *s = settings_new();
    log_sql(w,
            "WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 350) "
            "INSERT INTO events(channel) SELECT printf('c%%04d', i) FROM n");
    log_sql(w, "DELETE FROM events WHERE channel IN ('c0150', 'c0349')");
    log_sql(w, "UPDATE rowcast_channels SET last_at = 1");
    retain(w, s);
    assert_int_equal(log_number(w, "SELECT count(*) FROM rowcast_channels"), 348);
    settings_unref(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LOG_TEST(test_expired_events_go_by_a_hundred_a_call_while_nobody_inserts),
        LOG_TEST(test_with_nothing_to_do_no_write_lock_is_taken),
        LOG_TEST(test_an_empty_old_mailbox_is_forgotten_and_the_log_remembers),
        LOG_TEST(test_the_mailbox_of_a_session_that_nobody_knows_goes_after_its_time),
        LOG_TEST(test_mailboxes_go_although_somebody_inserts_all_the_time),
        LOG_TEST(test_only_the_janitor_of_the_log_retains),
        LOG_TEST(test_a_walk_reaches_the_mailboxes_of_every_page),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
