/* The steps of a claim, and what becomes of it when one fails, with an engine that answers as the
 * test says and writes down what it is asked. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/claim.h"

#define TOKEN "0123456789abcdef0123456789abcdef"
#define ANOTHER "ffffffffffffffffffffffffffffffff"

/* What each question answers: the nth time its nth result, then STORE_OK. */
struct script {
    enum store_result result[6];
    size_t asked;
};

struct fake {
    struct store store;
    struct script recall, survey, enter;
    struct recall found[3]; /* by token, in the order they are presented */
    const char *epoch;      /* the log's */
    char said[512];         /* "recall survey enter " */
    struct entry entered;   /* the last; its strings are not valid */
    char token[SESSION_TOKEN_SIZE];
    bool any_agent, wants_key;
    struct settings *settings;
    struct claim claim;
};

static struct fake *fake_of(struct store *s)
{
    return (struct fake *)s;
}

static enum store_result answer(struct fake *f, struct script *script, const char *name)
{
    size_t n = strlen(f->said);
    snprintf(f->said + n, sizeof f->said - n, "%s ", name);
    enum store_result r =
        script && script->asked < 6 ? script->result[script->asked++] : STORE_OK;
    snprintf(f->store.why, sizeof f->store.why, "%s", r == STORE_OK ? "" : name);
    return r;
}

static enum store_result fake_join(struct store *s)
{
    (void)s;
    return STORE_OK;
}

static enum store_result fake_where(struct store *s, struct store_end *out)
{
    *out = (struct store_end){.last_id = 100};
    memcpy(out->epoch, fake_of(s)->epoch, EPOCH_SIZE);
    return answer(fake_of(s), NULL, "where");
}

static enum store_result fake_recall(struct store *s, const char *token, const char *user_agent,
                                     const char *key, const char *epoch, struct recall *out)
{
    struct fake *f = fake_of(s);
    (void)token, (void)epoch;
    f->any_agent = !user_agent;
    f->wants_key = key != NULL;
    *out = f->found[f->recall.asked % 3];
    return answer(f, &f->recall, "recall");
}

static enum store_result fake_survey(struct store *s, const struct survey_question *q,
                                     struct survey *out)
{
    struct fake *f = fake_of(s);
    *out = (struct survey){.end.last_id = 100, .at = q->after < 100 ? q->after : 100};
    memcpy(out->end.epoch, f->epoch, EPOCH_SIZE);
    return answer(f, &f->survey, "survey");
}

static enum store_result fake_enter(struct store *s, const struct entry *e, int64_t *stream_id)
{
    struct fake *f = fake_of(s);
    enum store_result r = answer(f, &f->enter, "enter");
    f->entered = *e;
    snprintf(f->token, sizeof f->token, "%s", e->token);
    if (r == STORE_OK)
        *stream_id = 7;
    return r;
}

static enum store_result fake_open_streams(struct store *s, const char *token, const char *key,
                                           int64_t *stream_ids, size_t max, size_t *n)
{
    assert_string_equal(key, "c4:room");
    if (*n < max)
        stream_ids[(*n)++] = (unsigned char)token[0];
    return answer(fake_of(s), NULL, "open");
}

static const struct store_engine fake_engine = {.name = "a fake",
                                                .where = fake_where,
                                                .join = fake_join,
                                                .recall = fake_recall,
                                                .survey = fake_survey,
                                                .enter = fake_enter,
                                                .open_streams = fake_open_streams};

static int setup(void **state)
{
    struct fake *f = calloc(1, sizeof *f);
    assert_non_null(f);
    f->store.engine = &fake_engine;
    f->epoch = "5f2a91c0";
    f->settings = settings_new();
    assert_non_null(f->settings);
    memcpy(f->settings->epoch, f->epoch, EPOCH_SIZE);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fake *f = *state;
    subscription_free(f->claim.subscription);
    settings_unref(f->settings);
    free(f);
    return 0;
}

