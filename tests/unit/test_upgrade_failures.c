/* Whatever stops an upgrade, the files are of the earlier revision or of this one, and both work:
 * streams run, nobody is told of a gap that is none, and a later opening upgrades. */
#include "tests/unit/old_world.h"

#include <grp.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "store/sqlite/engine.h"
#include "store/version.h"

static char notices[4096];
static int not_upgraded;

static void note_notice(enum store_notice what, const char *text)
{
    not_upgraded += what == STORE_NOT_UPGRADED;
    snprintf(notices + strlen(notices), sizeof notices - strlen(notices), "%s\n", text);
}

static void listen(void)
{
    not_upgraded = 0;
    notices[0] = '\0';
    store_notices(note_notice);
}

static void expect_revisions(struct world *w, int log, int sessions)
{
    assert_int_equal(old_revision(w->log, "rowcast_log"), log);
    assert_int_equal(old_revision(w->sessions, "state"), sessions);
}

/* As with a log that is all right. */
static void expect_served(struct world *w)
{
    assert_string_equal(old_read(w->store, 0), OLD_ROWS);
    assert_int_equal(old_claim(w, "bookmark", "room-1", NULL), STORE_OK);
    assert_true(w->claim.reconnection);
    assert_int_equal(w->claim.gap, GAP_NONE);
    assert_int_equal(w->claim.cursor, 12);
    assert_int_equal(w->claim.count, 3);
    assert_int_equal(old_claim(w, NULL, "room-1", "df7fcd98-3"), STORE_OK);
    assert_int_equal(w->claim.gap, GAP_TRIMMED);
    assert_int_equal(w->claim.cursor, 7);
}

static void expect_version(struct world *w)
{
    assert_int_equal(world_number(w->sessions,
                                  "SELECT count(*) FROM responders WHERE pid = %d "
                                  "AND version = %Q",
                                  (int)getpid(), ROWCAST_VERSION),
                     1);
}

static void expect_upgrade(struct world *w)
{
    store_close(w->store);
    assert_int_equal(store_open(&w->store, w->log_path), STORE_OK);
    assert_int_equal(store_join(w->store), STORE_OK);
    assert_int_equal(old_append(w->store, "k"), STORE_OK);
    assert_string_equal(old_read(w->store, OLD_LAST), "18=k");
    expect_revisions(w, 2, 2);
    expect_version(w);
}

/* ---- locked ---------------------------------------------------------------------------- */

static void test_a_log_that_is_locked_is_served_and_upgraded_by_the_next_append(void **state)
{
    struct world *w = *state;
    world_sql(w->log, "BEGIN IMMEDIATE");
    listen();
    expect_served(w);
    assert_int_equal(old_append(w->store, NULL), STORE_BUSY);
    assert_int_equal(old_append(w->store, NULL), STORE_BUSY);
    assert_non_null(strstr(store_why(w->store), "locked"));
    assert_int_equal(not_upgraded, 1);
    assert_non_null(strstr(notices, "was not upgraded to 2: "));
    store_notices(NULL);
    world_sql(w->log, "COMMIT");
    assert_int_equal(old_append(w->store, "k"), STORE_OK);
    assert_string_equal(old_read(w->store, OLD_LAST), "18=k");
    expect_revisions(w, 2, 2);
}

/* A store that upgraded the log, after a lock had kept the world's store from it. */
static struct store *upgraded_by_another(struct world *w)
{
    struct store *other;
    struct store_end end;
    world_sql(w->log, "BEGIN IMMEDIATE");
    assert_string_equal(old_read(w->store, 0), OLD_ROWS);
    world_sql(w->log, "COMMIT");
    assert_int_equal(store_open(&other, w->log_path), STORE_OK);
    assert_int_equal(store_where(other, &end), STORE_OK);
    return other;
}

static void test_who_could_not_upgrade_notices_that_another_did(void **state)
{
    struct world *w = *state;
    struct store *other = upgraded_by_another(w);
    assert_int_equal(old_append(other, "k"), STORE_OK);
    store_close(other);
    (void)old_read(w->store, OLD_LAST); /* finds it */
    assert_string_equal(old_read(w->store, OLD_LAST), "18=k");
    assert_int_equal(old_append(w->store, "l"), STORE_OK);
}

static void test_so_does_its_next_append(void **state)
{
    struct world *w = *state;
    struct store *other = upgraded_by_another(w);
    store_close(other);
    assert_int_equal(old_append(w->store, "k"), STORE_OK);
    assert_string_equal(old_read(w->store, OLD_LAST), "18=k");
}

