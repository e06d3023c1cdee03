/* store/rules.h and sql/schema.sql say the same of the data. */
#include "tests/unit/log_world.h"

#include "store/rules.h"
#include "store/settings.h"

/* Why the log refuses a row whose `column` is `text`; NULL: it takes it. */
static const char *why_not(struct log_world *w, const char *column, const char *text)
{
    char *sql = sqlite3_mprintf("INSERT INTO events(%s) VALUES (%Q)", column, text);
    const char *why = log_try(w, sql);
    sqlite3_free(sql);
    return why;
}

static void
test_the_reserved_beginnings_of_channels_are_those_that_the_schema_refuses(void **state)
{
    struct log_world *w = *state;
    char channel[64];
    assert_int_equal(rules_channel_prefixes[0][0], MAILBOX_MARK);
    for (const char *const *prefix = rules_channel_prefixes; *prefix; prefix++) {
        snprintf(channel, sizeof channel, "%sx", *prefix);
        assert_true(rules_channel_is_reserved(channel));
        assert_true(rules_channel_is_reserved(*prefix));
        assert_string_equal(why_not(w, "channel", channel), RULES_CHANNEL_IS_RESERVED);
        assert_non_null(strstr(RULES_CHANNEL_IS_RESERVED, *prefix));
        snprintf(channel, sizeof channel, "x%s", *prefix);
        assert_false(rules_channel_is_reserved(channel));
        assert_null(why_not(w, "channel", channel));
    }
    assert_false(rules_channel_is_reserved(""));
}

/* The words in the schema's sentence: "… open, error, … and later are reserved". */
static size_t count_words(const char *sentence)
{
    size_t n = 2;
    const char *at = strchr(sentence, ':');
    assert_non_null(at);
    while ((at = strchr(at + 1, ',')))
        n++;
    return n;
}

static void test_the_reserved_types_are_those_that_the_schema_names_and_refuses(void **state)
{
    struct log_world *w = *state;
    const char *why;
    size_t n = 0;
    for (const char *const *word = rules_reserved_types; *word; word++, n++) {
        assert_true(rules_type_is_reserved(*word));
        assert_false(rules_type_is_sound(*word));
        why = why_not(w, "type", *word);
        assert_non_null(why);
        assert_non_null(strstr(why, "are reserved"));
        assert_non_null(strstr(why, *word));
    }
    why = why_not(w, "type", "gap");
    assert_int_equal(count_words(why), n);
    assert_null(why_not(w, "type", "gaps"));
    assert_true(rules_type_is_sound("gaps"));
}

static void test_a_type_is_sound_where_the_schema_takes_it(void **state)
{
    static const char *const types[] = {"",     "a",        "a\nb", "a\r", "\t",     " ",
                                        "Open", "\xc3\xa4", "\x7f", "a,b", "message"};
    struct log_world *w = *state;
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        assert_int_equal(rules_type_is_sound(types[i]), !why_not(w, "type", types[i]));
}

static void test_names_may_have_as_many_bytes_as_the_schema_takes(void **state)
{
    static const struct {
        const char *column;
        int most;
    } cases[] = {
        {"type", EVENT_TYPE_MAX},      {"channel", EVENT_NAME_MAX},
        {"session_id", EVENT_KEY_MAX}, {"dedup_key", EVENT_KEY_MAX},
        {"key", EVENT_KEY_MAX},
    };
    struct log_world *w = *state;
    char text[EVENT_MAILBOX_MAX + 2];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        memset(text, 'x', sizeof text);
        text[cases[i].most + 1] = '\0';
        assert_non_null(why_not(w, cases[i].column, text));
        assert_false(rules_type_is_sound(text));
        text[cases[i].most] = '\0';
        assert_null(why_not(w, cases[i].column, text));
    }
    assert_int_equal(log_number(w, "SELECT max(length(mailbox)) FROM rowcast_channels"),
                     EVENT_NAME_MAX);
    assert_true(EVENT_NAME_MAX <= EVENT_MAILBOX_MAX && EVENT_KEY_MAX + 1 <= EVENT_MAILBOX_MAX);
}

static const struct setting *setting_named(const char *name)
{
    size_t n;
    const struct setting *table = settings_table(&n);
    for (size_t i = 0; i < n; i++)
        if (strcmp(table[i].name, name) == 0)
            return &table[i];
    fail_msg("there is no setting %s", name);
    return NULL;
}

/* (test_settings.c compares the table with the schema.) */
static void test_the_ranges_that_others_need_are_those_of_the_settings(void **state)
{
    (void)state;
    assert_int_equal(setting_named("max_event_bytes")->least, EVENT_DATA_MAX_LEAST);
    assert_int_equal(setting_named("max_event_bytes")->most, EVENT_DATA_MAX);
    assert_int_equal(setting_named("retry")->least, RETRY_LEAST);
    assert_int_equal(setting_named("retry")->most, RETRY_MOST);
    assert_int_equal(setting_named("heartbeat_interval")->most, HEARTBEAT_MOST);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LOG_TEST(test_the_reserved_beginnings_of_channels_are_those_that_the_schema_refuses),
        LOG_TEST(test_the_reserved_types_are_those_that_the_schema_names_and_refuses),
        LOG_TEST(test_a_type_is_sound_where_the_schema_takes_it),
        LOG_TEST(test_names_may_have_as_many_bytes_as_the_schema_takes),
        cmocka_unit_test(test_the_ranges_that_others_need_are_those_of_the_settings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
