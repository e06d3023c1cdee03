/* Settings: what a log begins with, what may be put there, and who is told of it. */
#include "tests/contract/contract_world.h"

static struct settings *newer_than(struct world *w, const struct settings *have)
{
    struct settings *s = NULL;
    enum store_result r = store_settings_newer(w->store, have, &s);
    if (r != STORE_OK)
        fail_msg("store_settings_newer gave %d: %s", r, store_why(w->store));
    return s;
}

static struct settings *settings_of(struct world *w)
{
    struct settings *s = newer_than(w, NULL);
    assert_non_null(s);
    return s;
}

static void test_a_new_log_has_the_documented_defaults(void **state)
{
    struct world *w = *state;
    struct settings *s = settings_of(w), *d = settings_new();
    assert_non_null(d);
    assert_int_equal(s->version, 0);
    assert_int_equal(d->version, -1);
    d->version = s->version;
    assert_int_equal(s->buffer_size, d->buffer_size);
    assert_int_equal(s->buffer_age, d->buffer_age);
    assert_int_equal(s->buffer_bytes, d->buffer_bytes);
    assert_int_equal(s->buffer_ttl, d->buffer_ttl);
    assert_int_equal(s->enable_reconnection, d->enable_reconnection);
    assert_int_equal(s->cleanup_interval, d->cleanup_interval);
    assert_int_equal(s->heartbeat_interval, d->heartbeat_interval);
    assert_int_equal(s->retry, d->retry);
    assert_int_equal(s->stream_max_age, d->stream_max_age);
    assert_int_equal(s->max_event_bytes, d->max_event_bytes);
    assert_int_equal(s->tail_bytes, d->tail_bytes);
    assert_int_equal(s->memory_bytes, d->memory_bytes);
    assert_int_equal(s->mark_replayed, d->mark_replayed);
    assert_int_equal(s->session_check, d->session_check);
    assert_string_equal(s->publish_token, d->publish_token);
    assert_string_equal(s->meta_headers, d->meta_headers);
    assert_string_equal(s->cookie_name, d->cookie_name);
    assert_string_equal(s->cookie_path, d->cookie_path);
    settings_unref(s);
    settings_unref(d);
}

static void test_a_change_moves_the_version_and_is_read(void **state)
{
    struct world *w = *state;
    set(w, "retry", "250");
    set(w, "stream_max_age", "31536000");
    set(w, "session_check", "none");
    set(w, "publish_token", "secret");
    set(w, "meta_headers", "X-Tenant, Origin");
    struct settings *s = settings_of(w);
    assert_int_equal(s->version, 5);
    assert_int_equal(s->retry, 250);
    assert_int_equal(s->stream_max_age, 31536000);
    assert_int_equal(s->session_check, SESSION_CHECK_NONE);
    assert_string_equal(s->publish_token, "secret");
    assert_string_equal(s->meta_headers, "X-Tenant, Origin");
    settings_unref(s);
}

static void test_settings_are_given_again_only_when_they_are_others(void **state)
{
    struct world *w = *state;
    struct settings *have = settings_of(w);
    assert_null(newer_than(w, have));
    publish_some(w, 1);
    assert_null(newer_than(w, have));
    set(w, "retry", "5000");
    struct settings *newer = newer_than(w, have);
    assert_non_null(newer);
    assert_int_equal(newer->retry, 5000);
    assert_string_equal(newer->epoch, have->epoch);
    settings_unref(have);
    renew(w); /* another log's are others */
    struct settings *others = newer_than(w, newer);
    assert_non_null(others);
    assert_string_not_equal(others->epoch, newer->epoch);
    settings_unref(newer);
    settings_unref(others);
}

