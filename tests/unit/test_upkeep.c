#include "tests/unit/log_world.h"

#include <pthread.h>
#include <stdatomic.h>
#include <time.h>
#include <unistd.h>

#include "store/sqlite/engine.h"
#include "store/sqlite/upkeep.h"

static void test_a_checkpoint_is_made_when_the_wal_is_large(void **state)
{
    struct log_world *w = *state;
    struct sqlite_store *s = sqlite_of(w->store);
    struct wal wal;
    bool alone;
    for (int i = 0; i < 30; i++)
        log_sql(w, "INSERT INTO events(data) VALUES (printf('%%.10000c', 'x'))");
    assert_int_equal(upkeep_checkpoint(s, 1 << 30, &wal, &alone), STORE_OK);
    assert_false(wal.whole || alone || wal.bytes);
    sqlite3 *reader = NULL;
    assert_int_equal(sqlite3_open(w->path, &reader), SQLITE_OK);
    assert_int_equal(sqlite3_exec(reader, "BEGIN; SELECT * FROM rowcast_log", NULL, NULL, NULL),
                     SQLITE_OK);
    log_insert(w, 1);
    assert_int_equal(upkeep_checkpoint(s, 100000, &wal, &alone), STORE_OK);
    assert_true(alone && !wal.whole && wal.left > 0); /* the reader keeps it */
    sqlite3_close(reader);
    assert_int_equal(upkeep_checkpoint(s, 100000, &wal, &alone), STORE_OK);
    assert_true(wal.whole && !alone);
    assert_true(wal.bytes > 100000);
    assert_int_equal(wal.left, 0);
}

/* Two threads that read without a pause, each row slowly: there is always one under way. */
enum { SLOW_READERS = 2 };

struct slow_reader {
    const char *path;
    enum store_result (*read)(struct store *s);
    atomic_bool *stop;
    atomic_int reads; /* that came to their ends */
    pthread_t thread;
    char failed[STORE_WHY_SIZE]; /* "": no read did; for the thread of the test to see */
};

static void slow_begin(void *arg, const struct store_end *end)
{
    (void)arg, (void)end;
}

static enum store_taken slow_row(void *arg, const struct event *e)
{
    static const struct timespec pause = {.tv_nsec = 3000000};
    (void)arg, (void)e;
    nanosleep(&pause, NULL);
    return STORE_MORE;
}

static enum store_result read_rows(struct store *s)
{
    struct store_sink sink = {NULL, slow_begin, NULL, slow_row};
    struct store_question q = {.after = 0};
    int64_t through;
    return store_read(s, &q, &sink, &through);
}

static enum store_result read_stats(struct store *s)
{
    struct store_stats stats;
    return store_stats(s, &stats);
}

/* No assertion here: if one fails on another thread than the test's, cmocka ends the whole
 * program without a word. */
static void *slow_run(void *arg)
{
    struct slow_reader *r = arg;
    struct store *s = NULL;
    if (store_open(&s, r->path) != STORE_OK)
        strcpy(r->failed, "out of memory");
    while (s && !atomic_load(r->stop)) {
        if (r->read(s) != STORE_OK)
            strcpy(r->failed, store_why(s));
        atomic_fetch_add(&r->reads, 1);
    }
    store_close(s);
    return NULL;
}

/* Write until each of them has read from its beginning to its end.  From then on the files are
 * open, and to open one takes a read that shares no lock. */
static void await_reads(struct log_world *w, struct slow_reader *reader, int round)
{
    for (int i = 0; i < SLOW_READERS; i++) {
        int before = atomic_load(&reader[i].reads);
        while (atomic_load(&reader[i].reads) < before + 2)
            log_set(w, "retry", 1000 + round);
    }
}

/* Each try waits for the readers for a quarter of a second at most, which is too short on a
 * machine that has much else to do.  *alone: one of the tries had to wait. */
static enum store_result checkpoint_again(struct log_world *w, struct wal *wal, bool *alone)
{
    enum store_result r = STORE_BUSY;
    for (int i = 0; i < 20 && r == STORE_BUSY; i++) {
        bool waited;
        r = upkeep_checkpoint(sqlite_of(w->store), 1, wal, &waited);
        *alone |= waited;
    }
    return r;
}