static void test_what_is_missing_in_a_log_that_is_behind_is_made_by_the_upgrade(void **state)
{
    struct world *w = *state;
    world_sql(w->log, "DROP TRIGGER events_inserted; DROP INDEX events_mailbox;"
                      "INSERT INTO events(data) VALUES ('a'); BEGIN IMMEDIATE");
    assert_string_equal(old_read(w->store, OLD_LAST), "18");
    assert_string_equal(old_read(w->store, OLD_LAST), "18");
    world_sql(w->log, "COMMIT");
    assert_int_equal(old_append(w->store, NULL), STORE_OK);
    assert_string_equal(old_read(w->store, OLD_LAST), "18 19");
    assert_int_equal(world_number(w->log, "SELECT sum(kept) FROM rowcast_channels"),
                     world_number(w->log, "SELECT count(*) FROM events"));
    expect_revisions(w, 2, 2);
}

static void test_sessions_that_are_locked_give_nobody_a_gap(void **state)
{
    struct world *w = *state;
    world_sql(w->sessions, "BEGIN IMMEDIATE");
    listen();
    enum store_result r = old_claim(w, "bookmark", "room-1", NULL);
    assert_true(r == STORE_OK || r == STORE_BUSY);
    if (r == STORE_OK)
        assert_int_equal(w->claim.gap, GAP_NONE);
    assert_int_equal(not_upgraded, 1);
    store_notices(NULL);
    world_sql(w->sessions, "COMMIT");
    assert_int_equal(old_claim(w, "bookmark", "room-1", NULL), STORE_OK);
    assert_int_equal(w->claim.saved, STORE_OK);
    assert_int_equal(w->claim.cursor, 12);
    expect_upgrade(w);
}

/* No stream of this process may end because its version is entered. */
static void expect_upgraded_in_use(struct world *w)
{
    world_sql(w->sessions, "ALTER TABLE responders DROP COLUMN version");
    sqlite_of(w->store)->sessions_upgrade_at = 0; /* as if some seconds had passed */
    assert_int_equal(old_claim(w, "bookmark", "room-1", NULL), STORE_OK);
    assert_int_equal(w->claim.saved, STORE_OK);
    expect_revisions(w, 2, 2);
    expect_version(w);
    assert_int_equal(world_open_streams(w), 2);
}

/* As sessions of revision 1 that nobody may upgrade: the table has a column of that name. */
static void test_sessions_that_cannot_be_upgraded_are_used_with_what_they_have(void **state)
{
    struct world *w = *state;
    world_sql(w->sessions, "ALTER TABLE responders ADD COLUMN version INTEGER");
    listen();
    expect_served(w);
    assert_int_equal(w->claim.saved, STORE_OK);
    assert_int_equal(not_upgraded, 1);
    store_notices(NULL);
    world_end(w, w->claim.stream_id, 9);
    expect_revisions(w, 2, 1);
    assert_int_equal(world_open_streams(w), 1);
    assert_int_equal(world_number(w->sessions, "SELECT count(*) FROM responders WHERE pid = %d",
                                  (int)getpid()),
                     1);
    expect_upgraded_in_use(w);
}

/* ---- refused ---------------------------------------------------------------------------- */

static void test_a_column_of_the_application_in_the_way_is_said(void **state)
{
    struct world *w = *state;
    world_sql(w->log, "ALTER TABLE events ADD COLUMN key BLOB DEFAULT x'00'");
    expect_served(w);
    assert_int_not_equal(old_append(w->store, NULL), STORE_OK);
    assert_non_null(strstr(store_why(w->store), "duplicate column name: key"));
    assert_false(sqlite_of(w->store)->log.suspect);
    world_sql(w->log, "INSERT INTO events(data) VALUES ('by a shell')");
    assert_string_equal(old_read(w->store, OLD_LAST), "18");
    world_sql(w->log, "ALTER TABLE events RENAME COLUMN key TO their_key");
    assert_int_equal(old_append(w->store, "k"), STORE_OK);
    assert_string_equal(old_read(w->store, OLD_LAST), "18 19=k");
}

