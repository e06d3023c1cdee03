/* Logs that a person or a migration tool changed past the rules: whatever is in them, reading goes
 * on, or says why it cannot and goes on once the log was repaired. */
#include "tests/unit/log_world.h"
#include "tests/unit/some_session.h"

#include "fcgi/hub/replay.h"

/* What rebuilds the table as tools do: its triggers and indexes are gone afterwards. */
#define REBUILD(COLUMNS, PICK)                                                                 \
    "PRAGMA legacy_alter_table = ON; BEGIN; CREATE TABLE fresh(" COLUMNS                       \
    "); INSERT INTO fresh SELECT " PICK " FROM events; "                                       \
    "DROP TABLE events; ALTER TABLE fresh RENAME TO events; COMMIT"
#define COLUMNS_AS_MADE                                                                        \
    "id INTEGER PRIMARY KEY AUTOINCREMENT, channel TEXT NOT NULL DEFAULT '', session_id "      \
    "TEXT, "                                                                                   \
    "type TEXT NOT NULL DEFAULT 'message', data TEXT NOT NULL DEFAULT '', dedup_key TEXT, "    \
    "created_at INTEGER NOT NULL DEFAULT (CAST(strftime('%s', 'now') AS INTEGER) * 1000), "    \
    "key TEXT, expires_at INTEGER"
#define COLUMNS_WITHOUT_RULES                                                                  \
    "id PRIMARY KEY, channel, session_id, type, data, dedup_key, created_at, key, expires_at"
#define UNSEEN "DROP TRIGGER events_insert; DROP TRIGGER events_inserted; "
#define UNRULED                                                                                \
    UNSEEN REBUILD("id INTEGER PRIMARY KEY, channel, session_id, type, data, dedup_key, "      \
                   "created_at, key, expires_at",                                              \
                   "*") "; "

/* Each log has the broadcasts 1, 2 and 3 before.  `rows` is what everybody's reader gets
 * then. */
