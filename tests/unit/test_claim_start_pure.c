/* The decision where a stream starts, without a store: what is asked of the log, and what follows
 * from the answer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "store/claim.h"

#define LOG "5f2a91c0"
#define ANOTHER "00000001"

enum { EVERYONES, ROOMS, OWN, MAILBOXES };

/* A request, what the sessions say, and what the log answers; the log ends at 100.  Then what is
 * to be asked, and what is to follow.  What is not named is 0, or as `fill` has it. */
struct start_case {
    const char *name;
    enum start_at start;
    const char *position;
    int64_t newest;
    struct claim_past past;
    bool keeps_token;
    struct survey v;
    struct {
        int64_t after, newest, since;
        bool departed;
    } asks;
    struct {
        int64_t cursor, bookmark, gap_from, gap_oldest;
        enum gap_reason gap;
        int64_t told_to[MAILBOXES];
    } follows;
};

/* clang-format off */
#define AT_ID(TEXT) .start = START_AT_ID, .position = (TEXT)
#define KNOWN(BOOKMARK) .past = {.as = ENTRY_RETURNS, .bookmark = (BOOKMARK)}
#define ASKS(...) .asks = {__VA_ARGS__, false}
#define ASKS_OF_DEPARTED(...) .asks = {__VA_ARGS__, true}
#define ANSWER(...) .v = {__VA_ARGS__}
#define FOLLOWS(...) .follows = {__VA_ARGS__}
#define STARTS(AT) .cursor = (AT), .bookmark = (AT), .gap_from = -1

