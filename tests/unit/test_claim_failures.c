/* Claims while a file is locked, full, read-only, ruined or of a newer version, and without
 * memory: the stream runs unsaved, or is told to come later, and nothing is left behind. */
#include "tests/unit/store_world.h"

#include "store/sqlite/database.h"

#include <sys/wait.h>

static void test_a_locked_sessions_file_means_later_and_leaves_nothing(void **state)
{
    struct world *w = *state;
    struct claim_request r = world_request();
    world_sql(w->sessions, "BEGIN IMMEDIATE");
    assert_int_equal(store_claim(w->store, w->settings, &r, &w->claim), STORE_BUSY);
    assert_null(w->claim.subscription);
    assert_string_not_equal(store_why(w->store), "");
    world_sql(w->sessions, "COMMIT");
    assert_int_equal(world_sessions(w), 0);
    world_claim(w, &r);
    assert_int_equal(world_sessions(w), 1);
}

static void test_a_log_that_is_locked_for_writing_stops_no_claim(void **state)
{
    struct world *w = *state;
    world_sql(w->log, "BEGIN IMMEDIATE; INSERT INTO events(data) VALUES ('not yet')");
    assert_int_equal(world_claim_token(w, NULL)->until, 0);
    world_sql(w->log, "COMMIT");
    assert_int_equal(world_claim_token(w, NULL)->until, 1);
}

/* As on a full disk: the store's connection may not let the file grow. */
static void fill(struct world *w, bool full)
{
    sqlite3 *db = sqlite_of(w->store)->sessions.db;
    world_sql(db, "PRAGMA max_page_count = %lld",
              full ? world_number(db, "PRAGMA page_count") : 1000000);
}

static void
test_a_full_sessions_file_runs_the_stream_unsaved_and_honours_who_it_knows(void **state)
{
    struct world *w = *state;
    struct claim_request r = world_request();
    char token[SESSION_TOKEN_SIZE], id[SESSION_ID_SIZE], query[20000];
    strcpy(id, world_claim_token(w, NULL)->session_id);
    strcpy(token, w->claim.token);
    memset(query, 'q', sizeof query);
    query[sizeof query - 1] = '\0';
    r.query = query;
    r.token = token;
    fill(w, true);
    struct claim *c = world_claim(w, &r);
    assert_int_equal(c->saved, STORE_FULL);
    assert_int_equal(c->stream_id, 0);
    assert_true(c->reconnection);
    assert_string_equal(c->session_id, id);
    assert_string_equal(c->token, token);
    assert_int_equal(c->gap, GAP_NONE);
    r.token = NULL;
    c = world_claim(w, &r);
    assert_int_equal(c->saved, STORE_FULL);
    assert_true(is_hex(c->token, 32));
    assert_int_equal(world_sessions(w), 1); /* rolled back */
    fill(w, false);
    r.token = token;
    assert_int_equal(world_claim(w, &r)->saved, STORE_OK);
}

static int read_only(sqlite3 *db, const char **why, const struct sqlite3_api_routines *api)
{
    (void)why, (void)api;
    return sqlite3_exec(db, "PRAGMA query_only = 1", NULL, NULL, NULL);
}

