/* A log and its sessions of revision 1 become what this program makes of new ones, and nobody
 * misses anything by it. */
#include "tests/unit/old_world.h"

#include <fcntl.h>

#include "store/version.h"

static const char rules[] =
    "SELECT group_concat(type || ' ' || name || ' ' || sql, char(10)) FROM (SELECT * FROM "
    "sqlite_schema WHERE type IN ('index', 'trigger', 'view') AND sql IS NOT NULL AND name NOT "
    "IN ('audit_event', 'audit_events', 'order_state') ORDER BY type, name)";
static const char columns[] =
    "SELECT group_concat(t.name || '.' || c.name || ' ' || c.type || c.\"notnull\" || "
    "ifnull(c.dflt_value, '') || c.pk, char(10)) FROM (SELECT name FROM sqlite_schema WHERE "
    "type "
    "= 'table' AND name NOT LIKE 'sqlite%' AND name NOT IN ('orders', 'audit', 'clients') "
    "ORDER "
    "BY name) AS t, pragma_table_info(t.name) AS c";

/* A new log, or new sessions, beside the old ones. */
static void new_files(const struct world *w, sqlite3 **log, sqlite3 **sessions)
{
    char path[64];
    struct store *s;
    struct store_end end;
    snprintf(path, sizeof path, "%s/new", w->dir);
    assert_int_equal(store_open(&s, path), STORE_OK);
    assert_int_equal(store_where(s, &end), STORE_OK);
    assert_int_equal(store_join(s), STORE_OK);
    store_close(s);
    assert_int_equal(sqlite3_open(path, log), SQLITE_OK);
    snprintf(path, sizeof path, "%s/new.sessions", w->dir);
    assert_int_equal(sqlite3_open(path, sessions), SQLITE_OK);
}

static void expect_same(sqlite3 *old, sqlite3 *new, const char *sql)
{
    char *want = strdup(old_text(new, sql));
    assert_non_null(want);
    assert_true(*want);
    assert_string_equal(old_text(old, sql), want);
    free(want);
}

static void open_both(struct world *w)
{
    struct store_end end;
    enum store_result r = store_where(w->store, &end);
    if (r == STORE_OK)
        r = store_join(w->store);
    if (r != STORE_OK)
        fail_msg("%d: %s", r, store_why(w->store));
}

static void test_an_upgraded_file_has_all_that_a_new_one_has(void **state)
{
    struct world *w = *state;
    sqlite3 *log, *sessions;
    open_both(w);
    new_files(w, &log, &sessions);
    expect_same(w->log, log, rules);
    expect_same(w->log, log, columns);
    expect_same(w->sessions, sessions, rules);
    expect_same(w->sessions, sessions, columns);
    assert_int_equal(old_revision(w->log, "rowcast_log"), 2);
    assert_int_equal(old_revision(w->sessions, "state"), 2);
    assert_int_equal(world_number(w->log, "SELECT version FROM rowcast_log"), 1);
    assert_int_equal(world_number(w->sessions, "SELECT version FROM state"), 1);
    sqlite3_close(log);
    sqlite3_close(sessions);
}

