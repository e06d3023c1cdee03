/* A log and its sessions of revision 1 (fixtures.h), with a store over them that was not used yet,
 * and with two connections like those of a person's shell. */
#ifndef ROWCAST_TESTS_OLD_WORLD_H
#define ROWCAST_TESTS_OLD_WORLD_H

#include "tests/unit/fixtures.h"
#include "tests/unit/store_world.h"

enum { OLD_LAST = 17 /* the newest event */, OLD_KEPT = 10 };

static inline void old_shells(struct world *w)
{
    assert_int_equal(sqlite3_open(w->log_path, &w->log), SQLITE_OK);
    assert_int_equal(sqlite3_open(w->sessions_path, &w->sessions), SQLITE_OK);
    sqlite3_db_config(w->log, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, (int *)NULL);
    sqlite3_db_config(w->sessions, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, (int *)NULL);
}

static inline int old_setup(void **state)
{
    struct world *w = calloc(1, sizeof *w);
    assert_non_null(w);
    strcpy(w->dir, "/tmp/rowcast-XXXXXX");
    assert_non_null(mkdtemp(w->dir));
    snprintf(w->log_path, sizeof w->log_path, "%s/log", w->dir);
    snprintf(w->sessions_path, sizeof w->sessions_path, "%s/log.sessions", w->dir);
    fixture_load_log(w->log_path);
    fixture_load_sessions(w->sessions_path);
    assert_int_equal(store_open(&w->store, w->log_path), STORE_OK);
    w->settings = settings_new();
    assert_non_null(w->settings);
    old_shells(w);
    *state = w;
    return 0;
}

#define OLD_TEST(f) cmocka_unit_test_setup_teardown(f, old_setup, world_teardown)

/* A text from the log; valid until the next call. */
static inline const char *old_text(sqlite3 *db, const char *sql)
{
    static char text[65536];
    sqlite3_stmt *stmt = NULL;
    if (sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) != SQLITE_OK ||
        sqlite3_step(stmt) != SQLITE_ROW)
        fail_msg("%s: %s", sql, sqlite3_errmsg(db));
    const char *found = (const char *)sqlite3_column_text(stmt, 0);
    snprintf(text, sizeof text, "%s", found ? found : "NULL");
    sqlite3_finalize(stmt);
    return text;
}

/* What the files say of themselves; 1: there is no such column. */
static inline int64_t old_revision(sqlite3 *db, const char *table)
{
    if (world_number(db, "SELECT count(*) FROM pragma_table_info('%s') WHERE name = 'revision'",
                     table) == 0)
        return 1;
    return world_number(db, "SELECT revision FROM %s", table);
}

/* ---- what a store gives ------------------------------------------------------------- */

static char old_rows[1024];

static void old_begin(void *arg, const struct store_end *end)
{
    (void)arg, (void)end;
    old_rows[0] = '\0';
}

static void old_hole(void *arg, const char *mailbox, int64_t trimmed_to)
{
    (void)arg, (void)mailbox, (void)trimmed_to;
}

static enum store_taken old_row(void *arg, const struct event *e)
{
    size_t n = strlen(old_rows);
    (void)arg;
    snprintf(old_rows + n, sizeof old_rows - n, "%s%lld%s%s", n > 0 ? " " : "",
             (long long)e->id, e->key ? "=" : "", e->key ? e->key : "");
    return STORE_MORE;
}

/* The ids after `after`, those of an event with a key as "18=key"; or the failure's sentence. */
static inline const char *old_read(struct store *s, int64_t after)
{
    struct store_sink sink = {NULL, old_begin, old_hole, old_row};
    struct store_question q = {.after = after};
    int64_t through;
    return store_read(s, &q, &sink, &through) == STORE_OK ? old_rows : store_why(s);
}

#define OLD_ROWS "8 9 10 11 12 13 14 15 16 17"

/* Publish one event, with little patience. */
static inline enum store_result old_append(struct store *s, const char *key)
{
    int64_t id;
    struct appending a = {
        .what = {.channel = "", .type = "a", .data = "x", .data_len = 1, .key = key},
        .ids = &id};
    struct appending *all[] = {&a};
    enum store_result r = store_append_all(s, all, 1, 50);
    return r == STORE_OK ? a.result : r;
}

/* The token of a client of the fixture, by its name in the application's table of them. */
static inline void old_token(struct world *w, const char *name, char token[SESSION_TOKEN_SIZE])
{
    char sql[96];
    snprintf(sql, sizeof sql, "SELECT token FROM clients WHERE name = '%s'", name);
    const char *found = old_text(w->log, sql);
    assert_int_equal(strlen(found), SESSION_TOKEN_SIZE - 1);
    memcpy(token, found, SESSION_TOKEN_SIZE);
}

/* Claim as that client (NULL: a new one); w->claim is valid until the next. */
static inline enum store_result old_claim(struct world *w, const char *name,
                                          const char *channel, const char *position)
{
    char token[SESSION_TOKEN_SIZE];
    struct claim_request r = some_request();
    if (name)
        old_token(w, name, token);
    r.token = name ? token : NULL;
    r.user_agent = "fixture/1";
    r.channels = &channel;
    r.channel_count = channel ? 1 : 0;
    r.start = position ? START_AT_ID : START_UNSAID;
    r.position = position;
    subscription_free(w->claim.subscription);
    w->claim.subscription = NULL;
    return store_claim(w->store, w->settings, &r, &w->claim);
}

#endif