static enum store_result try_claim(struct fake *f, const struct claim_request *r)
{
    subscription_free(f->claim.subscription);
    f->claim.subscription = NULL;
    f->said[0] = '\0';
    f->recall.asked = f->survey.asked = f->enter.asked = 0;
    return store_claim(&f->store, f->settings, r, &f->claim);
}

static struct claim_request request(const char *token)
{
    return (struct claim_request){.token = token, .user_agent = "browser"};
}

static struct recall known(int64_t bookmark)
{
    return (struct recall){.found = RECALL_KNOWN,
                           .session_id = "feedfacecafebeef",
                           .reconnections = 4,
                           .bookmark = bookmark};
}

static struct recall departed(bool revives)
{
    struct recall r = {.found = RECALL_DEPARTED};
    r.departure = (struct departure){.session_id = "deadbeefdeadbeef",
                                     .epoch = "5f2a91c0",
                                     .position = 30,
                                     .revives = revives};
    return r;
}

static void test_a_claim_recalls_surveys_and_enters_last(void **state)
{
    struct fake *f = *state;
    struct claim_request r = request(TOKEN);
    f->found[0] = known(40);
    assert_int_equal(try_claim(f, &r), STORE_OK);
    assert_string_equal(f->said, "recall survey enter ");
    assert_int_equal(f->claim.stream_id, 7);
    assert_int_equal(f->claim.cursor, 40);
    assert_int_equal(f->claim.reconnections, 5);
    assert_int_equal(f->entered.as, ENTRY_RETURNS);
    assert_int_equal(f->entered.position, 40);
    assert_true(f->entered.take_to == INT64_MAX);
    f->settings->epoch[0] = '\0'; /* the defaults, which are of no log */
    assert_int_equal(try_claim(f, &r), STORE_OK);
    assert_string_equal(f->said, "where recall survey enter ");
}

static void test_who_brings_no_token_is_not_recalled(void **state)
{
    struct fake *f = *state;
    struct claim_request r = request(NULL);
    assert_int_equal(try_claim(f, &r), STORE_OK);
    assert_string_equal(f->said, "survey enter ");
    assert_int_equal(f->entered.as, ENTRY_NEW);
    assert_string_equal(f->token, f->claim.token);
    assert_int_equal(f->claim.gap, GAP_NONE);
}

static void test_the_user_agent_counts_where_it_is_checked(void **state)
{
    struct fake *f = *state;
    struct claim_request r = request(TOKEN);
    f->found[0].found = RECALL_REFUSED;
    assert_int_equal(try_claim(f, &r), STORE_OK);
    assert_false(f->any_agent);
    assert_int_equal(f->claim.gap, GAP_SESSION);
    assert_int_equal(f->claim.others, 0); /* it is one of ours */
    f->settings->session_check = SESSION_CHECK_NONE;
    assert_int_equal(try_claim(f, &r), STORE_OK);
    assert_true(f->any_agent);
}

static void test_of_several_tokens_the_first_that_is_known_counts(void **state)
{
    static const char *const more[] = {TOKEN, ANOTHER};
    struct fake *f = *state;
    struct claim_request r = request("ffffffffffffffff0000000000000000");
    r.more_tokens = more;
    r.more_token_count = 2;
    f->found[0].found = RECALL_NOBODY;
    f->found[1] = known(40);
    f->found[2] = departed(true);
    assert_int_equal(try_claim(f, &r), STORE_OK);
    assert_string_equal(f->said, "recall recall recall survey enter ");
    assert_string_equal(f->claim.token, TOKEN);
    assert_int_equal(f->claim.others, 1);
    assert_string_equal(f->claim.other[0], r.token);
    assert_int_equal(f->entered.as, ENTRY_RETURNS);
    assert_false(f->wants_key); /* bookmarks of one session are enough */
}