/* A recount would count the forgotten mailbox as trimmed, and move the version of the settings. */
static void test_what_was_in_it_is_as_it_was(void **state)
{
    static const char *const kept[] = {
        "SELECT group_concat(id || channel || ifnull(session_id, '') || type || data || "
        "ifnull(dedup_key, '') || created_at, char(10)) FROM events",
        "SELECT group_concat(mailbox || ' ' || kept || ' ' || trimmed_to || ' ' || last_at, "
        "char(10)) FROM rowcast_channels",
        "SELECT epoch || ' ' || last_id || ' ' || trimmed_to || ' ' || forgotten_to || ' ' || "
        "bytes || ' ' || excess || ' ' || config_version FROM rowcast_log",
        "SELECT group_concat(name || '=' || value, char(10)) FROM rowcast_config",
        "SELECT group_concat(name || seq) FROM sqlite_sequence",
        "SELECT group_concat(sql, char(10)) FROM sqlite_schema WHERE tbl_name IN ('orders', "
        "'audit', 'clients') OR name = 'audit_events'",
        "SELECT group_concat(event || what) FROM audit",
    };
    enum { N = sizeof kept / sizeof *kept };
    struct world *w = *state;
    char *before[N];
    for (int i = 0; i < N; i++)
        before[i] = strdup(old_text(w->log, kept[i]));
    open_both(w);
    for (int i = 0; i < N; i++) {
        assert_string_equal(old_text(w->log, kept[i]), before[i]);
        free(before[i]);
    }
    assert_int_equal(world_number(w->log, "SELECT count(*) FROM events WHERE key IS NOT NULL "
                                          "OR expires_at IS NOT NULL"),
                     0);
    assert_string_equal(old_text(w->log, "PRAGMA integrity_check"), "ok");
}

static void test_publishers_and_triggers_of_the_application_go_on(void **state)
{
    struct world *w = *state;
    open_both(w);
    world_sql(w->log, "UPDATE orders SET state = 'back' WHERE id = 1");
    assert_string_equal(old_read(w->store, OLD_LAST), "18");
    assert_int_equal(world_number(w->log, "SELECT max(event) FROM audit"), 18);
    assert_int_equal(old_append(w->store, "k"), STORE_OK);
    assert_int_equal(old_append(w->store, "k"), STORE_OK);
    assert_string_equal(old_read(w->store, OLD_LAST), "18 20=k");
    assert_int_equal(world_number(w->log, "SELECT count(*) FROM events WHERE dedup_key = "
                                          "'ninth' AND id = 12"),
                     1);
}

/* As a program of revision 1 answers them, on these very files. */
static const struct {
    const char *client, *channel, *position;
    int64_t cursor, count;
    enum gap_reason gap;
    bool known;
} clients[] = {
    {"bookmark", "room-1", NULL, 12, 3, GAP_NONE, true},
    {"bookmark", "room-1", "df7fcd98-16", 16, 1, GAP_NONE, true},
    {"open", "orders", NULL, 17, 0, GAP_NONE, true}, /* its bookmark is that of some types */
    {"vain", "quiet", NULL, 12, 1, GAP_NONE, true},
    {"expired", "room-1", NULL, 17, 0, GAP_SESSION, false},
    {NULL, "room-1", "df7fcd98-9", 9, 4, GAP_NONE, false},
    {NULL, "room-1", "df7fcd98-3", 7, 6, GAP_TRIMMED, false},
    {NULL, "gone", "df7fcd98-1", 15, 1, GAP_TRIMMED, false},
    {NULL, "gone", "df7fcd98-16", 16, 0, GAP_NONE, false},
    {NULL, "a", "00000000-3", 17, 0, GAP_EPOCH, false},
};

static void test_each_client_resumes_where_it_would_have(void **state)
{
    struct world *w = *state;
    for (size_t i = 0; i < sizeof clients / sizeof *clients; i++) {
        enum store_result r =
            old_claim(w, clients[i].client, clients[i].channel, clients[i].position);
        if (r != STORE_OK || w->claim.saved != STORE_OK)
            fail_msg("client %zu: %d, %s", i, r, store_why(w->store));
        if (w->claim.cursor != clients[i].cursor || w->claim.count != clients[i].count ||
            w->claim.gap != clients[i].gap || w->claim.reconnection != clients[i].known)
            fail_msg("client %zu: cursor %lld, count %lld, gap %d, known %d", i,
                     (long long)w->claim.cursor, (long long)w->claim.count, w->claim.gap,
                     w->claim.reconnection);
    }
}