static const struct {
    const char *name, *sql;
    enum store_result result;
    const char *rows;
} strange[] = {
    {"rows that no trigger saw", UNSEEN "INSERT INTO events(data) VALUES ('a'), ('b')",
     STORE_OK, "1 2 3 4 5"},
    {"a table that was rebuilt", REBUILD(COLUMNS_AS_MADE, "*"), STORE_OK, "1 2 3"},
    {"a table that was rebuilt and written",
     REBUILD(COLUMNS_AS_MADE, "*") "; INSERT INTO events(data) VALUES ('a')", STORE_OK,
     "1 2 3 4"},
    {"negative ids", UNSEEN "INSERT INTO events(id) VALUES (-5), (0)", STORE_OK, "1 2 3"},
    {"an id at the end of numbers",
     UNSEEN "INSERT INTO events(id) VALUES (9223372036854775807)", STORE_OK,
     "1 2 3 9223372036854775807"},
    {"a type and data that are NULL", UNRULED "INSERT INTO events(id, channel) VALUES (4, '')",
     STORE_OK, "1 2 3 4"},
    {"a channel that is NULL", UNRULED "INSERT INTO events(id, data) VALUES (4, 'x')", STORE_OK,
     "1 2 3"},
    {"BLOBs everywhere",
     UNRULED
     "INSERT INTO events VALUES (4, x'41', NULL, x'42', x'00ff', x'43', x'44', x'45', x'46'), "
     "(5, '', x'41', x'0a', x'0a', NULL, 'now', NULL, 'x'), (6, '', NULL, x'0d', x'0d', NULL, "
     "1e300, 1, x'47')",
     STORE_OK, "1 2 3 6"},
    {"times to expire that no rule saw",
     UNSEEN "INSERT INTO events(expires_at) VALUES (-1), (5), ('soon'), (1e300), (x'41')",
     STORE_OK, "1 2 3 6 7 8"},
    {"a session's event in a channel, and a channel like a session's",
     UNSEEN "INSERT INTO events(channel, session_id) VALUES ('room', 's'), ('@s', NULL)",
     STORE_OK, "1 2 3"},
    {"names that are too long or have a NUL",
     UNSEEN
     "INSERT INTO events(channel) VALUES (printf('%.600c', 'x')), ('a' || char(0) || 'b')",
     STORE_OK, "1 2 3"},
    {"words of the protocol and line breaks in the type",
     UNSEEN "INSERT INTO events(type) VALUES ('gap'), ('x' || char(10) || 'id: 9'), ('')",
     STORE_OK, "1 2 3 4 5 6"},
    {"an event that is larger than any may be",
     "UPDATE rowcast_config SET value = 0 WHERE name = 'buffer_bytes'; " UNSEEN
     "INSERT INTO events(data) VALUES (printf('%.16777217c', 'x')), ('y')",
     STORE_OK, "1 2 3 hole:<4 5"},
    {"ids that are text",
     UNSEEN REBUILD(COLUMNS_WITHOUT_RULES,
                    "*") "; INSERT INTO events(id, channel) VALUES ('x', ''), (NULL, '')",
     STORE_OK, "1 2 3"},
    {"last_id behind the rows",
     "DROP TRIGGER rowcast_log_old; UPDATE rowcast_log SET last_id = 1", STORE_OK, "1 2 3"},
    {"last_id far beyond the rows", "UPDATE rowcast_log SET last_id = 4611686018427387904",
     STORE_OK, "1 2 3"},
    {"no list of what was removed", "DROP TABLE rowcast_removed", STORE_OK, "1 2 3"},
    {"a list of what was removed that is a view",
     "DROP TABLE rowcast_removed; CREATE VIEW rowcast_removed AS SELECT '' AS mailbox",
     STORE_CORRUPT, NULL},
    {"positions that cannot be",
     "UPDATE rowcast_log SET trimmed_to = 9223372036854775807, forgotten_to = "
     "-9223372036854775808",
     STORE_OK, "1 2 3"},
    {"positions that are text", "UPDATE rowcast_log SET trimmed_to = 'x', forgotten_to = x'41'",
     STORE_OK, "1 2 3"},
    {"a mailbox that was trimmed beyond the end",
     "UPDATE rowcast_log SET trimmed_to = 3; "
     "UPDATE rowcast_channels SET trimmed_to = 9223372036854775807",
     STORE_OK, "hole:<3 1 2 3"},
    {"a mailbox whose position is text",
     "UPDATE rowcast_log SET trimmed_to = 3; UPDATE rowcast_channels SET trimmed_to = 'x'",
     STORE_OK, "1 2 3"},
    {"an index that is gone", "DROP INDEX events_mailbox; DROP INDEX events_created_at",
     STORE_OK, "1 2 3"},
    {"no trigger at all",
     "DROP TRIGGER events_insert; DROP TRIGGER events_inserted; DROP TRIGGER events_update; "
     "DROP TRIGGER events_deleted; DROP TRIGGER rowcast_log_replaced; DROP TRIGGER "
     "rowcast_log_due; DROP TRIGGER rowcast_log_old; DROP TRIGGER "
     "rowcast_log_full; "
     "DROP TRIGGER rowcast_log_excess; DROP TRIGGER rowcast_log_insert; "
     "DROP TRIGGER rowcast_log_update; DROP TRIGGER rowcast_log_delete; "
     "DROP TRIGGER rowcast_channels_delete; DROP TRIGGER rowcast_config_insert; "
     "DROP TRIGGER rowcast_config_update; DROP TRIGGER rowcast_config_updated; "
     "DROP TRIGGER rowcast_config_delete; INSERT INTO events(id) VALUES (7)",
     STORE_OK, "1 2 3 7"},
    {"a settings table full of nonsense",
     "DROP TRIGGER rowcast_config_update; UPDATE rowcast_config SET value = "
     "'2305843009213693952'",
     STORE_OK, "1 2 3"},
    {"a renamed column", "ALTER TABLE events RENAME COLUMN data TO payload", STORE_CORRUPT, ""},
    {"a dropped table", "DROP TABLE rowcast_channels", STORE_CORRUPT, ""},
    {"an endless view in the place of the events",
     "DROP TABLE events; CREATE VIEW events AS WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL "
     "SELECT i + 1 FROM n) SELECT i AS id, '' AS channel, NULL AS session_id, 'x' AS type, "
     "'x' AS data, NULL AS dedup_key, 1 AS created_at FROM n",
     STORE_CORRUPT, ""},
    {"an endless view in the place of the settings",
     "DROP TABLE rowcast_config; CREATE VIEW rowcast_config AS WITH RECURSIVE n(i) AS (VALUES "
     "(1) "
     "UNION ALL SELECT i + 1 FROM n) SELECT i AS name, 'x' AS value FROM n",
     STORE_CORRUPT, ""},
};

enum { STRANGE = sizeof strange / sizeof *strange };

static void expect_why(struct log_world *w, const char *name, enum store_result expected,
                       enum store_result r)
{
    if (r != expected)
        fail_msg("%s: %d, not %d: %s", name, r, expected, store_why(w->store));
    if (r != STORE_OK && !*store_why(w->store))
        fail_msg("%s: it does not say why", name);
}

