/* How the SQLite engine waits: watches, looks at the end, and what they cost. */
#include "tests/unit/log_world.h"

#include <dirent.h>
#include <pthread.h>
#include <sys/inotify.h>
#include <sys/resource.h>
#include <time.h>

#include "store/sqlite/database.h"
#include "store/sqlite/engine.h"

enum { LONG_MS = 20000 };

/* Whether the wait ended before its time: the deadline is long, so no clock decides. */
static bool ends_early(struct log_world *w)
{
    struct timespec a, b;
    clock_gettime(CLOCK_MONOTONIC, &a);
    assert_int_equal(store_wait(w->store, w->through, LONG_MS), STORE_OK);
    clock_gettime(CLOCK_MONOTONIC, &b);
    return b.tv_sec - a.tv_sec < LONG_MS / 1000 - 1;
}

static void test_no_transaction_is_open_while_waiting(void **state)
{
    struct log_world *w = *state;
    log_insert(w, 3);
    log_read(w, 0, NULL);
    assert_int_equal(store_wait(w->store, w->through, 1), STORE_OK);
    int frames = -1, copied = -1; /* a reader would keep RESTART from it */
    assert_int_equal(
        sqlite3_wal_checkpoint_v2(w->shell, NULL, SQLITE_CHECKPOINT_RESTART, &frames, &copied),
        SQLITE_OK);
    assert_int_equal(frames, copied);
}

static void test_a_symbolic_link_to_the_log_is_followed(void **state)
{
    struct log_world *w = *state;
    struct log_world linked = {0};
    char path[64];
    snprintf(path, sizeof path, "%s/link", w->dir);
    assert_int_equal(symlink(w->path, path), 0);
    assert_int_equal(store_open(&linked.store, path), STORE_OK);
    log_read(&linked, 0, NULL);
    log_insert(w, 1);
    assert_true(ends_early(&linked));
    assert_string_equal(log_read(&linked, 0, NULL), "1");
    store_close(linked.store);
}

/* Each look begins where one moment of the log is; the schema is looked at in it, too. */
static void test_a_change_of_the_schema_ends_the_wait(void **state)
{
    struct log_world *w = *state;
    log_insert(w, 1);
    log_read(w, 0, NULL);
    log_sql(w, "DROP TRIGGER events_inserted");
    assert_true(ends_early(w));
    assert_true(sqlite_of(w->store)->lacks[0]);
    log_read(w, 0, NULL); /* mends */
    assert_false(sqlite_of(w->store)->lacks[0]);
    log_sql(w, "ALTER TABLE events RENAME COLUMN data TO text");
    assert_true(ends_early(w));
    assert_int_equal(log_ask(w, 0, NULL), STORE_CORRUPT);
    assert_true(ends_early(w)); /* to be tried again */
    log_sql(w, "ALTER TABLE events RENAME COLUMN text TO data");
    assert_string_equal(log_read(w, 0, NULL), "1");
}

/* A read can be the first to find it, and cannot tell of it any more. */
static void test_a_removal_that_was_found_by_a_read_ends_the_wait(void **state)
{
    struct log_world *w = *state;
    log_sql(w, "INSERT INTO events(key) VALUES ('k'), ('l')");
    assert_string_equal(log_read(w, 0, NULL), "1 2");
    log_sql(w, "DELETE FROM events WHERE key = 'k'; INSERT INTO events(data) VALUES ('news')");
    assert_string_equal(log_read(w, 2, NULL), "3");
    assert_true(ends_early(w));
    assert_string_equal(log_read(w, 3, NULL), "hole:<4");
}

/* How often this thread slept until now. */
static long sleeps(void)
{
    struct rusage u;
    assert_int_equal(getrusage(RUSAGE_THREAD, &u), 0);
    return u.ru_nvcsw;
}

/* Whether the wait takes the 70 ms that it may. */
static bool ends_late(struct log_world *w)
{
    struct timespec a, b;
    clock_gettime(CLOCK_MONOTONIC, &a);
    assert_int_equal(store_wait(w->store, w->through, 70), STORE_OK);
    clock_gettime(CLOCK_MONOTONIC, &b);
    return (b.tv_sec - a.tv_sec) * 1000 + (b.tv_nsec - a.tv_nsec) / 1000000 >= 69;
}

