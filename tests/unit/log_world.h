/* A log in a folder of its own, with a store over it, and with a connection like that of a person's
 * shell.  For the unit tests of the log. */
#ifndef ROWCAST_TESTS_LOG_WORLD_H
#define ROWCAST_TESTS_LOG_WORLD_H

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

struct log_world {
    char dir[32];
    char path[64];
    struct store *store;
    sqlite3 *shell;
    char rows[65536]; /* what log_read_ids saw: "1 2 3", holes as "hole:room<7" */
    struct store_end end;
    int64_t through;
    int most; /* rows that are taken at most; 0: all */
    int taken, begun;
    enum store_taken at_most; /* the answer to the last of them */
};

/* Run SQL as the shell would; returns the error's sentence, valid until the next call, or NULL. */
static inline const char *log_try(struct log_world *w, const char *sql)
{
    return sqlite3_exec(w->shell, sql, NULL, NULL, NULL) == SQLITE_OK
               ? NULL
               : sqlite3_errmsg(w->shell);
}

__attribute__((format(printf, 2, 3))) static inline void log_sql(struct log_world *w,
                                                                 const char *format, ...)
{
    char sql[4096];
    va_list args;
    va_start(args, format);
    vsnprintf(sql, sizeof sql, format, args);
    va_end(args);
    const char *why = log_try(w, sql);
    if (why)
        fail_msg("%s: %s", sql, why);
}

static inline int64_t log_number(struct log_world *w, const char *sql)
{
    sqlite3_stmt *stmt = NULL;
    if (sqlite3_prepare_v2(w->shell, sql, -1, &stmt, NULL) != SQLITE_OK ||
        sqlite3_step(stmt) != SQLITE_ROW)
        fail_msg("%s: %s", sql, sqlite3_errmsg(w->shell));
    int64_t n = sqlite3_column_int64(stmt, 0);
    sqlite3_finalize(stmt);
    return n;
}

/* Insert n broadcasts, in one transaction. */
static inline void log_insert(struct log_world *w, int n)
{
    log_sql(w,
            "WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < %d) "
            "INSERT INTO events(data) SELECT 'x' FROM n",
            n);
}

static inline void log_set(struct log_world *w, const char *name, int64_t value)
{
    log_sql(w, "UPDATE rowcast_config SET value = %lld WHERE name = '%s'", (long long)value,
            name);
}

static inline void log_note(struct log_world *w, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
static inline void log_note(struct log_world *w, const char *format, ...)
{
    size_t n = strlen(w->rows);
    va_list args;
    va_start(args, format);
    vsnprintf(w->rows + n, sizeof w->rows - n, format, args);
    va_end(args);
}

static void log_begin(void *arg, const struct store_end *end)
{
    struct log_world *w = arg;
    assert_string_equal(w->rows, ""); /* it comes first */
    w->begun++;
    w->end = *end;
}

static enum store_taken log_row(void *arg, const struct event *e)
{
    struct log_world *w = arg;
    w->taken++;
    if (w->most && w->taken == w->most && w->at_most == STORE_ENOUGH)
        return STORE_ENOUGH;
    log_note(w, "%s%lld", *w->rows ? " " : "", (long long)e->id);
    return w->most && w->taken == w->most ? w->at_most : STORE_MORE;
}

static void log_hole(void *arg, const char *mailbox, int64_t trimmed_to)
{
    struct log_world *w = arg;
    log_note(w, "%shole:%s<%lld", *w->rows ? " " : "", mailbox ? mailbox : "?",
             (long long)trimmed_to);
}

static inline enum store_result log_ask(struct log_world *w, int64_t after,
                                        struct subscription *only)
{
    struct store_question q = {.after = after, .only = only};
    struct store_sink sink = {w, log_begin, log_hole, log_row};
    w->rows[0] = '\0';
    w->taken = w->begun = 0;
    enum store_result r = store_read(w->store, &q, &sink, &w->through);
    if (r == STORE_OK)
        assert_int_equal(w->begun, 1);
    return r;
}

/* Holes and ids after `after`, as text. */
static inline const char *log_read(struct log_world *w, int64_t after,
                                   struct subscription *only)
{
    enum store_result r = log_ask(w, after, only);
    if (r != STORE_OK)
        fail_msg("store_read gave %d: %s", r, store_why(w->store));
    return w->rows;
}

static inline int log_setup(void **state)
{
    struct log_world *w = calloc(1, sizeof *w);
    struct store_end end;
    assert_non_null(w);
    strcpy(w->dir, "/tmp/rowcast-XXXXXX");
    assert_non_null(mkdtemp(w->dir));
    snprintf(w->path, sizeof w->path, "%s/log", w->dir);
    assert_int_equal(store_open(&w->store, w->path), STORE_OK);
    assert_int_equal(store_where(w->store, &end), STORE_OK);
    assert_int_equal(sqlite3_open(w->path, &w->shell), SQLITE_OK);
    *state = w;
    return 0;
}

static inline int log_teardown(void **state)
{
    struct log_world *w = *state;
    char command[64];
    sqlite3_close(w->shell);
    store_close(w->store);
    snprintf(command, sizeof command, "rm -rf %s", w->dir);
    int removed = system(command);
    free(w);
    return removed;
}

#define LOG_TEST(f) cmocka_unit_test_setup_teardown(f, log_setup, log_teardown)

/* Do the next piece of retention, without a round of expiry.  *more: another piece should follow at
 * once. */
static inline enum store_result retain_once(struct store *s, struct settings *settings,
                                            bool *more)
{
    int again_ms = 1000;
    settings->cleanup_interval = 3600;
    enum store_result r = store_tend(s, settings, 5000, &again_ms);
    *more = again_ms < 1000;
    return r;
}

#endif