static const struct {
    const char *name, *value;
} impossible[] = {
    {"buffer_size", "0"},           {"buffer_size", "10000001"},
    {"buffer_size", "-1"},          {"buffer_size", "1.5"},
    {"buffer_size", "1e3"},         {"buffer_size", ""},
    {"buffer_size", " 5"},          {"buffer_size", "5x"},
    {"buffer_size", "00"},          {"buffer_age", "-1"},
    {"buffer_age", "00"},           {"buffer_age", "3153600001"},
    {"buffer_bytes", "65535"},      {"buffer_bytes", "99999999999999999999"},
    {"buffer_bytes", "all"},        {"buffer_ttl", "0"},
    {"enable_reconnection", "2"},   {"enable_reconnection", "yes"},
    {"cleanup_interval", "0"},      {"heartbeat_interval", "0"},
    {"heartbeat_interval", "3601"}, {"retry", "99"},
    {"retry", "3600001"},           {"stream_max_age", "-1"},
    {"stream_max_age", "31536001"}, {"stream_max_age", "never"},
    {"max_event_bytes", "1023"},    {"tail_bytes", "1"},
    {"memory_bytes", "1"},          {"mark_replayed", "true"},
    {"publish_token", "two words"}, {"publish_token", "a\n"},
    {"publish_token", "\xc3\xa4"},  {"session_check", "ip"},
    {"meta_headers", "X: y"},       {"cookie_name", ""},
    {"cookie_name", "a=b"},         {"cookie_name", "a b"},
    {"cookie_name", "a;b"},         {"cookie_name", "__Host-a"},
    {"cookie_name", "a\r\nX: y"},   {"cookie_path", "sse"},
    {"cookie_path", "/a b"},        {"cookie_path", "/a; Domain=b"},
    {"cookie_path", "/a,b"},        {"cookie_path", "/\""},
    {"cookie_path", "/\\"},         {"cookie_path", "/\n"},
    {"cookie_path", "/\xc3\xa4"},
};

static void expect_refused(struct world *w, const char *name, const char *value)
{
    const char *why = try_set(w, name, value);
    if (!why || !strstr(why, name))
        fail_msg("%s = %.40s: %s", name, value, why ? why : "was accepted");
}

static void
test_an_impossible_value_is_refused_with_a_sentence_that_names_the_setting(void **state)
{
    struct world *w = *state;
    char path[258];
    strcpy(path, letters(257));
    path[0] = '/';
    for (size_t i = 0; i < sizeof impossible / sizeof *impossible; i++)
        expect_refused(w, impossible[i].name, impossible[i].value);
    expect_refused(w, "publish_token", letters(257));
    expect_refused(w, "meta_headers", letters(1025));
    expect_refused(w, "cookie_name", letters(65));
    expect_refused(w, "cookie_path", path);
    assert_int_equal(count(w, SETTINGS_VERSION), 0);
}

static void test_no_setting_can_be_invented(void **state)
{
    struct world *w = *state;
    assert_non_null(try_set(w, "bufer_size", "5"));
    assert_null(value_of(w, "bufer_size"));
    assert_int_equal(count(w, SETTINGS_VERSION), 0);
}

static void collect(void *arg, const char *line)
{
    strcat(arg, line);
    strcat(arg, "\n");
}

static void seed(const char *buffer_size, const char *retry, const char *token)
{
    buffer_size ? setenv("ROWCAST_BUFFER_SIZE", buffer_size, 1)
                : unsetenv("ROWCAST_BUFFER_SIZE");
    retry ? setenv("ROWCAST_RETRY", retry, 1) : unsetenv("ROWCAST_RETRY");
    token ? setenv("ROWCAST_PUBLISH_TOKEN", token, 1) : unsetenv("ROWCAST_PUBLISH_TOKEN");
}

