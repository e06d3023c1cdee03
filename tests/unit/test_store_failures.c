#include "tests/unit/log_world.h"
#include "tests/unit/sqlite_memory.h"

#include <fcntl.h>

#include "store/sqlite/database.h"
#include "store/sqlite/engine.h"

static void test_any_allocation_may_fail_and_the_next_call_works(void **state)
{
    struct log_world *w = *state;
    struct publication p = {.channel = "", .type = "a", .data = "{\"a\":1}", .data_len = 7};
    struct subscription *s = subscription_new("me", NULL, 0, NULL, 0);
    int64_t id;
    char epoch[EPOCH_SIZE];
    bool failed = true;
    for (long n = 1; failed; n += 1 + n / 40) { /* each of the first, then some of thousands */
        struct store *store = NULL;
        struct settings *settings = NULL;
        struct log_world asker = {0};
        assert_int_equal(store_open(&store, w->path), STORE_OK);
        asker.store = store;
        sqlite_memory_fail(n, false);
        enum store_result first = log_ask(&asker, 0, NULL);
        enum store_result second = store_append(store, &p, &id, epoch);
        enum store_result third = log_ask(&asker, 0, s);
        enum store_result fourth = store_settings_newer(store, NULL, &settings);
        settings_unref(settings);
        settings = NULL;
        failed = sqlite_memory_mend();
        if (first != STORE_OK)
            assert_int_equal(first, STORE_NOMEM);
        if (second != STORE_OK)
            assert_int_equal(second, STORE_NOMEM);
        if (third != STORE_OK)
            assert_int_equal(third, STORE_NOMEM);
        if (fourth != STORE_OK)
            assert_int_equal(fourth, STORE_NOMEM);
        assert_int_equal(log_ask(&asker, 0, NULL), STORE_OK);
        assert_int_equal(store_append(store, &p, &id, epoch), STORE_OK);
        assert_int_equal(store_settings_newer(store, NULL, &settings), STORE_OK);
        settings_unref(settings);
        store_close(store);
    }
    subscription_free(s);
}

static void test_somebodys_open_transaction_makes_an_append_busy_and_no_read(void **state)
{
    struct log_world *w = *state;
    struct publication p = {.channel = "", .type = "a", .data = "", .data_len = 0};
    int64_t id;
    char epoch[EPOCH_SIZE];
    log_sql(w, "BEGIN IMMEDIATE; INSERT INTO events(data) VALUES ('x')");
    assert_int_equal(store_append(w->store, &p, &id, epoch), STORE_BUSY);
    assert_non_null(strstr(store_why(w->store), "locked"));
    assert_string_equal(log_read(w, 0, NULL), "");
    log_sql(w, "COMMIT");
    assert_int_equal(store_append(w->store, &p, &id, epoch), STORE_OK);
    assert_int_equal(id, 2);
}

static void test_a_full_log_refuses_an_append_whole_and_is_still_read(void **state)
{
    struct log_world *w = *state;
    static char data[100000];
    struct publication p = {.channel = "", .type = "a", .data = data, .data_len = sizeof data};
    int64_t id;
    char epoch[EPOCH_SIZE];
    memset(data, 'x', sizeof data);
    log_insert(w, 1);
    log_read(w, 0, NULL);
    sqlite3_exec(sqlite_of(w->store)->log.db, "PRAGMA max_page_count = 1", NULL, NULL, NULL);
    assert_int_equal(store_append(w->store, &p, &id, epoch), STORE_FULL);
    assert_non_null(strstr(store_why(w->store), "full"));
    assert_string_equal(log_read(w, 0, NULL), "1");
    assert_int_equal(log_number(w, "SELECT last_id FROM rowcast_log"), 1);
    sqlite3_exec(sqlite_of(w->store)->log.db, "PRAGMA max_page_count = 100000", NULL, NULL,
                 NULL);
    assert_int_equal(store_append(w->store, &p, &id, epoch), STORE_OK);
}

static void test_opening_a_log_that_is_there_takes_no_write_lock(void **state)
{
    struct log_world *w = *state;
    struct store *other = NULL;
    struct store_end end;
    log_sql(w, "BEGIN IMMEDIATE");
    assert_int_equal(store_open(&other, w->path), STORE_OK);
    assert_int_equal(store_where(other, &end), STORE_OK);
    store_close(other);
    log_sql(w, "ROLLBACK");
}