static const struct start_case cases[] = {
    {"nothing is said: the end",
     .past.bookmark = -1, ASKS(SURVEY_END, -1, SURVEY_END), ANSWER(.at = 100),
     FOLLOWS(STARTS(100))},
    {"an id of this log: after it",
     AT_ID(LOG "-40"), .past.bookmark = -1, ASKS(40, -1, SURVEY_END),
     ANSWER(.at = 40, .oldest = 41, .count = 60, .private_to = 50), FOLLOWS(STARTS(40))},
    {"the id at the end",
     AT_ID(LOG "-100"), .past.bookmark = -1, ASKS(100, -1, SURVEY_END), ANSWER(.at = 100),
     FOLLOWS(STARTS(100))},
    {"an id comes before a bookmark",
     AT_ID(LOG "-40"), KNOWN(30), ASKS(40, -1, SURVEY_END), ANSWER(.at = 40, .oldest = 41),
     FOLLOWS(STARTS(40))},
    {"an id that is none",
     AT_ID("forty"), KNOWN(30), ASKS(SURVEY_END, -1, SURVEY_END), ANSWER(.at = 100),
     FOLLOWS(STARTS(100), .gap = GAP_UNKNOWN)},
    {"an id of another log",
     AT_ID(ANOTHER "-40"), .past.bookmark = -1, ASKS(SURVEY_END, -1, SURVEY_END),
     ANSWER(.at = 100), FOLLOWS(STARTS(100), .gap = GAP_EPOCH)},
    {"an id of the future",
     AT_ID(LOG "-101"), .past.bookmark = -1, ASKS(101, -1, SURVEY_END), ANSWER(.at = 100),
     FOLLOWS(STARTS(100), .gap = GAP_FUTURE)},
    {"an id of a state that is lost",
     AT_ID(LOG "-40"), .past.bookmark = -1, ASKS(40, -1, SURVEY_END),
     ANSWER(.at = 100, .disowned = true), FOLLOWS(STARTS(100), .gap = GAP_EPOCH)},

    {"trimmed behind an id, and what was for the session before what is kept is due",
     AT_ID(LOG "-40"), KNOWN(30), ASKS(40, -1, SURVEY_END),
     ANSWER(.at = 40, .oldest = 60, .private_to = 50, .trimmed_to = {55}),
     FOLLOWS(.cursor = 59, .bookmark = 40, .gap_from = 40, .gap_oldest = 60, .gap = GAP_TRIMMED,
             .told_to = {55})},
    {"trimmed behind an id: told, and moved to before what is kept",
     AT_ID(LOG "-40"), .past.bookmark = -1, ASKS(40, -1, SURVEY_END),
     ANSWER(.at = 40, .oldest = 60, .trimmed_to = {70, 30}),
     FOLLOWS(59, 40, 40, 60, GAP_TRIMMED, .told_to = {70})},
    {"trimmed up to the id itself",
     AT_ID(LOG "-40"), .past.bookmark = -1, ASKS(40, -1, SURVEY_END),
     ANSWER(.at = 40, .oldest = 41, .trimmed_to = {40, 40}), FOLLOWS(STARTS(40))},
    {"trimmed, and nothing is kept: the gap ends at the end",
     AT_ID(LOG "-40"), .past.bookmark = -1, ASKS(40, -1, SURVEY_END),
     ANSWER(.at = 40, .trimmed_to = {0, 90}),
     FOLLOWS(100, 40, 40, 0, GAP_TRIMMED, .told_to = {0, 90})},
    {"a new session's own mailbox has lost nothing",
     AT_ID(LOG "-40"), .past.bookmark = -1, ASKS(40, -1, SURVEY_END),
     ANSWER(.at = 40, .oldest = 41, .trimmed_to = {0, 0, 90}),
     FOLLOWS(STARTS(40), .told_to = {0, 0, 90})},
    {"but a known session's may have",
     AT_ID(LOG "-40"), KNOWN(-1), ASKS(40, -1, SURVEY_END),
     ANSWER(.at = 40, .oldest = 41, .trimmed_to = {0, 0, 90}),
     FOLLOWS(40, 40, 40, 41, GAP_TRIMMED, .told_to = {0, 0, 90})},
    {"and that of a token which is kept unsaved",
     AT_ID(LOG "-40"), .past.bookmark = -1, .keeps_token = true, ASKS(40, -1, SURVEY_END),
     ANSWER(.at = 40, .oldest = 41, .trimmed_to = {0, 0, 90}),
     FOLLOWS(40, 40, 40, 41, GAP_TRIMMED, .told_to = {0, 0, 90})},

    {"a bookmark",
     KNOWN(30), ASKS(30, -1, SURVEY_END), ANSWER(.at = 30, .oldest = 35), FOLLOWS(STARTS(30))},
    {"the bookmark at zero",
     KNOWN(0), ASKS(0, -1, SURVEY_END), ANSWER(.oldest = 1), FOLLOWS(STARTS(0))},
    {"trimmed behind a bookmark",
     KNOWN(30), ASKS(30, -1, SURVEY_END), ANSWER(.at = 30, .oldest = 35, .trimmed_to = {34}),
     FOLLOWS(34, 30, 30, 35, GAP_TRIMMED, .told_to = {34})},
    {"a bookmark beyond the end is the end",
     KNOWN(103), ASKS(103, -1, SURVEY_END), ANSWER(.at = 100), FOLLOWS(STARTS(100))},
    {"no bookmark but one of another log",
     .past = {.as = ENTRY_RETURNS, .bookmark = -1, .foreign = true},
     ASKS(SURVEY_END, -1, SURVEY_END), ANSWER(.at = 100), FOLLOWS(STARTS(100), .gap = GAP_EPOCH)},
    {"of two logs, the one that is here counts",
     .past = {.as = ENTRY_RETURNS, .bookmark = 30, .foreign = true},
     ASKS(30, -1, SURVEY_END), ANSWER(.at = 30, .oldest = 31), FOLLOWS(STARTS(30))},
    {"a bookmark of a state that is lost",
     KNOWN(30), ASKS(30, -1, SURVEY_END), ANSWER(.at = 100, .disowned = true),
     FOLLOWS(STARTS(100), .gap = GAP_EPOCH)},

    {"the newest rows",
     .start = START_NEWEST, .newest = 5, .past.bookmark = -1, ASKS(SURVEY_END, 5, SURVEY_END),
     ANSWER(.at = 90, .oldest = 91), FOLLOWS(STARTS(90))},
    {"fewer than none of them",
     .start = START_NEWEST, .newest = -5, .past.bookmark = -1, ASKS(SURVEY_END, 0, SURVEY_END),
     ANSWER(.at = 100), FOLLOWS(STARTS(100))},
    {"the newest rows are all that is wanted: what was trimmed is no gap",
     .start = START_NEWEST, .newest = 5, .past.bookmark = -1, ASKS(SURVEY_END, 5, SURVEY_END),
     ANSWER(.at = 90, .oldest = 91, .trimmed_to = {95}),
     FOLLOWS(STARTS(90), .told_to = {95})},
    {"the newest rows, but an older bookmark",
     .start = START_NEWEST, .newest = 5, KNOWN(30), ASKS(30, 5, SURVEY_END),
     ANSWER(.at = 30, .oldest = 35, .trimmed_to = {34}),
     FOLLOWS(34, 30, 30, 35, GAP_TRIMMED, .told_to = {34})},
    {"the newest rows, and a bookmark among them",
     .start = START_NEWEST, .newest = 5, KNOWN(95), ASKS(95, 5, SURVEY_END),
     ANSWER(.at = 90, .oldest = 91), FOLLOWS(STARTS(90))},

    {"everything",
     .start = START_EARLIEST, KNOWN(30), ASKS(0, -1, SURVEY_END),
     ANSWER(.oldest = 20, .trimmed_to = {19, 25}), FOLLOWS(STARTS(19), .told_to = {0, 25})},
    {"everything, of an empty log",
     .start = START_EARLIEST, .past.bookmark = -1, ASKS(0, -1, SURVEY_END),
     ANSWER(.trimmed_to = {100}), FOLLOWS(STARTS(100))},
};

