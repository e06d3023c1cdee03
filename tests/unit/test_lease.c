/* A responder's life is a lock, which the kernel drops with the process. */
#include "tests/unit/store_world.h"

#include "store/sqlite/database.h"
#include "store/sqlite/engine.h"
#include "store/sqlite/lease.h"
#include "store/sqlite/sessions.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

/* Another responder: it takes a lease, claims `claims` streams, tells its number and waits to
 * be killed. */
struct other {
    pid_t pid;
    int number;
};

static void live(struct world *w, int claims, int out)
{
    struct store *s;
    struct claim_request r = some_request();
    int number = -1;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (store_open(&s, w->log_path) == STORE_OK && store_join(s) == STORE_OK)
        number = lease_number(sqlite_of(s));
    for (int i = 0; i < claims; i++) {
        struct claim c;
        if (store_claim(s, w->settings, &r, &c) != STORE_OK || c.saved != STORE_OK)
            number = -1;
    }
    if (write(out, &number, sizeof number) != sizeof number)
        _exit(1);
    for (;;)
        pause();
}

static struct other other_start(struct world *w, int claims)
{
    int ends[2];
    struct other o;
    assert_int_equal(pipe(ends), 0);
    o.pid = fork();
    if (o.pid == 0)
        live(w, claims, ends[1]);
    close(ends[1]);
    assert_int_equal(read(ends[0], &o.number, sizeof o.number), sizeof o.number);
    close(ends[0]);
    return o;
}

static void other_kill(struct other o)
{
    assert_int_equal(kill(o.pid, SIGKILL), 0);
    assert_int_equal(waitpid(o.pid, NULL, 0), o.pid);
}

static int64_t open_under(struct world *w, int number)
{
    return world_number(
        w->sessions, "SELECT count(*) FROM streams WHERE ended_at IS NULL AND responder = %d",
        number);
}

static void test_the_first_lease_is_number_one(void **state)
{
    struct world *w = *state;
    assert_int_equal(lease_number(sqlite_of(w->store)), 1);
    assert_int_equal(world_number(w->sessions, "SELECT pid FROM responders WHERE id = 1"),
                     getpid());
}

