/* Several processes, or threads of one, upgrade the same files at the same moment: one of them does
 * it, and all of them serve what came of it. */
#include "tests/unit/old_world.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/wait.h>

static atomic_int upgraded, not_upgraded;

static void count_notice(enum store_notice what, const char *text)
{
    (void)text;
    upgraded += what == STORE_UPGRADED;
    not_upgraded += what == STORE_NOT_UPGRADED;
}

static void listen_to(store_say say)
{
    upgraded = not_upgraded = 0;
    store_notices(say);
}

/* ---- all of them at once ------------------------------------------------------------------ */

/* A store that opens both files and publishes, with as much patience as there is. */
static void *use_a_store(void *arg)
{
    const struct world *w = arg;
    struct store *s = NULL;
    struct store_end end;
    struct publication p = {.channel = "", .type = "a", .data = "x", .data_len = 1};
    int64_t id;
    enum store_result r = store_open(&s, w->log_path);
    if (r == STORE_OK)
        r = store_where(s, &end);
    if (r == STORE_OK)
        r = store_join(s);
    if (r == STORE_OK)
        r = store_append(s, &p, &id, end.epoch);
    if (r != STORE_OK)
        fprintf(stderr, "%d: %s\n", r, s ? store_why(s) : "");
    store_close(s);
    return r == STORE_OK ? NULL : arg;
}

static void test_processes_that_upgrade_at_once_all_serve(void **state)
{
    enum { PROCESSES = 5 /* the mailbox keeps as many */ };
    struct world *w = *state;
    int go[2], status;
    pid_t pid[PROCESSES];
    assert_int_equal(pipe(go), 0);
    for (int i = 0; i < PROCESSES; i++)
        if ((pid[i] = fork()) == 0) {
            char byte;
            close(go[1]);
            _exit(read(go[0], &byte, 1) != 0 || use_a_store(w) != NULL);
        }
    close(go[0]);
    close(go[1]); /* all of them, at once */
    for (int i = 0; i < PROCESSES; i++) {
        assert_int_equal(waitpid(pid[i], &status, 0), pid[i]);
        assert_int_equal(status, 0);
    }
    assert_string_equal(old_read(w->store, OLD_LAST), "18 19 20 21 22");
    assert_int_equal(old_revision(w->log, "rowcast_log"), 2);
    assert_int_equal(old_revision(w->sessions, "state"), 2);
}

static void test_threads_that_upgrade_at_once_all_serve(void **state)
{
    enum { THREADS = 4 };
    struct world *w = *state;
    pthread_t thread[THREADS];
    listen_to(count_notice);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&thread[i], NULL, use_a_store, w), 0);
    for (int i = 0; i < THREADS; i++) {
        void *failed;
        assert_int_equal(pthread_join(thread[i], &failed), 0);
        assert_null(failed);
    }
    store_notices(NULL);
    assert_int_equal(upgraded, 2); /* the log and the sessions */
    assert_string_equal(old_read(w->store, OLD_LAST), "18 19 20 21");
    assert_int_equal(old_revision(w->sessions, "state"), 2);
}

/* ---- in the middle of an opening ---------------------------------------------------------- */

static struct world *meanwhile;

static void upgrade_as_another_program(void)
{
    struct store *other;
    struct store_end end;
    assert_int_equal(store_open(&other, meanwhile->log_path), STORE_OK);
    assert_int_equal(store_where(other, &end), STORE_OK);
    assert_int_equal(old_append(other, "k"), STORE_OK);
    store_close(other);
    assert_int_equal(old_revision(meanwhile->log, "rowcast_log"), 2);
}

/* The lock is given back just after it was in the way. */
static void unlock_and_upgrade(enum store_notice what, const char *text)
{
    count_notice(what, text);
    if (what != STORE_NOT_UPGRADED || not_upgraded > 1)
        return;
    world_sql(meanwhile->log, "COMMIT");
    upgrade_as_another_program();
}

static void test_an_upgrade_between_our_attempt_and_our_first_look_is_noticed(void **state)
{
    struct world *w = meanwhile = *state;
    struct store_end end;
    world_sql(w->log, "BEGIN IMMEDIATE");
    listen_to(unlock_and_upgrade);
    assert_int_equal(store_where(w->store, &end), STORE_OK);
    store_notices(NULL);
    assert_int_equal(not_upgraded, 1);
    (void)old_read(w->store, OLD_LAST); /* finds it */
    assert_string_equal(old_read(w->store, OLD_LAST), "18=k");
}

static bool let_another_begin;

/* SQLite calls it when a statement begins to run. */
static int before_statement(unsigned type, void *arg, void *stmt, void *sql)
{
    (void)type, (void)arg, (void)stmt;
    if (let_another_begin && strstr(sql, "BEGIN IMMEDIATE")) {
        let_another_begin = false;
        upgrade_as_another_program();
    }
    return 0;
}

static int trace_statements(sqlite3 *db, char **why, const void *routines)
{
    (void)why, (void)routines;
    return sqlite3_trace_v2(db, SQLITE_TRACE_STMT, before_statement, NULL);
}

static void
test_who_finds_the_log_upgraded_at_its_turn_does_not_say_that_it_did_it(void **state)
{
    struct world *w = meanwhile = *state;
    void (*trace)(void) = (void (*)(void))trace_statements;
    let_another_begin = true;
    listen_to(count_notice);
    sqlite3_auto_extension(trace);
    assert_string_equal(old_read(w->store, OLD_LAST), "18=k");
    sqlite3_cancel_auto_extension(trace);
    store_notices(NULL);
    assert_false(let_another_begin);
    assert_int_equal(upgraded,
                     2); /* the other one upgraded the log, and looked at the sessions */
    assert_int_equal(not_upgraded, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        OLD_TEST(test_processes_that_upgrade_at_once_all_serve),
        OLD_TEST(test_threads_that_upgrade_at_once_all_serve),
        OLD_TEST(test_an_upgrade_between_our_attempt_and_our_first_look_is_noticed),
        OLD_TEST(test_who_finds_the_log_upgraded_at_its_turn_does_not_say_that_it_did_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
