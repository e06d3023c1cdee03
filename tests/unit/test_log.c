#include "tests/unit/log_world.h"

static struct publication publication(const char *type, const char *data)
{
    return (struct publication){
        .channel = "", .type = type, .data = data, .data_len = strlen(data)};
}

static int64_t append(struct log_world *w, const struct publication *p)
{
    int64_t id = 0;
    char epoch[EPOCH_SIZE];
    enum store_result r = store_append(w->store, p, &id, epoch);
    if (r != STORE_OK)
        fail_msg("store_append gave %d: %s", r, store_why(w->store));
    assert_string_equal(epoch, w->end.epoch);
    return id;
}

static void test_a_new_log_is_empty_and_has_an_epoch(void **state)
{
    struct log_world *w = *state;
    assert_string_equal(log_read(w, 0, NULL), "");
    assert_int_equal(w->through, 0);
    assert_int_equal(w->end.last_id, 0);
    assert_int_equal(strspn(w->end.epoch, "0123456789abcdef"), 8);
}

static void test_mailboxes_are_merged_in_id_order(void **state)
{
    struct log_world *w = *state;
    const char *channels[] = {"a", "b"};
    struct subscription *s = subscription_new("me", channels, 2, NULL, 0);
    for (int i = 0; i < 3; i++) {
        log_sql(w, "INSERT INTO events(channel) VALUES ('b'), ('c'), ('a'), ('')");
        log_sql(w, "INSERT INTO events(session_id) VALUES ('me'), ('you')");
    }
    assert_string_equal(log_read(w, 0, s), "1 3 4 5 7 9 10 11 13 15 16 17");
    assert_int_equal(w->through, 18);
    assert_string_equal(log_read(w, 9, s), "10 11 13 15 16 17");
    assert_string_equal(log_read(w, 18, s), "");
    assert_string_equal(log_read(w, 500, s), "");
    assert_int_equal(w->through, 500);
    subscription_free(s);
}

static void test_the_sessions_own_mailbox_can_be_left_out(void **state)
{
    struct log_world *w = *state;
    struct subscription *s = subscription_new("me", NULL, 0, NULL, 0);
    struct store_question q = {.only = s, .without_session = true};
    struct store_sink sink = {w, log_begin, log_hole, log_row};
    log_sql(w, "INSERT INTO events(session_id) VALUES (NULL), ('me'), (NULL)");
    assert_int_equal(store_read(w->store, &q, &sink, &w->through), STORE_OK);
    assert_string_equal(w->rows, "1 3");
    subscription_free(s);
}

static void test_the_answer_reaches_as_far_as_the_sink_took(void **state)
{
    struct log_world *w = *state;
    struct subscription *s = subscription_new(NULL, NULL, 0, NULL, 0);
    struct subscription *asked[] = {NULL, s};
    log_sql(w, "INSERT INTO events(channel) VALUES (''), ('other'), ('other')");
    log_insert(w, 5);
    for (int i = 0; i < 2; i++) {
        w->most = i ? 2 : 4;
        w->at_most = STORE_LAST;
        log_read(w, 0, asked[i]);
        assert_int_equal(w->through, 4);
        w->at_most = STORE_ENOUGH; /* up to the row before: the foreign ones are passed */
        log_read(w, 0, asked[i]);
        assert_int_equal(w->through, 3);
        assert_string_equal(w->rows, i ? "1" : "1 2 3");
    }
    subscription_free(s);
}

static const struct {
    const char *data; /* SQL */
    bool is_object;
} datas[] = {
    {"'{}'", true},
    {"' {\"a\":1} '", true},
    {"char(10, 9, 13) || '{\"a\":[1,{}]}'", true},
    {"'[1]'", false},
    {"'1'", false},
    {"'\"{}\"'", false},
    {"'{'", false},
    {"'{} x'", false},
    {"'{}' || char(0) || 'junk'", false},
    {"char(0) || '{}'", false},
    {"''", false},
    {"'{\"a\":\"' || char(10) || '\"}'", false},
    {"7", false},
};

static struct event seen;
static char seen_data[64], seen_type[32], seen_mailbox[32];

static void see_nothing(void *arg, const struct store_end *end)
{
    (void)arg, (void)end;
}

static enum store_taken see(void *arg, const struct event *e)
{
    (void)arg;
    seen = *e;
    assert_true(e->data_len < sizeof seen_data);
    memcpy(seen_data, e->data, e->data_len);
    snprintf(seen_type, sizeof seen_type, "%s", e->type);
    snprintf(seen_mailbox, sizeof seen_mailbox, "%s", e->mailbox);
    return STORE_MORE;
}

static void test_data_is_told_to_be_an_object_only_if_it_is_a_whole_one(void **state)
{
    struct log_world *w = *state;
    struct store_sink sink = {.begin = see_nothing, .row = see};
    struct subscription *s = subscription_new(NULL, NULL, 0, NULL, 0);
    for (size_t i = 0; i < sizeof datas / sizeof *datas; i++)
        for (int filtered = 0; filtered < 2; filtered++) {
            struct store_question q = {.after = (int64_t)i, .only = filtered ? s : NULL};
            if (!filtered)
                log_sql(w, "INSERT INTO events(data) VALUES (%s)", datas[i].data);
            assert_int_equal(store_read(w->store, &q, &sink, &w->through), STORE_OK);
            if (seen.is_object != datas[i].is_object)
                fail_msg("%s is %san object", datas[i].data, seen.is_object ? "" : "not ");
        }
    subscription_free(s);
}