/* The streams of the process that was killed have ended; their bookmarks are there. */
static void test_a_stream_that_was_open_resumes_at_its_bookmark(void **state)
{
    static const char *const types[] = {"order"};
    struct world *w = *state;
    const char *channel = "orders";
    char token[SESSION_TOKEN_SIZE];
    struct claim_request r = some_request();
    old_token(w, "open", token);
    r.token = token;
    r.user_agent = "fixture/1";
    r.channels = &channel;
    r.channel_count = 1;
    r.types = types;
    r.type_count = 1;
    assert_int_equal(store_claim(w->store, w->settings, &r, &w->claim), STORE_OK);
    assert_true(w->claim.reconnection);
    assert_int_equal(w->claim.cursor, 13);
    assert_int_equal(w->claim.count, 1);
    assert_int_equal(world_open_streams(w), 1);
}

/* ---- files that lack more than a revision -------------------------------------------- */

static void test_a_file_of_a_still_earlier_state_gains_what_it_lacks(void **state)
{
    struct world *w = *state;
    sqlite3 *log, *sessions;
    world_sql(w->log, "DROP TABLE rowcast_clock; DROP INDEX events_dedup_key; DROP TRIGGER "
                      "rowcast_config_delete; DELETE FROM rowcast_config WHERE name = 'retry'");
    world_sql(w->sessions, "DROP TABLE departed; DROP INDEX streams_ended");
    open_both(w);
    new_files(w, &log, &sessions);
    expect_same(w->log, log, rules);
    expect_same(w->sessions, sessions, rules);
    expect_same(w->sessions, sessions, columns);
    assert_string_equal(
        old_text(w->log, "SELECT value FROM rowcast_config WHERE name = 'retry'"), "3000");
    sqlite3_close(log);
    sqlite3_close(sessions);
}

static void test_rows_that_came_past_the_triggers_are_entered_in_the_books(void **state)
{
    struct world *w = *state;
    world_sql(w->log, "DROP TRIGGER events_inserted; INSERT INTO events(data) VALUES ('a')");
    assert_string_equal(old_read(w->store, OLD_LAST), "18");
    assert_int_equal(world_number(w->log, "SELECT last_id FROM rowcast_log"), 18);
    assert_int_equal(world_number(w->log, "SELECT sum(kept) FROM rowcast_channels"),
                     OLD_KEPT + 1);
    assert_int_equal(old_revision(w->log, "rowcast_log"), 2);
}

static void test_a_log_without_its_row_gets_one(void **state)
{
    struct world *w = *state;
    world_sql(w->log, "DROP TRIGGER rowcast_log_delete; DELETE FROM rowcast_log");
    world_sql(w->sessions, "DELETE FROM state");
    assert_string_equal(old_read(w->store, 0), OLD_ROWS);
    assert_int_equal(store_join(w->store), STORE_OK);
    assert_int_equal(old_revision(w->log, "rowcast_log"), 2);
    assert_int_equal(old_revision(w->sessions, "state"), 2);
    world_sql(w->log, "DROP TRIGGER rowcast_log_delete; DELETE FROM rowcast_log");
    assert_non_null(strstr(old_read(w->store, 0), "has no row"));
    assert_string_equal(old_read(w->store, 0), OLD_ROWS); /* one of revision 2, too */
}

/* ---- the number ---------------------------------------------------------------------- */

static void test_a_higher_revision_is_used_and_left_as_it_is(void **state)
{
    struct world *w = *state;
    open_both(w);
    world_sql(w->log, "UPDATE rowcast_log SET revision = 7");
    world_sql(w->sessions, "UPDATE state SET revision = 7");
    store_close(w->store);
    assert_int_equal(store_open(&w->store, w->log_path), STORE_OK);
    open_both(w);
    assert_int_equal(old_append(w->store, "k"), STORE_OK);
    assert_string_equal(old_read(w->store, OLD_LAST), "18=k");
    assert_int_equal(old_revision(w->log, "rowcast_log"), 7);
    assert_int_equal(old_revision(w->sessions, "state"), 7);
}