static void expect_checkpoints_beside(struct log_world *w,
                                      enum store_result (*read)(struct store *s))
{
    struct slow_reader reader[SLOW_READERS];
    atomic_bool stop = false;
    struct wal wal;
    bool alone = false;
    for (int i = 0; i < SLOW_READERS; i++) {
        reader[i] = (struct slow_reader){.path = w->path, .read = read, .stop = &stop};
        assert_int_equal(pthread_create(&reader[i].thread, NULL, slow_run, &reader[i]), 0);
    }
    for (int i = 0; i < 5; i++) {
        await_reads(w, reader, i);
        assert_int_equal(checkpoint_again(w, &wal, &alone), STORE_OK);
        assert_true(wal.whole);
    }
    assert_true(alone); /* they were in the way */
    atomic_store(&stop, true);
    for (int i = 0; i < SLOW_READERS; i++) {
        pthread_join(reader[i].thread, NULL);
        assert_string_equal(reader[i].failed, "");
    }
}

static void test_steady_readers_of_this_process_keep_no_checkpoint_from_its_end(void **state)
{
    struct log_world *w = *state;
    log_insert(w, 10);
    expect_checkpoints_beside(w, read_rows);
}

static void test_neither_does_who_asks_for_the_statistics_of_many_mailboxes(void **state)
{
    struct log_world *w = *state;
    log_sql(w, "WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n "
               "WHERE i < 20000) INSERT INTO events(channel) SELECT 'room-' || i FROM n");
    expect_checkpoints_beside(w, read_stats);
}

/* A question does not end: the checkpoint is put off, and the following of the log goes on. */
static void test_a_reader_that_does_not_end_holds_nobody_up_for_long(void **state)
{
    struct log_world *w = *state;
    struct wal wal;
    bool alone;
    log_insert(w, 1);
    upkeep_share();
    sqlite3 *reader = NULL;
    assert_int_equal(sqlite3_open(w->path, &reader), SQLITE_OK);
    assert_int_equal(sqlite3_exec(reader, "BEGIN; SELECT * FROM rowcast_log", NULL, NULL, NULL),
                     SQLITE_OK);
    log_insert(w, 1);
    assert_int_equal(upkeep_checkpoint(sqlite_of(w->store), 1, &wal, &alone), STORE_BUSY);
    assert_true(alone && !wal.whole);
    assert_non_null(strstr(store_why(w->store), "this process"));
    upkeep_unshare();
    sqlite3_close(reader);
    assert_int_equal(upkeep_checkpoint(sqlite_of(w->store), 1, &wal, &alone), STORE_OK);
    assert_true(wal.whole);
}

static int overs;

static void count_overs(enum store_notice what, const char *words)
{
    (void)words;
    overs += what == STORE_CHECKPOINT_DONE;
}

static enum store_result upkeep_now(struct log_world *w)
{
    bool worked;
    sqlite_of(w->store)->wal_looked_at = 0; /* as if a second had passed */
    return store_upkeep(w->store, &worked);
}

static void test_a_wait_is_not_over_because_the_next_look_fails(void **state)
{
    struct log_world *w = *state;
    char aside[sizeof w->path + 8];
    snprintf(aside, sizeof aside, "%s.aside", w->path);
    log_insert(w, 1);
    assert_int_equal(upkeep_now(w), STORE_OK);
    sqlite_of(w->store)->wal_waits_since = 1;
    overs = 0;
    store_notices(count_overs);
    assert_int_equal(rename(w->path, aside), 0);
    assert_int_equal(upkeep_now(w), STORE_BUSY);
    assert_int_equal(overs, 0);
    assert_int_equal(rename(aside, w->path), 0);
    assert_int_equal(upkeep_now(w), STORE_OK);
    assert_int_equal(overs, 1);
    store_notices(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LOG_TEST(test_a_checkpoint_is_made_when_the_wal_is_large),
        LOG_TEST(test_steady_readers_of_this_process_keep_no_checkpoint_from_its_end),
        LOG_TEST(test_neither_does_who_asks_for_the_statistics_of_many_mailboxes),
        LOG_TEST(test_a_reader_that_does_not_end_holds_nobody_up_for_long),
        LOG_TEST(test_a_wait_is_not_over_because_the_next_look_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