static void test_only_its_own_account_may_touch_leases_and_sessions(void **state)
{
    struct world *w = *state;
    struct stat st;
    char path[64];
    sprintf(path, "%s.leases", w->log_path);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(stat(w->sessions_path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
}

static void test_stores_of_one_process_share_its_lease(void **state)
{
    struct world *w = *state;
    struct store *second;
    assert_int_equal(store_open(&second, w->log_path), STORE_OK);
    assert_int_equal(lease_number(sqlite_of(second)), 1);
    assert_int_equal(store_join(second), STORE_OK);
    assert_int_equal(lease_number(sqlite_of(second)), 1);
    store_close(second);
    assert_true(lease_alive(sqlite_of(w->store), 1)); /* closing one drops nothing */
    struct other o = other_start(w, 0);
    assert_int_equal(o.number, 2);
    other_kill(o);
}

static void test_each_process_has_a_number_of_its_own(void **state)
{
    struct world *w = *state;
    struct other a = other_start(w, 1), b = other_start(w, 1);
    assert_int_equal(a.number, 2);
    assert_int_equal(b.number, 3);
    assert_int_equal(open_under(w, 2), 1);
    assert_int_equal(open_under(w, 3), 1);
    other_kill(a);
    other_kill(b);
}

static void test_a_killed_process_is_known_to_be_dead(void **state)
{
    struct world *w = *state;
    struct other o = other_start(w, 0);
    assert_true(lease_alive(sqlite_of(w->store), o.number));
    other_kill(o);
    assert_false(lease_alive(sqlite_of(w->store), o.number));
    assert_true(lease_alive(sqlite_of(w->store), 1)); /* ourselves */
    assert_false(lease_alive(sqlite_of(w->store), 0));
    assert_false(lease_alive(sqlite_of(w->store), -1));
    assert_false(lease_alive(sqlite_of(w->store), INT64_MAX));
}

static void test_who_takes_a_dead_ones_number_ends_its_streams(void **state)
{
    struct world *w = *state;
    struct other o = other_start(w, 3);
    int64_t last = world_number(w->sessions, "SELECT max(id) FROM streams");
    world_sql(w->sessions, "INSERT INTO endings(responder, stream_id) VALUES (%d, %lld)",
              o.number, last);
    other_kill(o);
    assert_int_equal(open_under(w, o.number), 3);
    struct other heir = other_start(w, 1);
    assert_int_equal(heir.number, o.number);
    assert_int_equal(open_under(w, o.number), 1);
    assert_int_equal(world_number(w->sessions, "SELECT count(*) FROM endings"), 0);
    assert_int_equal(
        world_number(w->sessions, "SELECT count(*) FROM sessions WHERE idle_since IS NOT NULL"),
        3);
    other_kill(heir);
}

static void test_a_sessions_file_made_anew_knows_its_responders_again(void **state)
{
    struct world *w = *state;
    char wal[64];
    sprintf(wal, "%s-wal", w->sessions_path);
    assert_int_equal(unlink(w->sessions_path), 0);
    assert_int_equal(unlink(wal), 0);
    world_claim_token(w, NULL);
    sqlite3_close(w->sessions);
    assert_int_equal(sqlite3_open(w->sessions_path, &w->sessions), SQLITE_OK);
    assert_int_equal(world_number(w->sessions, "SELECT pid FROM responders WHERE id = 1"),
                     getpid());
}

static void test_streams_that_a_restored_file_has_under_our_number_are_ended(void **state)
{
    struct world *w = *state;
    struct store *later;
    bool known;
    struct claim *c = world_claim_token(w, NULL);
    world_sql(w->sessions, "UPDATE responders SET started_at = started_at - 1");
    assert_int_equal(store_open(&later, w->log_path), STORE_OK);
    assert_int_equal(open_under(w, 1), 1);
    assert_int_equal(sessions_known(sqlite_of(later), c->session_id, &known),
                     STORE_OK); /* opens the file */
    assert_int_equal(open_under(w, 1), 0);
    store_close(later);
}

static void leases_remove(struct world *w)
{
    char path[64];
    sprintf(path, "%s.leases", w->log_path);
    assert_int_equal(unlink(path), 0);
}

static void beat(struct world *w)
{
    int64_t id;
    size_t n;
    assert_int_equal(store_beat(w->store, &id, 1, &n), STORE_OK);
}

static void test_a_removed_file_of_leases_is_made_again_with_our_number(void **state)
{
    struct world *w = *state;
    world_claim_token(w, NULL);
    assert_true(lease_janitor(sqlite_of(w->store)));
    leases_remove(w);
    beat(w);
    assert_int_equal(lease_number(sqlite_of(w->store)), 1);
    struct other o = other_start(w, 1);
    assert_int_equal(o.number, 2);
    assert_int_equal(open_under(w, 1), 1);
    assert_true(lease_alive(sqlite_of(w->store), 2));
    assert_true(lease_janitor(sqlite_of(w->store)));
    other_kill(o);
}

static void test_who_lost_its_number_with_the_file_takes_another(void **state)
{
    struct world *w = *state;
    leases_remove(w);
    struct other o = other_start(w, 1);
    assert_int_equal(o.number, 1);
    beat(w);
    assert_int_equal(lease_number(sqlite_of(w->store)), 2);
    assert_int_equal(world_number(w->sessions, "SELECT pid FROM responders WHERE id = 2"),
                     getpid());
    world_claim_token(w, NULL);
    assert_int_equal(open_under(w, 1), 1);
    assert_int_equal(open_under(w, 2), 1);
    assert_true(lease_alive(sqlite_of(w->store), 1));
    other_kill(o);
    assert_false(lease_alive(sqlite_of(w->store), 1));
}

static void test_the_dead_are_found_behind_any_number_of_living_responders(void **state)
{
    struct world *w = *state;
    struct flock living = {.l_type = F_WRLCK, .l_start = 2, .l_len = 600};
    char path[64];
    sprintf(path, "%s.leases", w->log_path);
    int fd = open(path, O_RDWR);
    assert_int_equal(fcntl(fd, F_OFD_SETLK, &living), 0);
    world_sql(w->sessions,
              "WITH RECURSIVE n(i) AS (VALUES (2) UNION ALL SELECT i + 1 FROM n WHERE i < 601) "
              "INSERT INTO responders(id, pid, started_at) SELECT i, 1, 1 FROM n");
    world_claim_token(w, NULL);
    world_sql(w->sessions, "UPDATE streams SET responder = 700");
    world_serve(w, 1);
    assert_int_equal(world_open_streams(w), 0);
    assert_int_equal(world_number(w->sessions, "SELECT count(*) FROM responders"), 601);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_the_first_lease_is_number_one),
        TEST(test_only_its_own_account_may_touch_leases_and_sessions),
        TEST(test_stores_of_one_process_share_its_lease),
        TEST(test_each_process_has_a_number_of_its_own),
        TEST(test_a_killed_process_is_known_to_be_dead),
        TEST(test_who_takes_a_dead_ones_number_ends_its_streams),
        TEST(test_a_sessions_file_made_anew_knows_its_responders_again),
        TEST(test_streams_that_a_restored_file_has_under_our_number_are_ended),
        TEST(test_a_removed_file_of_leases_is_made_again_with_our_number),
        TEST(test_who_lost_its_number_with_the_file_takes_another),
        TEST(test_the_dead_are_found_behind_any_number_of_living_responders),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