static void test_a_session_that_a_poll_left_goes_on_where_it_stood(void **state)
{
    struct fake *f = *state;
    struct claim_request r = request(TOKEN);
    f->found[0] = departed(true);
    assert_int_equal(try_claim(f, &r), STORE_OK);
    assert_int_equal(f->entered.as, ENTRY_REVIVES);
    assert_int_equal(f->entered.reconnections, 1);
    assert_string_equal(f->claim.session_id, "deadbeefdeadbeef");
    assert_int_equal(f->claim.cursor, 30);
    f->found[0] = departed(false);
    assert_int_equal(try_claim(f, &r), STORE_OK);
    assert_int_equal(f->entered.as, ENTRY_NEW);
    assert_string_not_equal(f->claim.token, TOKEN);
}

static void test_a_session_that_is_gone_meanwhile_is_recalled_once_more(void **state)
{
    struct fake *f = *state;
    struct claim_request r = request(TOKEN);
    f->found[0] = known(40);
    f->found[1].found = RECALL_NOBODY;
    f->enter.result[0] = STORE_UNKNOWN;
    assert_int_equal(try_claim(f, &r), STORE_OK);
    assert_string_equal(f->said, "recall survey enter recall survey enter ");
    assert_false(f->claim.reconnection);
    assert_int_equal(f->claim.gap, GAP_SESSION);
    for (size_t i = 0; i < 6; i++)
        f->enter.result[i] = STORE_UNKNOWN;
    assert_int_equal(try_claim(f, &r), STORE_BUSY); /* but not for ever */
    assert_null(f->claim.subscription);
    assert_string_not_equal(store_why(&f->store), "");
}

static void test_bookmarks_of_another_epoch_are_recalled_once_more(void **state)
{
    struct fake *f = *state;
    struct claim_request r = request(TOKEN);
    f->found[0] = f->found[1] = known(40);
    f->epoch = "00000001"; /* and the settings are of the one before */
    assert_int_equal(try_claim(f, &r), STORE_OK);
    assert_string_equal(f->said, "recall survey recall survey enter ");
    assert_string_equal(f->claim.epoch, "00000001");
}

static void test_what_passes_means_later_at_every_step(void **state)
{
    static const enum store_result passing[] = {STORE_BUSY, STORE_NOMEM};
    struct fake *f = *state;
    struct claim_request r = request(TOKEN);
    struct script *const steps[] = {&f->recall, &f->survey, &f->enter};
    f->found[0] = known(40);
    for (size_t p = 0; p < 2; p++)
        for (size_t i = 0; i < 3; i++) {
            steps[i]->result[0] = passing[p];
            assert_int_equal(try_claim(f, &r), passing[p]);
            assert_null(f->claim.subscription);
            assert_string_not_equal(store_why(&f->store), "");
            steps[i]->result[0] = STORE_OK;
        }
    f->survey.result[0] = STORE_CORRUPT; /* nor without a log */
    assert_int_equal(try_claim(f, &r), STORE_CORRUPT);
}

static void
test_sessions_that_cannot_be_read_leave_the_token_and_an_unsaved_stream(void **state)
{
    struct fake *f = *state;
    struct claim_request r = request(TOKEN);
    f->recall.result[0] = STORE_CORRUPT;
    assert_int_equal(try_claim(f, &r), STORE_OK);
    assert_string_equal(f->said, "recall survey ");
    assert_int_equal(f->claim.saved, STORE_CORRUPT);
    assert_string_equal(store_why(&f->store), "recall");
    assert_true(f->claim.keeps_token);
    assert_string_equal(f->claim.token, TOKEN);
    assert_int_equal(f->claim.gap, GAP_NONE);
    r.token = "none of ours";
    assert_int_equal(try_claim(f, &r), STORE_OK);
    assert_false(f->claim.keeps_token);
}