static void test_the_environment_seeds_a_new_log(void **state)
{
    char said[4096] = "";
    world_teardown(state);
    seed("77", "5", "hush");
    world_setup(state);
    struct world *w = *state;
    struct settings *s = settings_of(w);
    assert_int_equal(s->buffer_size, 77);
    assert_int_equal(s->retry, 3000); /* 5 is impossible: the default, and a line */
    assert_string_equal(s->publish_token, "hush");
    assert_int_equal(store_environment(w->store, collect, said), STORE_OK);
    assert_non_null(strstr(said, "retry must be"));
    assert_null(strstr(said, "buffer_size"));
    settings_unref(s);
    seed(NULL, NULL, NULL);
}

static void test_the_environment_changes_no_log_that_is_there(void **state)
{
    struct world *w = *state;
    char said[4096] = "";
    seed("77", "5", "hush");
    assert_int_equal(store_environment(w->store, collect, said), STORE_OK);
    assert_non_null(strstr(said, "buffer_size, 77 is not in force: the log has 1000"));
    assert_non_null(strstr(said, "publish_token"));
    assert_null(strstr(said, "hush"));
    struct settings *s = settings_of(w);
    assert_int_equal(s->buffer_size, 1000);
    settings_unref(s);
    seed(NULL, NULL, NULL);
}

/* Whether the log takes a value, which has to be what settings_take says of it. */
static void expect_alike(struct world *w, const char *name, const char *value)
{
    struct settings *s = settings_new();
    bool log = !try_set(w, name, value), ours = settings_take(s, name, value) == SETTING_TAKEN;
    if (log != ours)
        fail_msg("%s = \"%.40s\": the log says %d, settings.c says %d", name, value, log, ours);
    settings_unref(s);
}

static void expect_alike_at_the_edges(struct world *w, const struct setting *is)
{
    static const char *const values[] = {"",
                                         "0",
                                         "1",
                                         "2",
                                         "00",
                                         "-1",
                                         "1.5",
                                         "1e3",
                                         " 1",
                                         "1 ",
                                         "x",
                                         "none",
                                         "user_agent",
                                         "ip",
                                         "a b",
                                         "a,b",
                                         "/",
                                         "/a",
                                         "/a;b",
                                         "\"",
                                         "a_b-c.d",
                                         ".a",
                                         "-a",
                                         "\xc3\xa4",
                                         "a\tb",
                                         "2305843009213693952",
                                         "999999999999999",
                                         "9999999999999999"};
    char text[2048];
    for (size_t i = 0; i < sizeof values / sizeof *values; i++)
        expect_alike(w, is->name, values[i]);
    for (int64_t step = -1; step <= 1; step++) {
        long long least = is->least + step, most = is->most + step;
        snprintf(text, sizeof text, "%lld", least);
        expect_alike(w, is->name, text);
        snprintf(text, sizeof text, "%lld", most);
        expect_alike(w, is->name, text);
        if (is->kind == SETTING_NUMBER || is->most == 0 || is->most > 2000)
            continue;
        memset(text, 'a', sizeof text);
        text[0] = is->kind == SETTING_PATH ? '/' : 'a';
        text[is->most + step] = '\0';
        expect_alike(w, is->name, text);
    }
}

static void test_the_settings_of_the_program_and_of_the_log_are_the_same(void **state)
{
    struct world *w = *state;
    size_t n;
    const struct setting *table = settings_table(&n);
    for (size_t i = 0; i < n; i++) {
        assert_non_null(value_of(w, table[i].name));
        assert_string_equal(value_of(w, table[i].name), table[i].standard);
        expect_alike_at_the_edges(w, &table[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_new_log_has_the_documented_defaults),
        TEST(test_a_change_moves_the_version_and_is_read),
        TEST(test_settings_are_given_again_only_when_they_are_others),
        TEST(test_an_impossible_value_is_refused_with_a_sentence_that_names_the_setting),
        TEST(test_no_setting_can_be_invented),
        TEST(test_the_environment_seeds_a_new_log),
        TEST(test_the_environment_changes_no_log_that_is_there),
        TEST(test_the_settings_of_the_program_and_of_the_log_are_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