/* It is no rule of the data, so nobody is told that what he publishes is refused. */
static void test_a_trigger_of_the_application_in_the_way_is_said(void **state)
{
    struct world *w = *state;
    world_sql(w->log, "CREATE TRIGGER own BEFORE UPDATE ON rowcast_log BEGIN "
                      "SELECT RAISE(ABORT, 'not now'); END");
    expect_served(w);
    assert_int_equal(old_append(w->store, NULL), STORE_IO);
    assert_non_null(strstr(store_why(w->store), "not now"));
    assert_false(sqlite_of(w->store)->log.suspect); /* so it is not opened anew for each call */
    world_sql(w->log, "DROP TRIGGER own");
    assert_int_equal(old_append(w->store, "k"), STORE_OK);
    assert_string_equal(old_read(w->store, OLD_LAST), "18=k");
}

static char lines[4096];

static void note_line_said(void *arg, const char *line)
{
    size_t n = strlen(lines);
    (void)arg;
    snprintf(lines + n, sizeof lines - n, "%s\n", line);
}

/* One line for each file, and none about what an earlier revision has not. */
static void test_check_says_why_it_could_not_upgrade_and_nothing_else(void **state)
{
    struct world *w = *state;
    lines[0] = '\0';
    world_sql(w->log, "ALTER TABLE events ADD COLUMN key");
    world_sql(w->sessions, "ALTER TABLE responders ADD COLUMN version");
    assert_int_not_equal(store_check(w->store, note_line_said, NULL), STORE_OK);
    char *second = strchr(lines, '\n');
    assert_non_null(second);
    assert_non_null(strstr(lines, "of an earlier revision, and was not upgraded: "));
    assert_non_null(strstr(second, "of an earlier revision, and was not upgraded: "));
    assert_string_equal(strchr(second + 1, '\n'), "\n");
}

/* ---- read-only --------------------------------------------------------------------------- */

static bool served_as_nobody(struct world *w)
{
    struct store *s = NULL;
    listen();
    bool well = setgroups(0, NULL) == 0 && setgid(65534) == 0 && setuid(65534) == 0 &&
                store_open(&s, w->log_path) == STORE_OK &&
                strcmp(old_read(s, 0), OLD_ROWS) == 0 && not_upgraded == 1 &&
                strcmp(old_read(s, 15), "16 17") == 0;
    if (!well)
        printf("%s; %s\n", s ? old_read(s, 0) : "no store", notices);
    enum store_result r = well ? old_append(s, NULL) : STORE_OK;
    if (r != STORE_READONLY || !strstr(store_why(s), "earlier revision"))
        printf("%d: %s\n", r, s ? store_why(s) : "");
    fflush(stdout);
    return well && r == STORE_READONLY;
}

static void test_a_log_that_may_not_be_written_is_served(void **state)
{
    struct world *w = *state;
    int status;
    if (geteuid() != 0)
        skip(); /* only root can be somebody else */
    assert_int_equal(world_number(w->log, "SELECT count(*) FROM events"), OLD_KEPT); /* -shm */
    char command[128];
    snprintf(command, sizeof command, "chmod 755 %s; chmod 444 %s/*", w->dir, w->dir);
    assert_int_equal(system(command), 0);
    pid_t pid = fork();
    if (pid == 0)
        _exit(!served_as_nobody(w));
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    snprintf(command, sizeof command, "chmod 660 %s/*; chmod 600 %s/*.sessions*", w->dir,
             w->dir);
    assert_int_equal(system(command), 0);
    expect_upgrade(w);
}

/* ---- full -------------------------------------------------------------------------------- */

/* 0: upgraded and published.  1: full, and all is served.  Else: the line at which it went wrong. */
static int use_with_room(struct world *w, rlim_t bytes)
{
    struct rlimit few = {.rlim_cur = bytes, .rlim_max = RLIM_INFINITY};
    signal(SIGXFSZ, SIG_IGN);
    if (setrlimit(RLIMIT_FSIZE, &few) != 0)
        return __LINE__;
    if (strcmp(old_read(w->store, 0), OLD_ROWS) != 0)
        return __LINE__;
    if (old_claim(w, "bookmark", "room-1", NULL) != STORE_OK || w->claim.gap != GAP_NONE)
        return __LINE__;
    if (!w->claim.reconnection || w->claim.cursor != 12)
        return __LINE__;
    enum store_result r = old_append(w->store, NULL);
    return r == STORE_OK                                            ? 0
           : r == STORE_FULL && strstr(store_why(w->store), "full") ? 1
                                                                    : __LINE__;
}

