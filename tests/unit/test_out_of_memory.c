/* Each allocation of a call fails once, then it and all that follow: the call has to say so,
 * to leave nothing behind, and to work the next time. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "fcgi/base/buffer.h"
#include "fcgi/request/form.h"
#include "fcgi/request/json.h"
#include "fcgi/request/meta.h"
#include "fcgi/stream/tail.h"
#include "store/settings.h"
#include "store/subscription.h"
#include "tests/unit/batches.h"
#include "tests/unit/failing_memory.h"

enum { LARGE = 1024 * 1024, BATCHES = 130 /* the tail's ring grows twice */ };

#define FORM "CONTENT_TYPE=application/x-www-form-urlencoded"

/* `attempt` tells whether it succeeded, which it must exactly if no allocation failed. */
static void fail_each_allocation(bool (*attempt)(void))
{
    size_t before = batch_memory();
    int open = descriptors();
    for (int lasting = 0; lasting < 2; lasting++) {
        long failures = 1;
        for (long n = 1; failures > 0; n++) {
            memory_fail(MEMORY_MINE, n, lasting);
            bool succeeded = attempt();
            failures = memory_mend();
            assert_int_equal(succeeded, failures == 0);
            assert_int_equal(batch_memory(), before);
            assert_true(n > 1 || failures > 0); /* else nothing was tried */
        }
    }
    assert_int_equal(descriptors(), open);
}

static bool subscribe(void)
{
    static const char *const channels[] = {"b", "a"}, *const types[] = {"t"};
    struct subscription *s = subscription_new("71b0", channels, 2, types, 1);
    char *key = s ? subscription_key(s) : NULL;
    bool made = key && strcmp(key, "c1:ac1:bt1:t") == 0;
    free(key);
    subscription_free(s);
    return made;
}

static void test_a_subscription_and_its_key_are_whole_or_not_there(void **state)
{
    (void)state;
    fail_each_allocation(subscribe);
}

static bool take_defaults(void)
{
    struct settings *s = settings_new();
    settings_unref(s);
    return s;
}

static void test_settings_are_whole_or_not_there(void **state)
{
    (void)state;
    fail_each_allocation(take_defaults);
}

static bool fill(struct buffer *b)
{
    buffer_clear(b);
    for (int i = 0; i < 100; i++) {
        buffer_text(b, "0123456789");
        buffer_add(b, "abcde", 5);
        buffer_printf(b, "%05d", i);
    }
    return !b->failed;
}

static bool fill_a_buffer(void)
{
    struct buffer b = {0};
    bool whole = fill(&b);
    (void)memory_mend();
    if (!whole)
        assert_true(fill(&b)); /* a failure is forgotten with the bytes */
    assert_int_equal(b.len, 2000);
    buffer_free(&b);
    return whole;
}

static void test_a_buffer_remembers_that_bytes_are_missing(void **state)
{
    (void)state;
    fail_each_allocation(fill_a_buffer);
}

static char large[LARGE + 1];

static struct batch *build(struct batch_builder *w)
{
    static const struct batch_format format = {.epoch = EPOCH, .ids = true, .replays = true};
    const struct row rows[] = {{2, "", "a", "{\"a\":1}"}, {3, "room", "b", large}};
    batch_builder_begin(w, &format);
    batch_builder_hole(w, "room", 2);
    batch_builder_hole(w, NULL, 1);
    for (int i = 0; i < 2; i++) {
        struct event e = event_of(&rows[i]);
        if (batch_builder_add(w, &e) != BATCH_NO_ROOM)
            continue;
        /* As the store does: what found no room begins the next one. */
        struct batch *first = batch_builder_finish(w, 1, 2);
        if (!first)
            return NULL;
        batch_unref(first);
        batch_builder_begin(w, &format);
        (void)batch_builder_add(w, &e);
        return batch_builder_finish(w, 2, 3);
    }
    return batch_builder_finish(w, 1, 3);
}

static bool build_batches(void)
{
    struct batch_builder *w = batch_builder_new();
    struct batch *b = w ? build(w) : NULL;
    bool built = b;
    (void)memory_mend();
    if (w && !b)
        assert_non_null(b = build(w)); /* the builder can begin again */
    if (b) {
        assert_int_equal(b->events, 1);
        assert_int_equal(b->event[0].id, 3);
        assert_true(b->event[0].len > LARGE);
    }
    batch_unref(b);
    batch_builder_free(w);
    return built;
}

static void test_a_batch_is_whole_or_not_there_and_the_builder_goes_on(void **state)
{
    (void)state;
    memset(large, 'x', LARGE);
    fail_each_allocation(build_batches);
}

static struct batch *batch[BATCHES];

/* A tail that cannot grow lets go of what it has, but is never wrong about what it has. */
static bool append_to_a_tail(void)
{
    struct tail *t = tail_new(EPOCH, 0, LARGE);
    struct batch *found;
    if (!t)
        return false;
    for (int i = 0; i < BATCHES; i++)
        tail_append(t, batch_ref(batch[i]));
    bool whole = tail_floor(t) == 0;
    assert_int_equal(tail_end(t), BATCHES);
    assert_int_equal(tail_find(t, BATCHES - 1, &found), TAIL_FOUND);
    assert_ptr_equal(found, batch[BATCHES - 1]);
    for (int64_t after = 0; after < BATCHES; after++)
        if (tail_find(t, after, &found) == TAIL_FOUND)
            assert_int_equal(found->after, after);
        else
            assert_true(after < tail_floor(t));
    tail_free(t);
    return whole;
}

