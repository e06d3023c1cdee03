/* The notes that the sessions' file keeps of sessions that are gone: what they say, how many are
 * kept, and files that an earlier version made. */
#include "tests/unit/store_world.h"

#include "store/sqlite/database.h"
#include "store/sqlite/departed.h"
#include "store/sqlite/file.h"

/* A session that was there, had everything up to `at`, left, and expired. */
static void sleeper(struct world *w, int64_t at, char *token, char *id)
{
    struct claim *c = world_claim_token(w, NULL);
    strcpy(token, c->token);
    strcpy(id, c->session_id);
    world_end(w, c->stream_id, at);
    for (int i = 0; i < 3; i++)
        world_serve(w, 31);
    assert_int_equal(
        world_number(w->sessions, "SELECT count(*) FROM sessions WHERE id = '%q'", id), 0);
}

static struct claim *wake(struct world *w, const char *token, int64_t at)
{
    static char text[EVENT_ID_SIZE];
    struct claim_request r = some_request();
    r.token = token;
    if (at >= 0) {
        event_id_format(text, w->epoch, at);
        r.start = START_AT_ID;
        r.position = text;
    }
    return world_claim(w, &r);
}

static void test_the_file_has_no_token_of_a_session_that_is_gone(void **state)
{
    struct world *w = *state;
    char token[SESSION_TOKEN_SIZE], id[SESSION_ID_SIZE];
    sleeper(w, 0, token, id);
    assert_int_equal(world_number(w->sessions,
                                  "SELECT count(*) FROM departed WHERE "
                                  "token_hash <> '%q' AND session_id = '%q'",
                                  token, id),
                     1);
}

static void test_a_log_that_cannot_be_read_is_as_if_all_was_lost(void **state)
{
    struct world *w = *state;
    char token[SESSION_TOKEN_SIZE];
    int again_ms;
    strcpy(token, world_claim_token(w, NULL)->token);
    world_end(w, w->claim.stream_id, 0);
    world_serve(w, 31);
    world_sql(w->log, "ALTER TABLE rowcast_channels RENAME TO away");
    assert_int_not_equal(store_tend(w->store, w->settings, 1000, &again_ms), STORE_OK);
    assert_int_equal(world_sessions(w), 0);
    world_sql(w->log, "ALTER TABLE away RENAME TO rowcast_channels");
    assert_int_equal(wake(w, token, -1)->gap, GAP_SESSION);
}

static void poll_in_vain(struct world *w, int64_t stream, int64_t at)
{
    struct bookmark b = world_bookmark(w, stream, at);
    b.in_vain = true;
    assert_int_equal(store_ended(w->store, &b, 1), STORE_OK);
}

static void test_many_polls_of_strangers_leave_a_bounded_trace(void **state)
{
    struct world *w = *state;
    world_sql(w->sessions,
              "BEGIN; WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n "
              "WHERE i < 2500) INSERT INTO departed(token_hash, session_id, lasting, revives, "
              "epoch, position, private_to, log_end) SELECT i, i, 0, 1, '', 0, 0, 0 FROM n; "
              "COMMIT");
    poll_in_vain(w, world_claim_token(w, NULL)->stream_id, 0);
    assert_int_equal(world_sessions(w), 0);
    assert_int_equal(world_number(w->sessions, "SELECT count(*) FROM departed"),
                     DEPARTED_BRIEF_MAX);
}

/* ---- many of them ------------------------------------------------------------------ */

enum { FLOOD = 20000 };

/* As claims make them, and their streams leave at once. */
static void flood(struct world *w, int n, const char *name)
{
    world_sql(w->sessions,
              "BEGIN; WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n "
              "WHERE i < %d) INSERT INTO sessions(id, token, created_at, last_seen_at, query, "
              "idle_since) SELECT printf('%s%%012x', i), printf('%s%%028x', i), 0, 0, "
              "printf('%%.300c', 'q'), 0 FROM n; COMMIT",
              n, name, name);
}

static int64_t file_bytes(struct world *w)
{
    struct stat st;
    assert_int_equal(
        sqlite3_wal_checkpoint_v2(w->sessions, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL),
        SQLITE_OK);
    assert_int_equal(stat(w->sessions_path, &st), 0);
    return st.st_size;
}

