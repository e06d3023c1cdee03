/* Claims while the file of the sessions is read-only or of a newer version, without a lease, and
 * without memory: the stream runs unsaved, or is told to come later, and nothing is left behind. */
#include "tests/unit/sqlite_memory.h"
#include "tests/unit/store_world.h"

#include <sys/wait.h>

static int read_only(sqlite3 *db, const char **why, const struct sqlite3_api_routines *api)
{
    (void)why, (void)api;
    return sqlite3_exec(db, "PRAGMA query_only = 1", NULL, NULL, NULL);
}

static void test_a_read_only_sessions_file_is_read_by_who_opens_it_first(void **state)
{
    struct world *w = *state;
    struct claim_request r = some_request();
    struct claim c;
    struct store *later;
    char token[SESSION_TOKEN_SIZE];
    strcpy(token, world_claim_token(w, NULL)->token);
    r.token = token;
    world_sql(w->sessions, "DELETE FROM responders"); /* so that there is one to enter */
    assert_int_equal(store_open(&later, w->log_path), STORE_OK);
    sqlite3_auto_extension((void (*)(void))read_only);
    enum store_result result = store_claim(later, w->settings, &r, &c);
    sqlite3_reset_auto_extension();
    assert_int_equal(result, STORE_OK);
    subscription_free(c.subscription);
    assert_true(c.reconnection);
    assert_string_equal(c.token, token);
    assert_int_equal(c.saved, STORE_READONLY);
    assert_int_equal(c.stream_id, 0);
    result = store_claim(later, w->settings, &r, &c); /* it may be written again */
    subscription_free(c.subscription);
    assert_int_equal(result, STORE_OK);
    assert_int_equal(c.saved, STORE_OK);
    assert_int_equal(world_number(w->sessions, "SELECT count(*) FROM responders"), 1);
    store_close(later);
}

static void test_without_a_lease_the_stream_runs_unsaved(void **state)
{
    struct world *w = *state;
    char leases[100];
    snprintf(leases, sizeof leases, "%s.leases", w->log_path);
    assert_int_equal(unlink(leases), 0);
    assert_int_equal(symlink("elsewhere", leases), 0);
    pid_t child = fork(); /* that holds nothing, and can get nothing */
    if (child == 0) {
        struct claim_request r = some_request();
        struct claim c;
        struct store *s;
        bool right = store_open(&s, w->log_path) == STORE_OK &&
                     store_claim(s, w->settings, &r, &c) == STORE_OK && c.saved == STORE_IO &&
                     c.stream_id == 0;
        _exit(right ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_int_equal(world_sessions(w), 0);
    assert_int_equal(world_open_streams(w), 0);
}

static void test_sessions_of_a_newer_version_are_left_alone(void **state)
{
    struct world *w = *state;
    struct store *other;
    struct claim_request r = some_request();
    struct claim c;
    world_sql(w->sessions, "UPDATE state SET version = 2");
    assert_int_equal(store_open(&other, w->log_path), STORE_OK);
    assert_int_equal(store_claim(other, w->settings, &r, &c), STORE_OK);
    assert_int_equal(c.saved, STORE_NEWER);
    subscription_free(c.subscription);
    store_close(other);
    assert_int_equal(world_sessions(w), 0);
}

/* ---- out of memory ----------------------------------------------------------------- */

/* SQLite's memory can be replaced only before its first use: in a process of its own. */
static int claim_until_it_succeeds(void)
{
    void *state;
    sqlite_memory_replace();
    sqlite3_config(SQLITE_CONFIG_LOOKASIDE, 0, 0);
    world_setup(&state);
    struct world *w = state;
    world_claim_token(w, NULL);
    char token[SESSION_TOKEN_SIZE];
    strcpy(token, w->claim.token);
    subscription_free(w->claim.subscription);
    int failures = 0, claims = 1;
    for (long n = 1;; n++) {
        struct store *fresh;
        struct claim_request r = some_request();
        r.token = token;
        if (store_open(&fresh, w->log_path) != STORE_OK)
            return 2;
        sqlite_memory_fail(n, true);
        enum store_result result = store_claim(fresh, w->settings, &r, &w->claim);
        bool ran_out = sqlite_memory_mend();
        if (result == STORE_OK && w->claim.stream_id)
            claims++;
        else if (result != STORE_NOMEM)
            return 3;
        subscription_free(w->claim.subscription);
        w->claim.subscription = NULL;
        store_close(fresh);
        if (world_open_streams(w) > claims)
            return 4;
        if (!ran_out)
            break;
        failures += result != STORE_OK;
    }
    world_teardown(&state);
    return failures > 20 ? 0 : 5;
}

static void test_out_of_memory_refuses_the_claim_and_nothing_else(void **state)
{
    (void)state;
    assert_int_equal(sqlite_memory_process(), 0);
}

int main(int argc, char **argv)
{
    (void)argv;
    if (argc > 1)
        return claim_until_it_succeeds();
    const struct CMUnitTest tests[] = {
        TEST(test_a_read_only_sessions_file_is_read_by_who_opens_it_first),
        TEST(test_without_a_lease_the_stream_runs_unsaved),
        TEST(test_sessions_of_a_newer_version_are_left_alone),
        cmocka_unit_test(test_out_of_memory_refuses_the_claim_and_nothing_else),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