static void test_a_row_is_given_as_it_stands_nul_bytes_included(void **state)
{
    struct log_world *w = *state;
    struct store_question q = {0};
    struct store_sink sink = {.begin = see_nothing, .row = see};
    struct publication p = publication("chat", "");
    p.data = "a\0b\r\n";
    p.data_len = 5;
    p.channel = "room";
    log_read(w, 0, NULL);
    assert_int_equal(append(w, &p), 1);
    assert_int_equal(store_read(w->store, &q, &sink, &w->through), STORE_OK);
    assert_int_equal(seen.id, 1);
    assert_int_equal(seen.data_len, 5);
    assert_memory_equal(seen_data, "a\0b\r\n", 5);
    assert_string_equal(seen_type, "chat");
    assert_string_equal(seen_mailbox, "room");
    assert_int_equal(seen.created_at, log_number(w, "SELECT created_at FROM events"));
}

static void test_a_key_that_is_there_gives_the_id_it_has(void **state)
{
    struct log_world *w = *state;
    struct publication p = publication("update", "x");
    log_read(w, 0, NULL);
    p.dedup_key = "k";
    assert_int_equal(append(w, &p), 1);
    assert_int_equal(append(w, &p), 1);
    p.channel = "room";
    assert_int_equal(append(w, &p), 2);
    assert_int_equal(append(w, &p), 2);
    assert_int_equal(log_number(w, "SELECT count(*) FROM events"), 2);
}

static void test_an_append_that_is_refused_says_the_schemas_sentence(void **state)
{
    struct log_world *w = *state;
    struct publication p = publication("open", "x");
    int64_t id;
    char epoch[EPOCH_SIZE];
    assert_int_equal(store_append(w->store, &p, &id, epoch), STORE_REFUSED);
    assert_non_null(strstr(store_why(w->store), "type is a word of the protocol"));
    p.type = "update";
    assert_int_equal(store_append(w->store, &p, &id, epoch), STORE_OK);
    assert_string_equal(store_why(w->store), "");
}

static void test_an_unknown_session_gets_nothing_and_nor_do_the_others(void **state)
{
    struct log_world *w = *state;
    struct settings *settings = settings_new();
    struct claim claim;
    struct claim_request r = {.user_agent = "",
                              .remote_addr = "",
                              .client_version = "",
                              .query = "",
                              .headers = "{}"};
    struct publication p = publication("update", "x");
    int64_t ids[2];
    char epoch[EPOCH_SIZE];
    assert_int_equal(store_join(w->store), STORE_OK);
    assert_int_equal(store_claim(w->store, settings, &r, &claim), STORE_OK);
    const char *both[] = {claim.session_id, "nobody"},
               *twice[] = {claim.session_id, claim.session_id};
    p.sessions = both;
    p.session_count = 2;
    assert_int_equal(store_append(w->store, &p, ids, epoch), STORE_UNKNOWN);
    assert_non_null(strstr(store_why(w->store), "nobody"));
    assert_int_equal(log_number(w, "SELECT count(*) FROM events"), 0);
    p.sessions = twice;
    assert_int_equal(store_append(w->store, &p, ids, epoch), STORE_OK);
    assert_int_equal(ids[0], 1);
    assert_int_equal(ids[1], 2);
    subscription_free(claim.subscription);
    settings_unref(settings);
}

static void test_what_follows_a_replaced_file_is_read_from_the_new_one(void **state)
{
    struct log_world *w = *state;
    char epoch[EPOCH_SIZE], command[256];
    log_insert(w, 3);
    log_read(w, 0, NULL);
    memcpy(epoch, w->end.epoch, sizeof epoch);
    snprintf(command, sizeof command,
             "sqlite3 %s/new <sql/schema.sql >/dev/null && mv %s/new %s", w->dir, w->dir,
             w->path);
    assert_int_equal(system(command), 0);
    assert_string_equal(log_read(w, 0, NULL), "");
    assert_string_not_equal(w->end.epoch, epoch);
    struct publication p = publication("update", "x");
    assert_int_equal(append(w, &p), 1);
}

static void test_an_older_copy_of_the_log_gets_a_new_epoch(void **state)
{
    struct log_world *w = *state;
    char epoch[EPOCH_SIZE], command[256];
    log_insert(w, 3);
    log_sql(w, "VACUUM INTO '%s/copy'", w->dir);
    log_insert(w, 3);
    log_read(w, 0, NULL);
    memcpy(epoch, w->end.epoch, sizeof epoch);
    assert_int_equal(store_save(w->store, NULL, 0, &w->end), STORE_OK);
    snprintf(command, sizeof command,
             "cd %s && rm -f log-wal log-shm && mv copy log && "
             "sqlite3 log 'PRAGMA journal_mode=WAL' >/dev/null",
             w->dir);
    assert_int_equal(system(command), 0);
    assert_string_equal(log_read(w, 0, NULL), "1 2 3");
    assert_string_not_equal(w->end.epoch, epoch);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LOG_TEST(test_a_new_log_is_empty_and_has_an_epoch),
        LOG_TEST(test_mailboxes_are_merged_in_id_order),
        LOG_TEST(test_the_sessions_own_mailbox_can_be_left_out),
        LOG_TEST(test_the_answer_reaches_as_far_as_the_sink_took),
        LOG_TEST(test_data_is_told_to_be_an_object_only_if_it_is_a_whole_one),
        LOG_TEST(test_a_row_is_given_as_it_stands_nul_bytes_included),
        LOG_TEST(test_a_key_that_is_there_gives_the_id_it_has),
        LOG_TEST(test_an_append_that_is_refused_says_the_schemas_sentence),
        LOG_TEST(test_an_unknown_session_gets_nothing_and_nor_do_the_others),
        LOG_TEST(test_what_follows_a_replaced_file_is_read_from_the_new_one),
        LOG_TEST(test_an_older_copy_of_the_log_gets_a_new_epoch),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