static void test_a_read_only_sessions_file_is_read_by_who_opens_it_first(void **state)
{
    struct world *w = *state;
    struct claim_request r = world_request();
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
    pid_t child = fork(); /* that holds nothing */
    if (child == 0) {
        struct claim_request r = world_request();
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

/* Another file, which is no database, takes the place of `path`. */
static void ruin(const char *path)
{
    static const char *const ends[] = {"-wal", "-shm"};
    char name[80];
    sprintf(name, "%s.new", path);
    FILE *f = fopen(name, "w");
    assert_non_null(f);
    fputs("this is not a database, whatever its name may be", f);
    fclose(f);
    assert_int_equal(rename(name, path), 0);
    for (size_t i = 0; i < 2; i++) {
        sprintf(name, "%s%s", path, ends[i]);
        assert_int_equal(unlink(name), 0);
    }
}

static void test_a_sessions_file_that_is_none_runs_the_stream_unsaved(void **state)
{
    struct world *w = *state;
    char token[SESSION_TOKEN_SIZE], id[SESSION_ID_SIZE];
    strcpy(token, world_claim_token(w, NULL)->token);
    strcpy(id, w->claim.session_id);
    ruin(w->sessions_path);
    struct claim *c = world_claim_token(w, token);
    assert_int_equal(c->saved, STORE_CORRUPT);
    assert_int_equal(c->stream_id, 0);
    assert_int_equal(c->gap, GAP_NONE); /* each connection would be told, and reload the page */
    assert_true(c->keeps_token);
    assert_string_equal(c->token, token);
    assert_string_equal(c->session_id, id);
    c = world_claim_token(w, NULL);
    assert_int_equal(c->gap, GAP_NONE);
    assert_int_equal(unlink(w->sessions_path), 0);
    assert_int_equal(world_claim_token(w, NULL)->saved, STORE_OK);
}

static void test_sessions_of_a_newer_version_are_left_alone(void **state)
{
    struct world *w = *state;
    struct store *other;
    struct claim_request r = world_request();
    struct claim c;
    world_sql(w->sessions, "UPDATE state SET version = 2");
    assert_int_equal(store_open(&other, w->log_path), STORE_OK);
    assert_int_equal(store_claim(other, w->settings, &r, &c), STORE_OK);
    assert_int_equal(c.saved, STORE_NEWER);
    subscription_free(c.subscription);
    store_close(other);
    assert_int_equal(world_sessions(w), 0);
}

static void test_a_log_that_is_none_means_later_and_leaves_nothing(void **state)
{
    struct world *w = *state;
    struct claim_request r = world_request();
    ruin(w->log_path);
    assert_int_equal(store_claim(w->store, w->settings, &r, &w->claim), STORE_CORRUPT);
    assert_null(w->claim.subscription);
    assert_int_equal(world_sessions(w), 0);
}

static void test_a_claim_whose_count_fails_does_not_stay_open(void **state)
{
    struct world *w = *state;
    char text[EVENT_ID_SIZE];
    struct claim_request r = world_request();
    world_sql(w->log, "UPDATE rowcast_config SET value = 100000 WHERE name = 'buffer_size'");
    world_sql(w->log, "WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n "
                      "WHERE i < 50000) INSERT INTO events(data) SELECT i FROM n");
    event_id_format(text, w->epoch, 0);
    r.start = START_AT_ID;
    r.position = text;
    store_deadline(0); /* to count so many takes long */
    enum store_result result = store_claim(w->store, w->settings, &r, &w->claim);
    store_deadline(-1);
    assert_int_equal(result, STORE_IO);
    assert_null(w->claim.subscription);
    assert_int_equal(w->claim.stream_id, 0);
    assert_string_not_equal(store_why(w->store), "");
    assert_int_equal(world_number(w->sessions, "SELECT count(*) FROM streams"), 0);
    assert_int_equal(world_sessions(w), 0);
}

/* ---- out of memory ----------------------------------------------------------------- */

static sqlite3_mem_methods memory;
static long allocations_left = -1; /* negative: as many as asked for */

static bool may_allocate(void)
{
    return allocations_left < 0 || allocations_left-- > 0;
}

static void *failing_malloc(int n)
{
    if (allocations_left == 0)
        return NULL;
    return may_allocate() ? memory.xMalloc(n) : NULL;
}

static void *failing_realloc(void *p, int n)
{
    if (allocations_left == 0)
        return NULL;
    return may_allocate() ? memory.xRealloc(p, n) : NULL;
}

/* SQLite's memory can be replaced only before its first use: in a process of its own. */
static int claim_until_it_succeeds(void)
{
    void *state;
    sqlite3_config(SQLITE_CONFIG_GETMALLOC, &memory);
    sqlite3_mem_methods failing = memory;
    failing.xMalloc = failing_malloc;
    failing.xRealloc = failing_realloc;
    sqlite3_config(SQLITE_CONFIG_MALLOC, &failing);
    sqlite3_config(SQLITE_CONFIG_LOOKASIDE, 0, 0);
    world_setup(&state);
    struct world *w = state;
    world_claim_token(w, NULL);
    char token[SESSION_TOKEN_SIZE];
    strcpy(token, w->claim.token);
    subscription_free(w->claim.subscription);
    int failures = 0, claims = 1;
    for (long n = 0;; n++) {
        struct store *fresh;
        struct claim_request r = world_request();
        r.token = token;
        if (store_open(&fresh, w->log_path) != STORE_OK)
            return 2;
        allocations_left = n;
        enum store_result result = store_claim(fresh, w->settings, &r, &w->claim);
        bool ran_out = allocations_left == 0;
        allocations_left = -1;
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
    int status = 0;
    pid_t child = fork();
    if (child == 0) {
        execl("/proc/self/exe", "test_claim_failures", "out-of-memory", (char *)NULL);
        _exit(9);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

int main(int argc, char **argv)
{
    (void)argv;
    if (argc > 1)
        return claim_until_it_succeeds();
    const struct CMUnitTest tests[] = {
        TEST(test_a_locked_sessions_file_means_later_and_leaves_nothing),
        TEST(test_a_log_that_is_locked_for_writing_stops_no_claim),
        TEST(test_a_full_sessions_file_runs_the_stream_unsaved_and_honours_who_it_knows),
        TEST(test_a_read_only_sessions_file_is_read_by_who_opens_it_first),
        TEST(test_without_a_lease_the_stream_runs_unsaved),
        TEST(test_a_sessions_file_that_is_none_runs_the_stream_unsaved),
        TEST(test_sessions_of_a_newer_version_are_left_alone),
        TEST(test_a_log_that_is_none_means_later_and_leaves_nothing),
        TEST(test_a_claim_whose_count_fails_does_not_stay_open),
        cmocka_unit_test(test_out_of_memory_refuses_the_claim_and_nothing_else),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