/* At another path, since the process remembers how far it has seen a log. */
static void old_files_again(struct world *w, int n)
{
    sqlite3_close(w->log);
    sqlite3_close(w->sessions);
    store_close(w->store);
    snprintf(w->log_path, sizeof w->log_path, "%.19s/%d", w->dir, n);
    snprintf(w->sessions_path, sizeof w->sessions_path, "%.19s/%d.sessions", w->dir, n);
    fixture_load_log(w->log_path);
    fixture_load_sessions(w->sessions_path);
    assert_int_equal(store_open(&w->store, w->log_path), STORE_OK);
    old_shells(w);
}

static int in_a_process(struct world *w, int (*use)(struct world *w, rlim_t arg), rlim_t arg)
{
    int status;
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0)
        _exit(use(w, arg));
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

/* A limit of file size stands for the disk.  Below 64 KiB the files themselves do not fit. */
static void test_a_disk_that_is_full_at_whichever_byte_leaves_streams_that_run(void **state)
{
    struct world *w = *state;
    bool full = false, fits = false;
    for (rlim_t bytes = 64 * 1024; bytes < 400 * 1024; bytes += 12 * 1024) {
        old_files_again(w, (int)bytes);
        int result = in_a_process(w, use_with_room, bytes);
        if (result > 1)
            fail_msg("with %d bytes it went wrong at line %d", (int)bytes, result);
        full |= result == 1;
        fits |= result == 0;
        if (result == 1)
            expect_upgrade(w);
    }
    assert_true(full && fits);
}

/* ---- killed ------------------------------------------------------------------------------ */

static int statements_left;

static int count_statement(unsigned type, void *arg, void *stmt, void *sql)
{
    (void)type, (void)arg, (void)stmt, (void)sql;
    if (--statements_left == 0)
        _exit(9);
    return 0;
}

static int trace_connection(sqlite3 *db, char **why, const void *routines)
{
    (void)why, (void)routines;
    return sqlite3_trace_v2(db, SQLITE_TRACE_STMT, count_statement, NULL);
}

static int open_until_statement(struct world *w, rlim_t n)
{
    struct store_end end;
    statements_left = (int)n;
    sqlite3_auto_extension((void (*)(void))trace_connection);
    return store_where(w->store, &end) != STORE_OK || store_join(w->store) != STORE_OK;
}

static void expect_one_or_the_other(struct world *w)
{
    static const char parts[] =
        "SELECT count(*) FILTER (WHERE name IN ('events_key', 'events_expires_at', "
        "'rowcast_position')) || ' ' || count(*) FILTER (WHERE type = 'trigger' AND name NOT "
        "IN "
        "('audit_events', 'order_state')) || ' ' || (SELECT count(*) FROM "
        "pragma_table_info('events') WHERE name IN ('key', 'expires_at')) FROM sqlite_schema";
    int64_t revision = old_revision(w->log, "rowcast_log");
    assert_string_equal(old_text(w->log, parts), revision == 2 ? "3 17 2" : "0 15 0");
    assert_int_equal(world_number(w->sessions, "SELECT count(*) FROM "
                                               "pragma_table_info('responders') WHERE name = "
                                               "'version'"),
                     old_revision(w->sessions, "state") - 1);
}

static void test_killed_at_any_statement_it_leaves_the_old_files_or_the_new(void **state)
{
    struct world *w = *state;
    int n = 1;
    for (int result = 9; result == 9; n++) {
        old_files_again(w, n);
        result = in_a_process(w, open_until_statement, (rlim_t)n);
        assert_true(result == 9 || result == 0);
        expect_one_or_the_other(w);
        expect_served(w);
        expect_upgrade(w);
    }
    assert_true(n > 150); /* all of them were reached */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        OLD_TEST(test_a_log_that_is_locked_is_served_and_upgraded_by_the_next_append),
        OLD_TEST(test_who_could_not_upgrade_notices_that_another_did),
        OLD_TEST(test_so_does_its_next_append),
        OLD_TEST(test_what_is_missing_in_a_log_that_is_behind_is_made_by_the_upgrade),
        OLD_TEST(test_sessions_that_are_locked_give_nobody_a_gap),
        OLD_TEST(test_sessions_that_cannot_be_upgraded_are_used_with_what_they_have),
        OLD_TEST(test_a_column_of_the_application_in_the_way_is_said),
        OLD_TEST(test_a_trigger_of_the_application_in_the_way_is_said),
        OLD_TEST(test_check_says_why_it_could_not_upgrade_and_nothing_else),
        OLD_TEST(test_a_log_that_may_not_be_written_is_served),
        OLD_TEST(test_a_disk_that_is_full_at_whichever_byte_leaves_streams_that_run),
        OLD_TEST(test_killed_at_any_statement_it_leaves_the_old_files_or_the_new),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