static void test_after_a_flood_of_strangers_all_are_gone_and_the_file_is_small(void **state)
{
    struct world *w = *state;
    char token[SESSION_TOKEN_SIZE], id[SESSION_ID_SIZE];
    int slices = 0;
    int again_ms = 0;
    struct claim *c = world_claim_token(w, NULL);
    strcpy(token, c->token);
    strcpy(id, c->session_id);
    world_claim_token(w, token); /* it came back once: it is none of those */
    world_sql(w->sessions, "UPDATE streams SET ended_at = 0");
    world_sql(w->sessions, "UPDATE sessions SET idle_since = 0");
    flood(w, FLOOD, "0000"); /* by their ids all of these go before it */
    assert_true(file_bytes(w) > 8 << 20);
    world_serve(w, 31);
    assert_int_equal(store_tend(w->store, w->settings, 1000, &again_ms), STORE_OK);
    for (; again_ms < 100; slices++)
        assert_int_equal(store_tend(w->store, w->settings, 0, &again_ms), STORE_OK);
    assert_int_equal(world_sessions(w), 0);
    assert_int_equal(world_number(w->sessions, "SELECT count(*) FROM streams"), 0);
    assert_true(slices >= FLOOD / 250);
    assert_int_equal(world_number(w->sessions, "SELECT count(*) FROM departed"),
                     DEPARTED_BRIEF_MAX + 1);
    if (file_bytes(w) > 2 << 20)
        fail_msg("the file has %d KiB", (int)(file_bytes(w) / 1024));
    assert_int_equal(wake(w, token, -1)->gap, GAP_NONE); /* no stranger pushed it out */
}

/* ---- an earlier file --------------------------------------------------------------- */

/* What the version before this one made. */
static void make_old(struct world *w)
{
    char wal[64], shm[64];
    store_close(w->store);
    sqlite3_close(w->sessions);
    snprintf(wal, sizeof wal, "%s-wal", w->sessions_path);
    snprintf(shm, sizeof shm, "%s-shm", w->sessions_path);
    unlink(w->sessions_path), unlink(wal), unlink(shm);
    assert_int_equal(sqlite3_open(w->sessions_path, &w->sessions), SQLITE_OK);
    sqlite3_db_config(w->sessions, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, (int *)NULL);
    world_sql(
        w->sessions,
        "PRAGMA journal_mode = WAL; "
        "CREATE TABLE state(one INTEGER PRIMARY KEY CHECK (one = 1), version INTEGER NOT NULL, "
        "served INTEGER NOT NULL DEFAULT 0, epoch TEXT NOT NULL DEFAULT '', "
        "last_id INTEGER NOT NULL DEFAULT 0); INSERT INTO state(one, version) VALUES (1, 1); "
        "CREATE TABLE sessions(id TEXT PRIMARY KEY NOT NULL, token TEXT NOT NULL UNIQUE, "
        "created_at INTEGER NOT NULL, last_seen_at INTEGER NOT NULL, "
        "reconnections INTEGER NOT NULL DEFAULT 0, user_agent TEXT NOT NULL DEFAULT '', "
        "remote_addr TEXT NOT NULL DEFAULT '', client_version TEXT NOT NULL DEFAULT '', "
        "subscriptions TEXT NOT NULL DEFAULT '', headers TEXT NOT NULL DEFAULT '{}', "
        "query TEXT NOT NULL DEFAULT '', idle_since INTEGER) WITHOUT ROWID; "
        "CREATE INDEX sessions_idle ON sessions(idle_since) WHERE idle_since IS NOT NULL; "
        "CREATE TABLE streams(id INTEGER PRIMARY KEY, session_id TEXT NOT NULL, "
        "responder INTEGER NOT NULL, subscription TEXT NOT NULL, epoch TEXT NOT NULL, "
        "position INTEGER NOT NULL, opened_at INTEGER NOT NULL, ended_at INTEGER); "
        "CREATE INDEX streams_session ON streams(session_id, subscription); "
        "CREATE INDEX streams_open ON streams(responder) WHERE ended_at IS NULL; "
        "CREATE INDEX streams_ended ON streams(ended_at) WHERE ended_at IS NOT NULL; "
        "CREATE TABLE endings(id INTEGER PRIMARY KEY, responder INTEGER NOT NULL, "
        "stream_id INTEGER NOT NULL); "
        "CREATE INDEX endings_responder ON endings(responder); "
        "CREATE TABLE responders(id INTEGER PRIMARY KEY, pid INTEGER NOT NULL, "
        "started_at INTEGER NOT NULL); "
        "CREATE TRIGGER sessions_delete AFTER DELETE ON sessions BEGIN "
        "INSERT INTO endings(responder, stream_id) SELECT responder, id FROM streams "
        "WHERE session_id = OLD.id AND ended_at IS NULL; "
        "DELETE FROM streams WHERE session_id = OLD.id; END; "
        "CREATE TRIGGER streams_end AFTER UPDATE OF ended_at ON streams "
        "WHEN OLD.ended_at IS NULL AND NEW.ended_at IS NOT NULL BEGIN "
        "UPDATE sessions SET idle_since = NEW.ended_at WHERE id = NEW.session_id AND NOT "
        "EXISTS "
        "(SELECT 1 FROM streams WHERE session_id = NEW.session_id AND ended_at IS NULL); END");
    /* A session of random digits, with a bookmark. */
    world_sql(w->sessions, "INSERT INTO sessions(id, token, created_at, last_seen_at, "
                           "reconnections, user_agent, idle_since) VALUES "
                           "('feedfacecafebeef', '0123456789abcdef0123456789abcdef', 0, 0, 1, "
                           "'browser', 0)");
    world_sql(w->sessions,
              "INSERT INTO streams(session_id, responder, subscription, epoch, "
              "position, opened_at, ended_at) VALUES ('feedfacecafebeef', 7, '', "
              "'%q', 2, 0, 0)",
              w->epoch);
    chmod(w->sessions_path, 0600);
    assert_int_equal(store_open(&w->store, w->log_path), STORE_OK);
}