/* The column is there, and with it all that came with it. */
static void test_a_number_that_somebody_damaged_stops_nobody(void **state)
{
    static const char *const numbers[] = {"0", "1", "-3", "'x'", "x'41'"};
    struct world *w = *state;
    open_both(w);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        world_sql(w->log, "UPDATE rowcast_log SET revision = %s", numbers[i]);
        store_close(w->store);
        assert_int_equal(store_open(&w->store, w->log_path), STORE_OK);
        open_both(w);
        assert_int_equal(old_append(w->store, NULL), STORE_OK);
    }
    assert_string_equal(old_read(w->store, OLD_LAST), "18 19 20 21 22");
}

/* ---- other tools ------------------------------------------------------------------------ */

/* What docs/backup.md does while everything runs, with a backup from before the upgrade. */
static void restore_old(struct world *w)
{
    char path[64];
    sqlite3 *backup;
    snprintf(path, sizeof path, "%s/backup", w->dir);
    fixture_load_log(path);
    assert_int_equal(sqlite3_open(path, &backup), SQLITE_OK);
    sqlite3_backup *b = sqlite3_backup_init(w->log, "main", backup, "main");
    assert_non_null(b);
    assert_int_equal(sqlite3_backup_step(b, -1), SQLITE_DONE);
    assert_int_equal(sqlite3_backup_finish(b), SQLITE_OK);
    sqlite3_close(backup);
}

static void test_an_old_backup_that_is_restored_in_place_is_upgraded(void **state)
{
    struct world *w = *state;
    struct store_end end;
    open_both(w);
    restore_old(w);
    assert_string_equal(old_read(w->store, 0), OLD_ROWS);
    assert_int_equal(old_revision(w->log, "rowcast_log"), 2);
    restore_old(w);
    assert_int_equal(store_where(w->store, &end), STORE_OK);
    assert_int_equal(old_revision(w->log, "rowcast_log"), 2);
    restore_old(w);
    strcpy(w->settings->epoch, "df7fcd98"); /* so that a claim asks the log once */
    assert_int_equal(old_claim(w, "bookmark", "room-1", NULL), STORE_OK);
    assert_int_equal(w->claim.cursor, 12);
    restore_old(w);
    assert_int_equal(old_append(w->store, "k"), STORE_OK);
    assert_string_equal(old_read(w->store, OLD_LAST), "18=k");
}

static int run_schema(const struct world *w, const char *options, const char *text)
{
    char command[256], said[4096] = "";
    snprintf(command, sizeof command, "sqlite3 %s %s <sql/schema.sql 2>&1", options,
             w->log_path);
    FILE *p = popen(command, "re");
    assert_non_null(p);
    said[fread(said, 1, sizeof said - 1, p)] = '\0';
    int status = pclose(p);
    if (text && !strstr(said, text))
        fail_msg("the shell said: %s", said);
    return WEXITSTATUS(status);
}

static void
test_a_shell_cannot_load_the_schema_before_the_upgrade_and_harms_nothing(void **state)
{
    struct world *w = *state;
    assert_int_equal(run_schema(w, "-bail", "run rowcast.fcgi --check"), 1);
    assert_int_equal(run_schema(w, "", "run rowcast.fcgi --check"), 1);
    assert_int_equal(old_revision(w->log, "rowcast_log"), 1);
    world_sql(w->log, "INSERT INTO events(data) VALUES ('a')");
    assert_string_equal(old_read(w->store, OLD_LAST), "18");
    assert_int_equal(old_claim(w, "bookmark", "room-1", NULL), STORE_OK);
    assert_int_equal(w->claim.cursor, 12);
    assert_int_equal(old_revision(w->log, "rowcast_log"), 2);
    assert_int_equal(run_schema(w, "-bail", NULL), 0);
    world_sql(w->log, "INSERT INTO events(data) VALUES ('a')");
    assert_string_equal(old_read(w->store, OLD_LAST), "18 19");
}

/* ---- --check --------------------------------------------------------------------------- */

static char said_by_check[4096];

static void note_line(void *arg, const char *line)
{
    size_t n = strlen(said_by_check);
    (void)arg;
    snprintf(said_by_check + n, sizeof said_by_check - n, "%s\n", line);
}