#define GONE(...) .past = {.refused = true, .departed = true, .bookmark = -1, .departure = {__VA_ARGS__, false, false}}

/* A session that is gone: LOG, position 50, private_to 45, and the log ended at 60. */
#define SLEEPER GONE("sleeper", LOG, 50, 45, 60)

static const struct start_case departed_cases[] = {
    {"nobody knows the token, nor remembers it",
     .past = {.refused = true, .bookmark = -1}, ASKS(SURVEY_END, -1, SURVEY_END),
     ANSWER(.at = 100), FOLLOWS(STARTS(100), .gap = GAP_SESSION)},
    {"the same, with an id: nothing that is kept is skipped",
     AT_ID(LOG "-40"), .past = {.refused = true, .bookmark = -1}, ASKS(40, -1, SURVEY_END),
     ANSWER(.at = 40, .oldest = 41), FOLLOWS(40, 40, 40, 41, GAP_SESSION, {0})},
    {"the same, and trimmed behind the id",
     AT_ID(LOG "-40"), .past = {.refused = true, .bookmark = -1}, ASKS(40, -1, SURVEY_END),
     ANSWER(.at = 40, .oldest = 60, .trimmed_to = {59}),
     FOLLOWS(59, 40, 40, 60, GAP_SESSION, .told_to = {59})},
    {"a session that is gone has lost nothing",
     SLEEPER, ASKS_OF_DEPARTED(SURVEY_END, -1, 50), ANSWER(.at = 100, .departed_to = 50),
     FOLLOWS(STARTS(100))},
    {"the same, with an id",
     SLEEPER, AT_ID(LOG "-55"), ASKS_OF_DEPARTED(55, -1, SURVEY_END),
     ANSWER(.at = 55, .oldest = 56, .departed_to = 55), FOLLOWS(STARTS(55))},
    {"rows it listens to passed while it was gone",
     SLEEPER, ASKS_OF_DEPARTED(SURVEY_END, -1, 50),
     ANSWER(.at = 100, .departed_to = 0, .passes_over = true),
     FOLLOWS(STARTS(100), .gap = GAP_SESSION)},
    {"a channel of it was trimmed meanwhile",
     SLEEPER, ASKS_OF_DEPARTED(SURVEY_END, -1, 50), ANSWER(.at = 100, .trimmed_to = {0, 51}),
     FOLLOWS(STARTS(100), .gap = GAP_SESSION)},
    {"the new session's own mailbox is none of them",
     SLEEPER, ASKS_OF_DEPARTED(SURVEY_END, -1, 50), ANSWER(.at = 100, .trimmed_to = {0, 0, 51}),
     FOLLOWS(STARTS(100))},
    {"an event of its own came",
     SLEEPER, ASKS_OF_DEPARTED(SURVEY_END, -1, 50), ANSWER(.at = 100, .departed_to = 51),
     FOLLOWS(STARTS(100), .gap = GAP_SESSION)},
    {"the same, with an id behind it",
     SLEEPER, AT_ID(LOG "-51"), ASKS_OF_DEPARTED(51, -1, SURVEY_END),
     ANSWER(.at = 51, .oldest = 52, .departed_to = 51), FOLLOWS(STARTS(51))},
    {"an event of its own was there when it went, behind the id",
     SLEEPER, AT_ID(LOG "-44"), ASKS_OF_DEPARTED(44, -1, SURVEY_END),
     ANSWER(.at = 44, .oldest = 45), FOLLOWS(44, 44, 44, 45, GAP_SESSION, {0})},
    {"nobody remembers its mailbox: nothing was forgotten since",
     SLEEPER, ASKS_OF_DEPARTED(SURVEY_END, -1, 50),
     ANSWER(.at = 100, .departed_to = -1, .forgotten_to = 60), FOLLOWS(STARTS(100))},
    {"nobody remembers its mailbox: it may have been forgotten since",
     SLEEPER, ASKS_OF_DEPARTED(SURVEY_END, -1, 50),
     ANSWER(.at = 100, .departed_to = -1, .forgotten_to = 61),
     FOLLOWS(STARTS(100), .gap = GAP_SESSION)},
    {"an id of another log says nothing of what it has",
     SLEEPER, AT_ID(ANOTHER "-99"), ASKS_OF_DEPARTED(SURVEY_END, -1, 50), ANSWER(.at = 100),
     FOLLOWS(STARTS(100), .gap = GAP_EPOCH)},
    {"it is of another log",
     GONE("sleeper", ANOTHER, 50, 45, 60), ASKS(SURVEY_END, -1, SURVEY_END),
     ANSWER(.at = 100), FOLLOWS(STARTS(100), .gap = GAP_SESSION)},
    {"it asks for the newest rows, which begin behind where it stood",
     SLEEPER, .start = START_NEWEST, .newest = 3, ASKS_OF_DEPARTED(SURVEY_END, 3, 50),
     ANSWER(.at = 90, .oldest = 91, .passes_over = true),
     FOLLOWS(90, 90, -1, 91, GAP_SESSION, {0})},
    {"it is remembered, but the stream has a session all the same",
     .past = {.as = ENTRY_REVIVES, .departed = true, .bookmark = 50,
              .departure = {"sleeper", LOG, 50, 45, 60, false, false}},
     ASKS(50, -1, SURVEY_END), ANSWER(.at = 50, .oldest = 51, .passes_over = true),
     FOLLOWS(STARTS(50))},
};
/* clang-format on */

