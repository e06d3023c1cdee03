/* A log and its sessions in a folder of their own, with a store over them, and with two connections
 * like those of a person's shell.  For the unit tests of the sessions. */
#ifndef ROWCAST_TESTS_STORE_WORLD_H
#define ROWCAST_TESTS_STORE_WORLD_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/store.h"
#include "tests/unit/some_session.h"

struct world {
    char dir[32];
    char log_path[48], sessions_path[48];
    struct store *store;
    struct settings *settings;
    sqlite3 *log, *sessions; /* the shells */
    char epoch[EPOCH_SIZE];
    struct claim claim; /* the newest */
};

static inline void world_sql(sqlite3 *db, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    char *sql = sqlite3_vmprintf(format, args);
    va_end(args);
    if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
        fail_msg("%s: %s", sql, sqlite3_errmsg(db));
    sqlite3_free(sql);
}

static inline int64_t world_number(sqlite3 *db, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    char *sql = sqlite3_vmprintf(format, args);
    va_end(args);
    sqlite3_stmt *stmt = NULL;
    if (sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) != SQLITE_OK ||
        sqlite3_step(stmt) != SQLITE_ROW)
        fail_msg("%s: %s", sql, sqlite3_errmsg(db));
    int64_t number = sqlite3_column_int64(stmt, 0);
    sqlite3_finalize(stmt);
    sqlite3_free(sql);
    return number;
}

static inline int64_t world_sessions(const struct world *w)
{
    return world_number(w->sessions, "SELECT count(*) FROM sessions");
}

static inline int64_t world_open_streams(const struct world *w)
{
    return world_number(w->sessions, "SELECT count(*) FROM streams WHERE ended_at IS NULL");
}

static inline int world_setup(void **state)
{
    struct world *w = calloc(1, sizeof *w);
    struct store_end end;
    assert_non_null(w);
    strcpy(w->dir, "/tmp/rowcast-XXXXXX");
    assert_non_null(mkdtemp(w->dir));
    sprintf(w->log_path, "%s/log", w->dir);
    sprintf(w->sessions_path, "%s/log.sessions", w->dir);
    assert_int_equal(store_open(&w->store, w->log_path), STORE_OK);
    assert_int_equal(store_join(w->store), STORE_OK);
    assert_int_equal(store_where(w->store, &end), STORE_OK);
    memcpy(w->epoch, end.epoch, sizeof end.epoch);
    w->settings = settings_new();
    assert_non_null(w->settings);
    w->settings->buffer_ttl = 30;
    assert_int_equal(sqlite3_open(w->log_path, &w->log), SQLITE_OK);
    assert_int_equal(sqlite3_open(w->sessions_path, &w->sessions), SQLITE_OK);
    sqlite3_db_config(w->sessions, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, (int *)NULL);
    sqlite3_db_config(w->log, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, (int *)NULL);
    *state = w;
    return 0;
}

static inline int world_teardown(void **state)
{
    struct world *w = *state;
    char command[64];
    subscription_free(w->claim.subscription);
    sqlite3_close(w->log);
    sqlite3_close(w->sessions);
    store_close(w->store);
    settings_unref(w->settings);
    snprintf(command, sizeof command, "rm -rf %s", w->dir);
    int removed = system(command);
    free(w);
    return removed;
}

/* Claim; w->claim is valid until the next. */
static inline struct claim *world_claim(struct world *w, const struct claim_request *r)
{
    subscription_free(w->claim.subscription);
    w->claim.subscription = NULL;
    enum store_result result = store_claim(w->store, w->settings, r, &w->claim);
    if (result != STORE_OK)
        fail_msg("store_claim gave %d: %s", result, store_why(w->store));
    return &w->claim;
}

static inline struct claim *world_claim_token(struct world *w, const char *token)
{
    struct claim_request r = some_request();
    r.token = token;
    return world_claim(w, &r);
}

static inline struct claim *world_claim_at(struct world *w, const char *position)
{
    struct claim_request r = some_request();
    r.start = START_AT_ID;
    r.position = position;
    return world_claim(w, &r);
}

static inline struct bookmark world_bookmark(const struct world *w, int64_t stream, int64_t at)
{
    struct bookmark b = {.stream_id = stream, .position = at};
    memcpy(b.epoch, w->epoch, sizeof b.epoch);
    return b;
}

static inline void world_end(struct world *w, int64_t stream, int64_t at)
{
    struct bookmark b = world_bookmark(w, stream, at);
    assert_int_equal(store_ended(w->store, &b, 1), STORE_OK);
}

static inline void world_save(struct world *w, int64_t stream, int64_t at)
{
    struct bookmark b = world_bookmark(w, stream, at);
    assert_int_equal(store_save(w->store, &b, 1), STORE_OK);
}

/* Let `seconds` of served time pass, and let everything expire that does by then. */
static inline void world_serve(struct world *w, int64_t seconds)
{
    int again_ms;
    w->settings->cleanup_interval = 1;
    enum store_result r = store_tend(w->store, w->settings, seconds * 1000, &again_ms);
    while (r == STORE_OK && again_ms < 100)
        r = store_tend(w->store, w->settings, 0, &again_ms);
    if (r != STORE_OK)
        fail_msg("store_tend gave %d: %s", r, store_why(w->store));
}

static inline void world_insert(struct world *w, int n)
{
    world_sql(w->log,
              "WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < %d) "
              "INSERT INTO events(type, data) SELECT 'update', 'x' FROM n",
              n);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, world_setup, world_teardown)

#endif