static const char *run_check(struct world *w)
{
    said_by_check[0] = '\0';
    (void)store_check(w->store, note_line, NULL);
    return said_by_check;
}

static void test_check_upgrades_and_is_content(void **state)
{
    struct world *w = *state;
    assert_string_equal(run_check(w), "");
    assert_int_equal(old_revision(w->log, "rowcast_log"), 2);
    assert_int_equal(old_revision(w->sessions, "state"), 2);
}

/* As if each were the number of a process that has such a version. */
static void hold_numbers(const struct world *w, const char *const *versions, int n)
{
    char path[64];
    struct flock living = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 100, .l_len = n};
    snprintf(path, sizeof path, "%s/log.leases", w->dir);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(fcntl(fd, F_OFD_SETLK, &living), 0); /* until the test's process ends */
    for (int i = 0; i < n; i++)
        world_sql(w->sessions,
                  "INSERT INTO responders(id, pid, started_at, version) VALUES (%d, %d, 1, %Q)",
                  100 + i, 4000 + i, versions[i]);
}

static void test_check_names_living_processes_that_are_older(void **state)
{
    static const char *const versions[] = {"",       "0.1.9",  ROWCAST_VERSION,
                                           "0.10.0", "99.0.0", "x"};
    struct world *w = *state;
    open_both(w);
    hold_numbers(w, versions, 6);
    world_sql(w->sessions, "INSERT INTO responders(id, pid, started_at) VALUES (99, 3999, 1)");
    const char *said = run_check(w);
    assert_non_null(strstr(said, "process 4000 is of an older version"));
    assert_non_null(strstr(said, "process 4001 is of an older version (0.1.9;"));
    assert_non_null(strstr(said, "process 4005 "));
    assert_null(strstr(said, "4002"));
    assert_null(strstr(said, "4003"));
    assert_null(strstr(said, "4004"));
    assert_null(strstr(said, "3999")); /* dead */
    assert_int_equal(store_check(w->store, note_line, NULL), STORE_OK);
}

/* A program of revision 1 knows no version, and enters under the same number again. */
static void test_an_older_program_that_takes_a_number_is_not_taken_for_a_newer_one(void **state)
{
    struct world *w = *state;
    open_both(w);
    assert_string_equal(old_text(w->sessions, "SELECT version FROM responders"),
                        ROWCAST_VERSION);
    world_sql(
        w->sessions,
        "INSERT INTO responders(id, pid, started_at) SELECT id, 1, 5 FROM responders WHERE "
        "true ON CONFLICT(id) DO UPDATE SET pid = excluded.pid, started_at = "
        "excluded.started_at");
    assert_string_equal(old_text(w->sessions, "SELECT version FROM responders"), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        OLD_TEST(test_an_upgraded_file_has_all_that_a_new_one_has),
        OLD_TEST(test_what_was_in_it_is_as_it_was),
        OLD_TEST(test_publishers_and_triggers_of_the_application_go_on),
        OLD_TEST(test_each_client_resumes_where_it_would_have),
        OLD_TEST(test_a_stream_that_was_open_resumes_at_its_bookmark),
        OLD_TEST(test_a_file_of_a_still_earlier_state_gains_what_it_lacks),
        OLD_TEST(test_rows_that_came_past_the_triggers_are_entered_in_the_books),
        OLD_TEST(test_a_log_without_its_row_gets_one),
        OLD_TEST(test_a_higher_revision_is_used_and_left_as_it_is),
        OLD_TEST(test_a_number_that_somebody_damaged_stops_nobody),
        OLD_TEST(test_an_old_backup_that_is_restored_in_place_is_upgraded),
        OLD_TEST(test_a_shell_cannot_load_the_schema_before_the_upgrade_and_harms_nothing),
        OLD_TEST(test_check_upgrades_and_is_content),
        OLD_TEST(test_check_names_living_processes_that_are_older),
        OLD_TEST(test_an_older_program_that_takes_a_number_is_not_taken_for_a_newer_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