/* As the feeder and the readers do it, down to the bytes: nothing is asserted in vain. */
static void expect_batches(struct log_world *w, const char *name, enum store_result expected)
{
    const char *room[] = {"room", "@s"};
    struct settings *settings = settings_new();
    struct batch_builder *b = batch_builder_new();
    struct subscription *only[] = {NULL, subscription_new("s", room, 2, NULL, 0)};
    for (int i = 0; i < 2; i++)
        for (int64_t after = 0; after < 4; after++) {
            struct store_question q = {.after = after, .only = only[i]};
            struct batch *batch = NULL;
            struct store_end end;
            expect_why(w, name, expected, replay_next(w->store, b, settings, &q, &batch, &end));
            if (batch && batch->events > 0)
                assert_true(batch->event[batch->events - 1].id <= batch->through);
            batch_unref(batch);
        }
    subscription_free(only[1]);
    batch_builder_free(b);
    settings_unref(settings);
}

static void expect_settings(struct log_world *w, const char *name, enum store_result expected)
{
    struct settings *settings = NULL;
    expect_why(w, name, expected, store_settings_newer(w->store, NULL, &settings));
    if (settings)
        assert_int_equal(settings->stream_max_age, 0);
    settings_unref(settings);
}

static void expect_claim(struct log_world *w, const char *name, enum store_result expected)
{
    struct claim claim = {.subscription = NULL};
    struct claim_request r = some_request();
    struct settings *settings = settings_new();
    r.start = START_EARLIEST;
    expect_why(w, name, expected, store_claim(w->store, settings, &r, &claim));
    if (expected == STORE_OK)
        assert_true(claim.cursor <= claim.until);
    subscription_free(claim.subscription);
    settings_unref(settings);
}

static void test_whatever_is_in_the_log_it_is_read_or_it_is_said_why_not(void **state)
{
    (void)state;
    for (size_t i = 0; i < STRANGE; i++) {
        void *world;
        log_setup(&world);
        struct log_world *w = world;
        const char *name = strange[i].name;
        log_insert(w, 3);
        assert_string_equal(log_read(w, 0, NULL), "1 2 3");
        log_sql(w, "%s", strange[i].sql);
        expect_why(w, name, strange[i].result, log_ask(w, 0, NULL));
        if (strange[i].result == STORE_OK && strcmp(w->rows, strange[i].rows) != 0)
            fail_msg("%s: %s, not %s", name, w->rows, strange[i].rows);
        expect_batches(w, name, strange[i].result);
        expect_settings(w, name, strange[i].result);
        expect_claim(w, name, strange[i].result);
        log_teardown(&world);
    }
}

/* The log of each line is the same to a store that finds it like that. */
static void test_a_strange_log_is_opened_or_it_is_said_why_not(void **state)
{
    (void)state;
    for (size_t i = 0; i < STRANGE; i++) {
        void *world;
        log_setup(&world);
        struct log_world *w = world;
        log_insert(w, 3);
        log_sql(w, "%s", strange[i].sql);
        store_close(w->store);
        assert_int_equal(store_open(&w->store, w->path), STORE_OK);
        expect_why(w, strange[i].name, strange[i].result, log_ask(w, 0, NULL));
        expect_batches(w, strange[i].name, strange[i].result);
        log_teardown(&world);
    }
}

static void expect_mended(struct log_world *w)
{
    assert_int_equal(log_number(w, "SELECT count(*) FROM sqlite_schema WHERE type = 'trigger'"),
                     17);
    assert_int_equal(log_number(w,
                                "SELECT bytes - (SELECT sum(200 + length(data)) FROM events) "
                                "FROM rowcast_log"),
                     0);
    assert_int_equal(
        log_number(w, "SELECT sum(kept) - (SELECT count(*) FROM events) FROM rowcast_channels"),
        0);
    assert_int_equal(
        log_number(w, "SELECT last_id - (SELECT max(id) FROM events) FROM rowcast_log"), 0);
    assert_non_null(log_try(w, "INSERT INTO events(type) VALUES ('gap')"));
}

static void test_missing_triggers_are_made_again_and_the_books_counted(void **state)
{
    struct log_world *w = *state;
    log_insert(w, 3);
    log_sql(w, "INSERT INTO events(session_id) VALUES ('s')");
    log_sql(w, "%s",
            REBUILD(COLUMNS_AS_MADE, "*") "; INSERT INTO events(data) VALUES ('abc'), ('')");
    assert_string_equal(log_read(w, 0, NULL), "1 2 3 4 5 6"); /* at once, mended or not */
    assert_string_equal(log_read(w, 0, NULL),
                        "1 2 3 4 5 6"); /* and nothing was lost: no hole */
    expect_mended(w);
    log_insert(w, 1);
    assert_string_equal(log_read(w, 5, NULL), "6 7");
}