static void test_a_tail_that_can_not_grow_forgets_the_old_not_the_new(void **state)
{
    const struct row row = {0, "", "message", "x"};
    (void)state;
    for (int i = 0; i < BATCHES; i++) {
        struct row r = row;
        r.id = i + 1;
        assert_non_null(batch[i] = batch_of(i, i + 1, &r, 1, NO_HOLES));
    }
    fail_each_allocation(append_to_a_tail);
    for (int i = 0; i < BATCHES; i++)
        batch_unref(batch[i]);
    assert_int_equal(batch_memory(), 0);
}

static bool parse_a_query(void)
{
    static const char text[] = "channel=a+b&types=x%2Cy&last";
    struct query q;
    enum query_result r = query_parse(&q, text, sizeof text - 1);
    if (r == QUERY_OK)
        assert_string_equal(query_value(&q, "channel"), "a b");
    else
        assert_null(query_value(&q, "channel"));
    query_free(&q);
    return r == QUERY_OK;
}

static void test_a_query_that_can_not_be_split_is_told_from_an_empty_one(void **state)
{
    (void)state;
    fail_each_allocation(parse_a_query);
}

/* A request with a body that needs more than one allocation. */
static bool read_request(struct request *r)
{
    static const char *const variables[] = {"REQUEST_METHOD=POST", FORM, "HTTP_X_ONE=1", NULL};
    request_begin(r, -1, FRAMING_NONE, 0);
    bool whole = request_variables(r, variables) && request_body(r, "data=", 5, LARGE);
    for (int i = 0; whole && i < 3000; i++)
        whole = request_body(r, "0123456789", 10, LARGE);
    if (!whole)
        request_end(r);
    return whole;
}

static bool read_a_request(void)
{
    struct request r;
    bool whole = read_request(&r);
    if (whole)
        assert_int_equal(r.body_len, 30005);
    else
        assert_string_equal(r.method, "");
    request_end(&r);
    return whole;
}

static void test_a_request_is_whole_or_empty(void **state)
{
    (void)state;
    fail_each_allocation(read_a_request);
}

static struct request request;

static bool read_a_form(void)
{
    struct query none = {0};
    struct form f;
    form_read(&f, &request, &none, "data");
    bool whole = f.wrong[0] == '\0' && !f.nomem;
    if (whole)
        assert_int_equal(strlen(form_text(&f, "data", "")), 30000);
    form_free(&f);
    return whole;
}

static void test_a_form_that_can_not_be_split_is_not_taken_for_something_else(void **state)
{
    (void)state;
    assert_true(read_request(&request));
    fail_each_allocation(read_a_form);
    request_end(&request);
}

static bool keep_headers(void)
{
    char *json = meta_headers(&request, "X-One, X-Two");
    bool kept = json && strcmp(json, "{\"X-One\":\"1\"}") == 0;
    free(json);
    return kept;
}

static void test_kept_headers_are_whole_or_not_there(void **state)
{
    (void)state;
    assert_true(read_request(&request));
    fail_each_allocation(keep_headers);
    request_end(&request);
}

/* A part of it would be worse than nothing. */
static bool is_whole(char *json, const char *whole)
{
    bool there = json;
    if (there)
        assert_string_equal(json, whole);
    free(json);
    return there;
}

static bool say_error(void)
{
    return is_whole(json_of_error("no \xff.db"), "{\"error\":\"no \xef\xbf\xbd.db\"}");
}

static bool say_ids(void)
{
    int64_t ids[] = {8, 9};
    struct appending a = {.ids = ids, .epoch = "0a1b2c3d", .what.session_count = 2};
    return is_whole(json_of_published(&a),
                    "{\"id\":\"0a1b2c3d-8\",\"ids\":[\"0a1b2c3d-8\",\"0a1b2c3d-9\"]}");
}

static void test_an_answer_is_whole_or_not_there(void **state)
{
    (void)state;
    fail_each_allocation(say_error);
    fail_each_allocation(say_ids);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_subscription_and_its_key_are_whole_or_not_there),
        cmocka_unit_test(test_settings_are_whole_or_not_there),
        cmocka_unit_test(test_a_buffer_remembers_that_bytes_are_missing),
        cmocka_unit_test(test_a_batch_is_whole_or_not_there_and_the_builder_goes_on),
        cmocka_unit_test(test_a_tail_that_can_not_grow_forgets_the_old_not_the_new),
        cmocka_unit_test(test_a_query_that_can_not_be_split_is_told_from_an_empty_one),
        cmocka_unit_test(test_a_request_is_whole_or_empty),
        cmocka_unit_test(test_a_form_that_can_not_be_split_is_not_taken_for_something_else),
        cmocka_unit_test(test_kept_headers_are_whole_or_not_there),
        cmocka_unit_test(test_an_answer_is_whole_or_not_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