/* It is tried again after a second. */
static void test_a_removal_that_cannot_be_told_yet_does_not_keep_it_awake(void **state)
{
    struct log_world *w = *state;
    log_sql(w, "INSERT INTO events(key) VALUES ('k')");
    assert_string_equal(log_read(w, 0, NULL), "1");
    log_sql(w, "DELETE FROM events; BEGIN IMMEDIATE");
    for (int i = 0; i < 2; i++) /* the first finds it, the second tries */
        assert_string_equal(log_read(w, 1, NULL), "");
    assert_true(ends_late(w));
    log_sql(w, "COMMIT");
}

/* The application commits what is no event, several pages each time.  What the watch told of a
 * commit that was seen is no reason to look 250 times for another one. */
static void test_commits_to_other_tables_do_not_keep_it_awake(void **state)
{
    enum { COMMITS = 10 };
    struct log_world *w = *state;
    long slept = 0;
    log_sql(w, "CREATE TABLE other(x)");
    log_read(w, 0, NULL);
    for (int i = 0; i < COMMITS; i++) {
        log_sql(w, "INSERT INTO other VALUES (zeroblob(100000))");
        long before = sleeps();
        assert_true(ends_late(w));
        slept += sleeps() - before;
    }
    assert_in_range(slept, COMMITS, 100 * COMMITS);
}

static void *insert_later(void *arg)
{
    struct log_world *w = arg;
    log_insert(w, 1);
    return NULL;
}

/* And the row that follows such a commit is not missed, wherever it falls. */
static void test_a_row_after_commits_to_other_tables_ends_the_wait(void **state)
{
    struct log_world *w = *state;
    pthread_t t;
    log_sql(w, "CREATE TABLE other(x)");
    for (int i = 1; i <= 20; i++) {
        log_read(w, 0, NULL);
        assert_int_equal(w->end.last_id, i - 1);
        log_sql(w, "INSERT INTO other VALUES (1)");
        assert_int_equal(pthread_create(&t, NULL, insert_later, w), 0);
        assert_true(ends_early(w));
        pthread_join(t, NULL);
    }
}

/* So many inotify instances as there are; *n of them. */
static void take_all_watches(int *held, int *n, int most)
{
    *n = 0;
    while (*n < most && (held[*n] = inotify_init1(IN_CLOEXEC)) >= 0)
        ++*n;
}

static int watches(void)
{
    int n = 0;
    DIR *d = opendir("/proc/self/fd");
    assert_non_null(d);
    for (struct dirent *e; (e = readdir(d));) {
        char to[64] = "";
        if (readlinkat(dirfd(d), e->d_name, to, sizeof to - 1) > 0)
            n += strstr(to, "inotify") != NULL;
    }
    closedir(d);
    return n;
}

static void
test_without_a_watch_rows_are_found_and_a_watch_is_taken_when_there_is_one(void **state)
{
    enum { MOST = 500 };
    struct log_world *w = *state;
    static int held[MOST];
    int n;
    take_all_watches(held, &n, MOST);
    log_read(w, 0, NULL);
    for (int i = 0; i < 3; i++) {
        log_insert(w, 1);
        assert_true(ends_early(w));
        log_read(w, 0, NULL);
    }
    while (n > 0)
        close(held[--n]);
    assert_int_equal(store_wait(w->store, w->through, 1), STORE_OK);
    assert_int_equal(watches(), 1);
    log_insert(w, 1);
    assert_true(ends_early(w));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LOG_TEST(test_no_transaction_is_open_while_waiting),
        LOG_TEST(test_a_symbolic_link_to_the_log_is_followed),
        LOG_TEST(test_a_removal_that_cannot_be_told_yet_does_not_keep_it_awake),
        LOG_TEST(test_a_removal_that_was_found_by_a_read_ends_the_wait),
        LOG_TEST(test_a_change_of_the_schema_ends_the_wait),
        LOG_TEST(test_commits_to_other_tables_do_not_keep_it_awake),
        LOG_TEST(test_a_row_after_commits_to_other_tables_ends_the_wait),
        LOG_TEST(test_without_a_watch_rows_are_found_and_a_watch_is_taken_when_there_is_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