static void test_rows_that_left_unseen_are_a_hole_of_their_mailbox(void **state)
{
    struct log_world *w = *state;
    log_insert(w, 3);
    log_sql(w, "INSERT INTO events(channel) VALUES ('room'), ('room')");
    log_sql(w, "DROP TRIGGER events_deleted; DELETE FROM events WHERE id = 4");
    (void)log_read(w, 0, NULL);
    assert_string_equal(log_read(w, 0, NULL), "hole:room<5 1 2 3 5");
    expect_mended(w);
}

/* Nobody can tell whose they were: so everybody is told. */
static void test_rows_that_came_and_left_unseen_are_a_hole_of_all(void **state)
{
    struct log_world *w = *state;
    log_insert(w, 2);
    log_sql(w,
            "DROP TRIGGER events_deleted; DROP TRIGGER events_inserted; "
            "INSERT INTO events(channel) VALUES ('a'), ('b'); DELETE FROM events WHERE id = 3");
    (void)log_read(w, 0, NULL);
    assert_string_equal(log_read(w, 2, NULL), "hole:?<4 hole:<4 hole:b<4 4");
    expect_mended(w);
}

/* Under another epoch ids may be given again.  What was noted of the old ones is forgotten, or the
 * event that gets a replaced one's id would go without a word. */
static void test_an_id_that_is_given_again_can_be_missed(void **state)
{
    struct log_world *w = *state;
    log_insert(w, 1);
    log_sql(w, "INSERT INTO events(key) VALUES ('k'), ('k'); DELETE FROM events WHERE id > 1");
    log_sql(w, "UPDATE rowcast_log SET epoch = lower(hex(randomblob(4))), last_id = 1;"
               "UPDATE rowcast_channels SET trimmed_to = 0; DELETE FROM rowcast_removed;"
               "UPDATE rowcast_log SET trimmed_to = 0;"
               "UPDATE sqlite_sequence SET seq = 1 WHERE name = 'events'");
    log_sql(w, "INSERT INTO events(data) VALUES ('x'); DELETE FROM events WHERE id = 2");
    assert_int_equal(log_number(w, "SELECT trimmed_to FROM rowcast_log"), 2);
}

static void test_an_epoch_that_is_none_is_replaced(void **state)
{
    static const char *const epochs[] = {
        "''",         "'x' || char(10) || 'data: y'", "'1234567'", "'123456789'",
        "'ABCDEF01'", "x'3132333435363738'",          "5",         "'1234567' || char(0)",
        "'\"{}[]:,;'"};
    struct log_world *w = *state;
    for (size_t i = 0; i < sizeof epochs / sizeof *epochs; i++) {
        assert_non_null(log_try(w, "UPDATE rowcast_log SET epoch = 'y'"));
        log_sql(w, "DROP TRIGGER rowcast_log_update; UPDATE rowcast_log SET epoch = %s",
                epochs[i]);
        (void)log_ask(w, 0, NULL);
        store_close(w->store);
        assert_int_equal(store_open(&w->store, w->path), STORE_OK);
        (void)log_ask(w, 0, NULL);
        assert_int_equal(log_ask(w, 0, NULL), STORE_OK);
        assert_true(epoch_is_sound(w->end.epoch));
        assert_int_equal(log_number(w, "SELECT length(epoch) FROM rowcast_log"), 8);
    }
}

static void test_the_row_of_the_books_is_made_again(void **state)
{
    struct log_world *w = *state;
    log_insert(w, 3);
    (void)log_read(w, 0, NULL);
    log_sql(w, "DROP TRIGGER rowcast_log_delete; DELETE FROM rowcast_log");
    assert_int_equal(log_ask(w, 0, NULL), STORE_CORRUPT);
    assert_non_null(strstr(store_why(w->store), "no row"));
    (void)log_ask(w, 0, NULL);
    assert_string_equal(log_read(w, 0, NULL), "1 2 3");
    expect_mended(w);
}

static void test_a_table_that_is_put_right_is_followed_again(void **state)
{
    struct log_world *w = *state;
    log_insert(w, 3);
    log_sql(w, "ALTER TABLE events RENAME COLUMN data TO payload");
    assert_int_equal(log_ask(w, 0, NULL), STORE_CORRUPT);
    assert_non_null(strstr(store_why(w->store), "no column data"));
    log_sql(w, "ALTER TABLE events RENAME COLUMN payload TO data");
    assert_string_equal(log_read(w, 0, NULL), "1 2 3");
}