static void test_a_newer_log_is_refused_with_a_sentence(void **state)
{
    struct log_world *w = *state;
    struct store *other = NULL;
    struct store_end end;
    log_sql(w, "UPDATE rowcast_log SET version = 2");
    assert_int_equal(store_open(&other, w->path), STORE_OK);
    assert_int_equal(store_where(other, &end), STORE_NEWER);
    assert_non_null(strstr(store_why(other), "newer"));
    log_sql(w, "UPDATE rowcast_log SET version = 1");
    assert_int_equal(store_where(other, &end), STORE_OK);
    store_close(other);
}

static void test_a_file_that_is_no_database_is_told_and_left_alone(void **state)
{
    struct log_world *w = *state;
    char path[64], text[5000];
    struct store *other = NULL;
    struct store_end end;
    snprintf(path, sizeof path, "%s/letter", w->dir);
    memset(text, 'x', sizeof text);
    int fd = open(path, O_WRONLY | O_CREAT, 0600);
    assert_int_equal(write(fd, text, sizeof text), sizeof text);
    close(fd);
    assert_int_equal(store_open(&other, path), STORE_OK);
    assert_int_equal(store_where(other, &end), STORE_CORRUPT);
    assert_non_null(strstr(store_why(other), "not a database"));
    unlink(path); /* repaired: the next call makes a log */
    assert_int_equal(store_where(other, &end), STORE_OK);
    store_close(other);
}

static void test_a_missing_directory_is_told(void **state)
{
    struct log_world *w = *state;
    char path[64];
    struct store *other = NULL;
    struct store_end end;
    snprintf(path, sizeof path, "%s/none/log", w->dir);
    assert_int_equal(store_open(&other, path), STORE_OK);
    assert_int_equal(store_where(other, &end), STORE_IO);
    assert_non_null(strstr(store_why(other), "No such file"));
    store_close(other);
}

static mode_t mode_of(const struct log_world *w, const char *suffix)
{
    char path[96];
    struct stat file;
    snprintf(path, sizeof path, "%s%s", w->path, suffix);
    assert_int_equal(stat(path, &file), 0);
    return file.st_mode & 07777;
}

static void test_the_group_shares_the_log_but_not_the_sessions(void **state)
{
    struct log_world *w = *state;
    assert_int_equal(mode_of(w, ""), 0660);
    assert_int_equal(mode_of(w, "-wal"), 0660);
    assert_int_equal(mode_of(w, ".sessions"), 0600);
}

static void collect(void *arg, const char *line)
{
    strcat(arg, line);
    strcat(arg, "\n");
}

static void test_the_check_finds_nothing_wrong_with_a_new_log(void **state)
{
    struct log_world *w = *state;
    char said[4096] = "";
    if (store_check(w->store, collect, said) != STORE_OK)
        fail_msg("%s", said);
    assert_string_equal(said, "");
}

static void test_the_check_says_what_is_wrong(void **state)
{
    struct log_world *w = *state;
    char said[4096] = "";
    assert_int_equal(chmod(w->path, 0664), 0);
    log_sql(w, "DROP TRIGGER events_update");
    assert_int_not_equal(store_check(w->store, collect, said), STORE_OK);
    assert_non_null(strstr(said, "mode 0664"));
    assert_non_null(strstr(said, "trigger events_update is missing"));
    said[0] = '\0';
    log_sql(w, "BEGIN IMMEDIATE");
    assert_int_not_equal(store_check(w->store, collect, said), STORE_OK);
    assert_non_null(strstr(said, "cannot be written"));
    log_sql(w, "ROLLBACK");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LOG_TEST(test_any_allocation_may_fail_and_the_next_call_works),
        LOG_TEST(test_somebodys_open_transaction_makes_an_append_busy_and_no_read),
        LOG_TEST(test_a_full_log_refuses_an_append_whole_and_is_still_read),
        LOG_TEST(test_opening_a_log_that_is_there_takes_no_write_lock),
        LOG_TEST(test_a_newer_log_is_refused_with_a_sentence),
        LOG_TEST(test_a_file_that_is_no_database_is_told_and_left_alone),
        LOG_TEST(test_a_missing_directory_is_told),
        LOG_TEST(test_the_group_shares_the_log_but_not_the_sessions),
        LOG_TEST(test_the_check_finds_nothing_wrong_with_a_new_log),
        LOG_TEST(test_the_check_says_what_is_wrong),
    };
    sqlite_memory_replace();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