static void fill(const struct start_case *is, struct claim_request *r, struct claim *c)
{
    static const char *const channels[] = {"room"};
    *r = (struct claim_request){
        .start = is->start, .position = is->position, .newest = is->newest};
    *c = (struct claim){.presented = -1,
                        .gap_from = -1,
                        .reconnection = is->past.as != ENTRY_NEW,
                        .keeps_token = is->keeps_token,
                        .epoch = LOG};
    c->subscription = subscription_new("0123456789abcdef", channels, 1, NULL, 0);
    assert_non_null(c->subscription);
    assert_int_equal(c->subscription->mailboxes, MAILBOXES);
}

static void expect_number(const char *name, const char *what, int64_t is, int64_t expected)
{
    if (is != expected)
        fail_msg("%s: %s is %lld instead of %lld", name, what, (long long)is,
                 (long long)expected);
}

static void expect_asked(const struct start_case *is, const struct survey_question *q)
{
    expect_number(is->name, "after", q->after, is->asks.after);
    expect_number(is->name, "newest", q->newest, is->asks.newest);
    expect_number(is->name, "since", q->since, is->asks.since);
    expect_number(is->name, "departed", q->departed != NULL, is->asks.departed);
    if (q->departed)
        assert_string_equal(q->departed, "sleeper");
}

static void expect_follows(const struct start_case *is, const struct claim *c)
{
    expect_number(is->name, "cursor", c->cursor, is->follows.cursor);
    expect_number(is->name, "bookmark", c->bookmark, is->follows.bookmark);
    expect_number(is->name, "until", c->until, 100);
    expect_number(is->name, "count", c->count, is->v.count);
    int64_t private_to = is->v.private_to > c->cursor ? is->v.private_to : 0;
    expect_number(is->name, "private_to", c->private_to, private_to);
    expect_number(is->name, "gap", c->gap, is->follows.gap);
    expect_number(is->name, "gap_from", c->gap_from, is->follows.gap_from);
    expect_number(is->name, "gap_oldest", c->gap_oldest, is->follows.gap_oldest);
    for (size_t i = 0; i < MAILBOXES; i++)
        expect_number(is->name, c->subscription->mailbox[i].name,
                      c->subscription->mailbox[i].told_to, is->follows.told_to[i]);
}

static void try_all(const struct start_case *all, size_t n)
{
    for (const struct start_case *is = all; is < all + n; is++) {
        struct claim_request r;
        struct survey_question q;
        struct survey v = is->v;
        struct claim c;
        fill(is, &r, &c);
        v.end = (struct store_end){.epoch = LOG, .last_id = 100, .trimmed_to = 100};
        claim_present(&r, &c);
        claim_ask(&r, &is->past, &c, &q);
        assert_ptr_equal(q.only, c.subscription);
        expect_asked(is, &q);
        claim_start(&r, &is->past, &v, &c);
        expect_follows(is, &c);
        subscription_free(c.subscription);
    }
}

static void test_a_stream_starts_where_request_and_session_say(void **state)
{
    (void)state;
    try_all(cases, sizeof cases / sizeof *cases);
}

static void test_whose_session_is_gone_is_told_where_something_may_be_lost(void **state)
{
    (void)state;
    try_all(departed_cases, sizeof departed_cases / sizeof *departed_cases);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_stream_starts_where_request_and_session_say),
        cmocka_unit_test(test_whose_session_is_gone_is_told_where_something_may_be_lost),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