static void test_a_file_of_the_version_before_goes_on_and_gains_what_it_lacks(void **state)
{
    static const char token[] = "0123456789abcdef0123456789abcdef";
    struct world *w = *state;
    world_insert(w, 3);
    make_old(w);
    struct claim *c = world_claim_token(w, token);
    assert_true(c->reconnection);
    assert_string_equal(c->session_id, "feedfacecafebeef");
    assert_int_equal(c->cursor, 2);
    world_end(w, c->stream_id, 3);
    world_serve(w, 31);
    world_serve(w, 1);
    assert_int_equal(world_sessions(w), 0);
    assert_int_equal(wake(w, token, -1)->gap, GAP_NONE);
    assert_int_equal(world_number(w->sessions, "SELECT version FROM state"), 1);
}

static void
test_a_file_of_the_version_before_is_used_although_it_cannot_be_extended(void **state)
{
    static const char token[] = "0123456789abcdef0123456789abcdef";
    struct world *w = *state;
    struct claim_request r = some_request();
    world_insert(w, 3);
    make_old(w);
    world_sql(w->sessions, "BEGIN IMMEDIATE");
    r.token = token;
    assert_int_equal(store_claim(w->store, w->settings, &r, &w->claim), STORE_BUSY);
    world_sql(w->sessions, "COMMIT; CREATE VIEW departed AS SELECT 1"); /* as odd as can be */
    assert_true(world_claim_token(w, token)->reconnection);
    world_end(w, w->claim.stream_id, 3);
    world_serve(w, 31);
    world_serve(w, 1);
    assert_int_equal(world_sessions(w), 0);
    assert_int_equal(wake(w, token, -1)->gap, GAP_SESSION);
}

static void test_a_file_that_gave_nothing_back_is_made_anew_once_it_is_empty(void **state)
{
    struct world *w = *state;
    make_old(w);
    flood(w, FLOOD, "face");
    assert_true(file_bytes(w) > 8 << 20);
    world_serve(w, 31);
    world_serve(w, 1);
    assert_int_equal(world_sessions(w), 0);
    assert_int_equal(world_number(w->sessions, "PRAGMA auto_vacuum"), 2);
    assert_true(file_bytes(w) < 2 << 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_the_file_has_no_token_of_a_session_that_is_gone),
        TEST(test_a_log_that_cannot_be_read_is_as_if_all_was_lost),
        TEST(test_many_polls_of_strangers_leave_a_bounded_trace),
        TEST(test_after_a_flood_of_strangers_all_are_gone_and_the_file_is_small),
        TEST(test_a_file_of_the_version_before_goes_on_and_gains_what_it_lacks),
        TEST(test_a_file_of_the_version_before_is_used_although_it_cannot_be_extended),
        TEST(test_a_file_that_gave_nothing_back_is_made_anew_once_it_is_empty),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