static void
test_sessions_that_cannot_be_written_promise_no_session_to_who_has_a_token(void **state)
{
    struct fake *f = *state;
    struct claim_request r = request(TOKEN);
    f->enter.result[0] = STORE_FULL;
    assert_int_equal(try_claim(f, &r), STORE_OK); /* nobody knows it: it begins once more */
    assert_string_equal(f->said, "recall survey enter recall survey ");
    assert_true(f->claim.keeps_token);
    assert_int_equal(f->claim.gap, GAP_NONE);
    f->found[0] = known(40);
    assert_int_equal(try_claim(f, &r), STORE_OK);
    assert_string_equal(f->said, "recall survey enter ");
    assert_true(f->claim.reconnection);
    r.token = NULL;
    assert_int_equal(try_claim(f, &r), STORE_OK);
    assert_string_equal(f->said, "survey enter ");
    assert_int_equal(f->claim.saved, STORE_FULL);
    assert_int_equal(f->claim.stream_id, 0);
    assert_string_equal(store_why(&f->store), "enter");
}

static void test_without_sessions_the_log_is_asked_where_it_ends_and_no_more(void **state)
{
    struct fake *f = *state;
    struct claim_request r = request(TOKEN);
    f->settings->enable_reconnection = false;
    assert_int_equal(try_claim(f, &r), STORE_OK);
    assert_string_equal(f->said, "where ");
    assert_int_equal(f->claim.cursor, 100);
    assert_false(f->claim.subscription->has_session);
}

static void test_a_session_mailbox_is_no_channel(void **state)
{
    static const char *const channels[] = {"@feedfacecafebeef", "room"};
    struct fake *f = *state;
    struct claim_request r = request(NULL);
    r.channels = channels;
    r.channel_count = 2;
    assert_int_equal(try_claim(f, &r), STORE_OK);
    assert_int_equal(f->claim.subscription->mailboxes, 3);
    assert_string_equal(f->claim.subscription->mailbox[1].name, "room");
}

static void test_open_streams_are_asked_for_where_a_bookmark_is_needed(void **state)
{
    static const char *const channels[] = {"room"}, *const more[] = {ANOTHER};
    struct fake *f = *state;
    struct claim_request r = request(TOKEN);
    struct claim_open open;
    r.channels = channels;
    r.channel_count = 1;
    r.more_tokens = more;
    r.more_token_count = 1;
    assert_int_equal(store_claim_waits(&f->store, &r, &open), STORE_OK);
    assert_int_equal(open.n, 2);
    assert_int_equal(open.stream_id[1], 'f');
    f->said[0] = '\0';
    r.start = START_AT_ID;
    assert_int_equal(store_claim_waits(&f->store, &r, &open), STORE_OK);
    r.start = START_UNSAID;
    r.token = NULL;
    assert_int_equal(store_claim_waits(&f->store, &r, &open), STORE_OK);
    assert_int_equal(open.n, 0);
    assert_string_equal(f->said, "");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_claim_recalls_surveys_and_enters_last),
        TEST(test_who_brings_no_token_is_not_recalled),
        TEST(test_the_user_agent_counts_where_it_is_checked),
        TEST(test_of_several_tokens_the_first_that_is_known_counts),
        TEST(test_a_session_that_a_poll_left_goes_on_where_it_stood),
        TEST(test_a_session_that_is_gone_meanwhile_is_recalled_once_more),
        TEST(test_bookmarks_of_another_epoch_are_recalled_once_more),
        TEST(test_what_passes_means_later_at_every_step),
        TEST(test_sessions_that_cannot_be_read_leave_the_token_and_an_unsaved_stream),
        TEST(test_sessions_that_cannot_be_written_promise_no_session_to_who_has_a_token),
        TEST(test_without_sessions_the_log_is_asked_where_it_ends_and_no_more),
        TEST(test_a_session_mailbox_is_no_channel),
        TEST(test_open_streams_are_asked_for_where_a_bookmark_is_needed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
