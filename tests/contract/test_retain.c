/* What the janitor removes while nobody publishes: events that are too old, and mailboxes that
 * nobody uses. */
#include "tests/contract/contract_claims.h"
#include "tests/contract/contract_log.h"
#include "tests/contract/contract_processes.h"

enum { TEN_YEARS = 315360000 };

/* Events older than any bound, which stay until the janitor comes. */
static void publish_old(struct world *w, const char *mailbox, int n)
{
    set(w, "buffer_age", "0");
    publish(w, mailbox, "update", "x", n);
    age(w, TEN_YEARS);
}

static void test_expired_events_go_by_a_hundred_a_call_while_nobody_inserts(void **state)
{
    struct world *w = *state;
    publish_old(w, "", 250);
    assert_true(tidy_a_piece(w)); /* somebody just inserted */
    assert_int_equal(count(w, EVENTS), 250);
    assert_true(tidy_a_piece(w));
    assert_int_equal(count(w, EVENTS), 150);
    tidy(w);
    assert_int_equal(count(w, EVENTS), 0);
    assert_string_equal(read_ids(w, 0, NULL), "hole:<250");
    books_agree(w);
}

static void test_with_nothing_to_do_nobody_is_kept_from_publishing(void **state)
{
    struct world *w = *state;
    publish_some(w, 3);
    publish(w, "room", "update", "x", 1);
    hold(w, THE_LOG);
    tidy(w);
    release(w, THE_LOG);
    assert_int_equal(count(w, EVENTS), 4);
}

static void test_an_empty_old_mailbox_is_forgotten_and_the_log_remembers(void **state)
{
    struct world *w = *state;
    const char *room[] = {"room"};
    struct subscription *asked = subscription_new(NULL, room, 1, NULL, 0);
    publish_old(w, "room", 2);
    publish(w, "young", "update", "x", 1);
    delete_all_events(w);
    tidy(w);
    assert_int_equal(count(w, MAILBOXES), 1);
    assert_int_equal(kept(w, "young"), 0);
    assert_int_equal(count(w, FORGOTTEN_TO), 2);
    assert_string_equal(read_ids(w, 0, asked), "hole:<2 hole:room<2");
    assert_string_equal(read_ids(w, 2, asked), "");
    subscription_free(asked);
}

static void test_the_mailbox_of_a_session_that_nobody_knows_goes_after_its_time(void **state)
{
    struct world *w = *state;
    claim_as(w, NULL);
    w->settings->buffer_age = 0;
    publish_old(w, "@nobody", 150);
    publish_to(w, w->claim.session_id, "x", 5);
    age(w, TEN_YEARS);
    publish_to(w, "young", "x", 1);
    tidy(w);
    assert_int_equal(count(w, EVENTS), 6);
    assert_int_equal(kept(w, "@nobody"), -1);
    assert_int_equal(count(w, FORGOTTEN_TO), 150);
    books_agree(w);
}

static void test_while_the_sessions_cannot_be_read_every_mailbox_is_somebodys(void **state)
{
    struct world *w = *state;
    w->settings->buffer_age = 0;
    publish_old(w, "@nobody", 5);
    damage(w, THE_SESSIONS);
    tidy(w);
    assert_int_equal(kept(w, "@nobody"), 5);
}

static void test_mailboxes_go_although_somebody_inserts_all_the_time(void **state)
{
    struct world *w = *state;
    w->settings->buffer_age = 0;
    publish_old(w, "@nobody", 150);
    for (int i = 0; i < 3; i++) { /* two pieces, and the mailbox itself */
        publish_some(w, 1);
        assert_true(tidy_a_piece(w));
    }
    assert_int_equal(kept(w, "@nobody"), -1);
}

/* Work: to be there, and to try to retain; whether anything was to be done. */
static int64_t retain_thrice(struct store *s, const struct world *w)
{
    int again_ms = SOON_MS + 1;
    for (int i = 0; i < 3 && again_ms > SOON_MS; i++)
        if (store_tend(s, w->settings, 5000, &again_ms) != STORE_OK)
            return -1;
    return again_ms <= SOON_MS;
}

static void test_only_the_janitor_of_the_log_retains(void **state)
{
    struct world *w = *state;
    tidy_a_piece(w); /* that is who we are now */
    publish_old(w, "", 10);
    struct process other = process_start(w, retain_thrice);
    assert_int_equal(other.said, 0);
    assert_int_equal(count(w, EVENTS), 10);
    process_kill(other);
}

static void publish_to_number(struct world *w, int i)
{
    char channel[8];
    snprintf(channel, sizeof channel, "c%04d", i);
    publish(w, channel, "update", "x", 1);
}

static void test_a_walk_reaches_the_mailboxes_of_every_page(void **state)
{
    struct world *w = *state;
    publish_to_number(w, 150);
    publish_to_number(w, 349);
    delete_all_events(w);
    age(w, TEN_YEARS);
    for (int i = 1; i <= 350; i++)
        if (i != 150 && i != 349)
            publish_to_number(w, i);
    tidy(w);
    assert_int_equal(count(w, MAILBOXES), 348);
    assert_int_equal(kept(w, "c0150"), -1);
    assert_int_equal(kept(w, "c0349"), -1);
}

static void test_the_mailbox_of_the_longest_name_is_forgotten_like_any_other(void **state)
{
    struct world *w = *state;
    publish(w, letters(EVENT_NAME_MAX), "update", "x", 1);
    publish(w, "z", "update", "x", 1);
    delete_all_events(w);
    age(w, TEN_YEARS);
    tidy(w);
    assert_int_equal(kept(w, letters(EVENT_NAME_MAX)), -1);
    assert_int_equal(kept(w, "z"), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_expired_events_go_by_a_hundred_a_call_while_nobody_inserts),
        TEST(test_with_nothing_to_do_nobody_is_kept_from_publishing),
        TEST(test_an_empty_old_mailbox_is_forgotten_and_the_log_remembers),
        TEST(test_the_mailbox_of_a_session_that_nobody_knows_goes_after_its_time),
        TEST(test_while_the_sessions_cannot_be_read_every_mailbox_is_somebodys),
        TEST(test_mailboxes_go_although_somebody_inserts_all_the_time),
        TEST(test_only_the_janitor_of_the_log_retains),
        TEST(test_a_walk_reaches_the_mailboxes_of_every_page),
        TEST(test_the_mailbox_of_the_longest_name_is_forgotten_like_any_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