static char notices[2048];

static void note_sentence(enum store_notice what, const char *sentence)
{
    assert_int_equal(what, STORE_NOTICE_FILES);
    snprintf(notices + strlen(notices), sizeof notices - strlen(notices), "%s\n", sentence);
}

static void test_what_was_mended_is_said_once(void **state)
{
    struct log_world *w = *state;
    notices[0] = '\0';
    store_notices(note_sentence);
    log_sql(w, "DROP TRIGGER rowcast_log_full");
    for (int i = 0; i < 3; i++)
        (void)log_read(w, 0, NULL);
    store_notices(NULL);
    const char *said = strstr(notices, "rowcast_log_full");
    assert_non_null(said);
    assert_null(strstr(said + 1, "rowcast_log_full"));
}

/* Its sentence names the trigger, and reading goes on all the same. */
static void test_a_log_that_cannot_be_mended_is_read_and_said(void **state)
{
    struct log_world *w = *state;
    notices[0] = '\0';
    log_insert(w, 1);
    (void)log_read(w, 0, NULL);
    store_notices(note_sentence);
    log_sql(w, "DROP TRIGGER events_inserted; INSERT INTO events(data) VALUES ('x')");
    log_sql(w, "BEGIN IMMEDIATE"); /* the lock is held */
    for (int i = 0; i < 3; i++)
        assert_string_equal(log_read(w, 0, NULL), "1 2");
    log_sql(w, "COMMIT");
    store_notices(NULL);
    assert_non_null(strstr(notices, "lacks trigger events_inserted"));
    assert_non_null(strstr(notices, "locked"));
}

/* The newest id that SQLite names is a text, so the end of the log is not known. */
static void test_an_answer_reaches_to_its_last_row_wherever_the_log_seems_to_end(void **state)
{
    struct log_world *w = *state;
    log_insert(w, 3);
    log_sql(w, UNSEEN REBUILD(COLUMNS_WITHOUT_RULES, "*"));
    log_sql(w, "INSERT INTO events(id, channel, type, data) VALUES ('x', '', 'a', 'a'), "
               "(7, '', 'a', 'a'); BEGIN IMMEDIATE"); /* so that it cannot be mended */
    assert_string_equal(log_read(w, 0, NULL), "1 2 3 7");
    assert_int_equal(w->through, 7);
    expect_batches(w, "a row beyond the end", STORE_OK);
    log_sql(w, "COMMIT");
    assert_string_equal(log_read(w, 0, NULL), "1 2 3 7");
}

/* A view that was there before anybody looked can still be asked: the deadline ends it. */
static void test_a_question_without_end_is_over_at_the_deadline(void **state)
{
    struct log_world *w = *state;
    log_sql(w,
            "DROP TABLE rowcast_log; CREATE VIEW rowcast_log AS WITH RECURSIVE n(i) AS "
            "(VALUES (1) UNION ALL SELECT i + 1 FROM n) SELECT i AS version, 0 AS one FROM n");
    store_close(w->store);
    assert_int_equal(store_open(&w->store, w->path), STORE_OK);
    store_deadline(50);
    enum store_result r = log_ask(w, 0, NULL);
    store_deadline(-1);
    assert_int_not_equal(r, STORE_OK);
    assert_string_not_equal(store_why(w->store), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whatever_is_in_the_log_it_is_read_or_it_is_said_why_not),
        cmocka_unit_test(test_a_strange_log_is_opened_or_it_is_said_why_not),
        LOG_TEST(test_missing_triggers_are_made_again_and_the_books_counted),
        LOG_TEST(test_rows_that_left_unseen_are_a_hole_of_their_mailbox),
        LOG_TEST(test_rows_that_came_and_left_unseen_are_a_hole_of_all),
        LOG_TEST(test_an_id_that_is_given_again_can_be_missed),
        LOG_TEST(test_an_epoch_that_is_none_is_replaced),
        LOG_TEST(test_the_row_of_the_books_is_made_again),
        LOG_TEST(test_a_table_that_is_put_right_is_followed_again),
        LOG_TEST(test_what_was_mended_is_said_once),
        LOG_TEST(test_a_log_that_cannot_be_mended_is_read_and_said),
        LOG_TEST(test_an_answer_reaches_to_its_last_row_wherever_the_log_seems_to_end),
        LOG_TEST(test_a_question_without_end_is_over_at_the_deadline),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
