#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/subscription.h"

static void assert_key_equal(const struct subscription *a, const struct subscription *b,
                             bool equal)
{
    char *ka = subscription_key(a), *kb = subscription_key(b);
    assert_non_null(ka);
    assert_non_null(kb);
    assert_int_equal(strcmp(ka, kb) == 0, equal);
    free(ka);
    free(kb);
}

static void
test_mailboxes_are_broadcasts_then_channels_sorted_then_the_sessions_own(void **state)
{
    (void)state;
    const char *channels[] = {"room-7", "", "b", "room-7", "b"};
    static const char *const expected[] = {"", "b", "room-7", "@71b0"};
    struct subscription *s = subscription_new("71b0", channels, 5, NULL, 0);
    assert_non_null(s);
    assert_true(s->has_session);
    assert_int_equal(s->mailboxes, 4);
    for (size_t i = 0; i < 4; i++) {
        assert_string_equal(s->mailbox[i].name, expected[i]);
        assert_true(s->mailbox[i].hash == mailbox_hash(expected[i]));
        assert_int_equal(s->mailbox[i].told_to, 0);
        assert_ptr_equal(subscription_find(s, mailbox_hash(expected[i]), expected[i]),
                         &s->mailbox[i]);
    }
    assert_null(subscription_find(s, mailbox_hash("other"), "other"));
    assert_null(subscription_find(s, mailbox_hash("b"), "other"));
    subscription_free(s);
}

static void test_without_a_session_there_are_broadcasts_only(void **state)
{
    (void)state;
    struct subscription *s = subscription_new(NULL, NULL, 0, NULL, 0);
    assert_non_null(s);
    assert_int_equal(s->mailboxes, 1);
    assert_false(s->has_session);
    assert_true(subscription_wants(s, "anything"));
    subscription_free(s);
}

static void test_only_the_types_asked_for_are_wanted(void **state)
{
    (void)state;
    const char *types[] = {"b", "a", "b"};
    struct subscription *s = subscription_new("x", NULL, 0, types, 3);
    assert_non_null(s);
    assert_int_equal(s->types, 2);
    assert_true(subscription_wants(s, "a"));
    assert_true(subscription_wants(s, "b"));
    assert_false(subscription_wants(s, "c"));
    assert_false(subscription_wants(s, ""));
    subscription_free(s);
}

static void test_the_texts_are_copies(void **state)
{
    (void)state;
    char channel[] = "room", type[] = "chat", session[] = "71b0";
    const char *channels[] = {channel}, *types[] = {type};
    struct subscription *s = subscription_new(session, channels, 1, types, 1);
    assert_non_null(s);
    channel[0] = type[0] = session[0] = '!';
    assert_string_equal(s->mailbox[1].name, "room");
    assert_string_equal(s->mailbox[2].name, "@71b0");
    assert_string_equal(s->type[0], "chat");
    subscription_free(s);
}

static void test_equal_sets_have_equal_keys_whoever_asks(void **state)
{
    (void)state;
    const char *one[] = {"a", "b"}, *two[] = {"b", "a", "a"}, *joined[] = {"a1:b"};
    struct subscription *s = subscription_new("x", one, 2, NULL, 0);
    struct subscription *t = subscription_new("y", two, 3, NULL, 0);
    struct subscription *u = subscription_new("x", NULL, 0, one, 2);
    struct subscription *v = subscription_new("x", joined, 1, NULL, 0);
    struct subscription *n = subscription_new(NULL, one, 2, NULL, 0);
    assert_key_equal(s, t, true);
    assert_key_equal(s, n, true);
    assert_key_equal(s, u, false);
    assert_key_equal(s, v, false);
    subscription_free(s);
    subscription_free(t);
    subscription_free(u);
    subscription_free(v);
    subscription_free(n);
}

static void test_no_more_than_the_maximum_is_taken(void **state)
{
    (void)state;
    static char text[SUBSCRIPTION_CHANNELS_MAX + 9][8];
    const char *names[SUBSCRIPTION_CHANNELS_MAX + 9];
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        snprintf(text[i], sizeof text[i], "%zu", i);
        names[i] = text[i];
    }
    size_t n = sizeof names / sizeof *names;
    struct subscription *s = subscription_new("x", names, n, names, n);
    assert_non_null(s);
    assert_int_equal(s->mailboxes, SUBSCRIPTION_CHANNELS_MAX + 2);
    assert_int_equal(s->types, SUBSCRIPTION_TYPES_MAX);
    subscription_free(s);
}

static void test_a_long_key_is_kept_as_a_hash(void **state)
{
    char key[400], kept[SUBSCRIPTION_KEPT_KEY_SIZE], other[SUBSCRIPTION_KEPT_KEY_SIZE];
    (void)state;
    memset(key, 'c', sizeof key);
    key[SUBSCRIPTION_KEPT_KEY_SIZE - 1] = '\0';
    subscription_kept_key(kept, key);
    assert_string_equal(kept, key);
    key[SUBSCRIPTION_KEPT_KEY_SIZE - 1] = 'c';
    key[SUBSCRIPTION_KEPT_KEY_SIZE] = '\0';
    subscription_kept_key(kept, key);
    assert_int_equal(kept[0], '#');
    assert_int_equal(strspn(kept + 1, "0123456789abcdef"), 32);
    assert_int_equal(strlen(kept), 33);
    key[SUBSCRIPTION_KEPT_KEY_SIZE - 1] = 'd';
    subscription_kept_key(other, key);
    assert_string_not_equal(other, kept);
}

static void test_what_is_shown_of_a_key_ends_between_two_characters(void **state)
{
    char key[400], shown[SUBSCRIPTION_SHOWN_SIZE];
    (void)state;
    memset(key, 'c', sizeof key);
    key[300] = '\0';
    subscription_shown(shown, key);
    assert_int_equal(strlen(shown), SUBSCRIPTION_SHOWN_SIZE - 1);
    memcpy(key + SUBSCRIPTION_SHOWN_SIZE - 3, "\xe2\x82\xac", 3); /* its last byte is cut off */
    subscription_shown(shown, key);
    assert_int_equal(strlen(shown), SUBSCRIPTION_SHOWN_SIZE - 3);
    key[SUBSCRIPTION_SHOWN_SIZE] = '\0'; /* one byte too long, and no more */
    memset(key, 'c', SUBSCRIPTION_SHOWN_SIZE);
    subscription_shown(shown, key);
    assert_int_equal(strlen(shown), SUBSCRIPTION_SHOWN_SIZE - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(
            test_mailboxes_are_broadcasts_then_channels_sorted_then_the_sessions_own),
        cmocka_unit_test(test_without_a_session_there_are_broadcasts_only),
        cmocka_unit_test(test_only_the_types_asked_for_are_wanted),
        cmocka_unit_test(test_the_texts_are_copies),
        cmocka_unit_test(test_equal_sets_have_equal_keys_whoever_asks),
        cmocka_unit_test(test_no_more_than_the_maximum_is_taken),
        cmocka_unit_test(test_a_long_key_is_kept_as_a_hash),
        cmocka_unit_test(test_what_is_shown_of_a_key_ends_between_two_characters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
