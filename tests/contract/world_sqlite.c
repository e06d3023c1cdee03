/* The half of the world that SQLite makes: a folder of its own, and a connection to each of the
 * two files, as a person's shell would have. */
#include "tests/contract/contract_world.h"

#include <sqlite3.h>
#include <unistd.h>

#include "store/sqlite/database.h"
#include "store/sqlite/engine.h"

struct place {
    char folder[32];
    sqlite3 *shell[2]; /* by part; opened when first used */
};

static void name_of(const struct world *w, enum part part, char name[80])
{
    snprintf(name, 80, "%s%s", w->address, part == THE_LOG ? "" : ".sessions");
}

static void leave(struct world *w, enum part part)
{
    struct place *p = w->place;
    sqlite3_close(p->shell[part]);
    p->shell[part] = NULL;
}

/* Run SQL that was made by sqlite3_mprintf; the error's sentence, or NULL. */
static const char *run(sqlite3 *db, char *sql)
{
    assert_non_null(sql);
    int r = sqlite3_exec(db, sql, NULL, NULL, NULL);
    sqlite3_free(sql);
    return r == SQLITE_OK ? NULL : sqlite3_errmsg(db);
}

static void must(const char *why)
{
    if (why)
        fail_msg("%s", why);
}

static sqlite3 *shell(struct world *w, enum part part)
{
    struct place *p = w->place;
    char name[80];
    if (p->shell[part])
        return p->shell[part];
    name_of(w, part, name);
    assert_int_equal(sqlite3_open(name, &p->shell[part]), SQLITE_OK);
    sqlite3_busy_timeout(p->shell[part], 5000);
    must(run(p->shell[part], sqlite3_mprintf("PRAGMA synchronous = OFF")));
    sqlite3_db_config(p->shell[part], SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, (int *)NULL);
    return p->shell[part];
}

static int64_t number(sqlite3 *db, char *sql)
{
    sqlite3_stmt *stmt = NULL;
    if (sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) != SQLITE_OK ||
        sqlite3_step(stmt) != SQLITE_ROW)
        fail_msg("%s: %s", sql, sqlite3_errmsg(db));
    int64_t n = sqlite3_column_int64(stmt, 0);
    sqlite3_finalize(stmt);
    sqlite3_free(sql);
    return n;
}

/* The caller frees, by sqlite3_free. */
static char *text(sqlite3 *db, const char *sql)
{
    sqlite3_stmt *stmt = NULL;
    if (sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) != SQLITE_OK ||
        sqlite3_step(stmt) != SQLITE_ROW)
        fail_msg("%s: %s", sql, sqlite3_errmsg(db));
    char *copy = sqlite3_mprintf("%s", sqlite3_column_text(stmt, 0));
    sqlite3_finalize(stmt);
    return copy;
}

#define LOG(...) must(run(shell(w, THE_LOG), sqlite3_mprintf(__VA_ARGS__)))
#define SESSIONS_DO(...) must(run(shell(w, THE_SESSIONS), sqlite3_mprintf(__VA_ARGS__)))

/* ---- the place --------------------------------------------------------------------- */

static bool owns(const char *address)
{
    return !address || !*address;
}

static void begin(struct world *w)
{
    struct place *p = calloc(1, sizeof *p);
    assert_non_null(p);
    /* Nothing of it has to outlive the test, so no disk has to be waited for. */
    strcpy(p->folder,
           access("/dev/shm", W_OK) == 0 ? "/dev/shm/rowcast-XXXXXX" : "/tmp/rowcast-XXXXXX");
    assert_non_null(mkdtemp(p->folder));
    snprintf(w->address, sizeof w->address, "%s/log", p->folder);
    w->place = p;
}

static void end(struct world *w)
{
    struct place *p = w->place;
    char command[64];
    leave(w, THE_LOG);
    leave(w, THE_SESSIONS);
    snprintf(command, sizeof command, "rm -rf %s", p->folder);
    assert_int_equal(system(command), 0);
    free(p);
}

/* ---- publishers and people --------------------------------------------------------- */

static const char *session_of(const char *mailbox)
{
    return mailbox[0] == '@' ? mailbox + 1 : NULL;
}

static void publish_rows(struct world *w, const char *mailbox, const char *type,
                         const char *data, int n)
{
    const char *session = session_of(mailbox);
    LOG("WITH RECURSIVE n(i) AS (SELECT 1 WHERE %d > 0 UNION ALL "
        "SELECT i + 1 FROM n WHERE i < %d) "
        "INSERT INTO events(session_id, channel, type, data) SELECT %Q, %Q, %Q, %Q FROM n",
        n, n, session, session ? "" : mailbox, type, data);
}

static const char *publish_columns(struct world *w, const struct column *columns, size_t n)
{
    sqlite3 *db = shell(w, THE_LOG);
    sqlite3_str *sql = sqlite3_str_new(db);
    sqlite3_stmt *stmt = NULL;
    sqlite3_str_appendall(sql, "INSERT INTO events(");
    for (size_t i = 0; i < n; i++)
        sqlite3_str_appendf(sql, "%s%s", i ? ", " : "", columns[i].name);
    sqlite3_str_appendall(sql, ") VALUES (?");
    for (size_t i = 1; i < n; i++)
        sqlite3_str_appendall(sql, ", ?");
    sqlite3_str_appendall(sql, ")");
    char *text = sqlite3_str_finish(sql);
    assert_int_equal(sqlite3_prepare_v2(db, text, -1, &stmt, NULL), SQLITE_OK);
    sqlite3_free(text);
    for (size_t i = 0; i < n; i++)
        sqlite3_bind_text(stmt, (int)i + 1, columns[i].value,
                          columns[i].len ? (int)columns[i].len : -1, SQLITE_STATIC);
    sqlite3_step(stmt);
    return sqlite3_finalize(stmt) == SQLITE_OK ? NULL : sqlite3_errmsg(db);
}

static void delete_rows(struct world *w, const char *mailbox, int64_t from, int64_t to)
{
    if (!mailbox)
        LOG("DELETE FROM events WHERE id BETWEEN %lld AND %lld", from, to);
    else
        LOG("DELETE FROM events WHERE session_id IS %Q AND channel = %Q "
            "AND id BETWEEN %lld AND %lld",
            session_of(mailbox), session_of(mailbox) ? "" : mailbox, from, to);
}

static const char *forget_mailbox(struct world *w, const char *mailbox)
{
    sqlite3 *db = shell(w, THE_LOG);
    return mailbox ? run(db, sqlite3_mprintf("DELETE FROM rowcast_channels WHERE mailbox = %Q",
                                             mailbox))
                   : run(db, sqlite3_mprintf("DELETE FROM rowcast_channels"));
}

static const char *set_value(struct world *w, const char *name, const char *value)
{
    return run(shell(w, THE_LOG),
               sqlite3_mprintf("INSERT INTO rowcast_config(name, value) VALUES (%Q, %Q)", name,
                               value));
}

static const char *value_row(struct world *w, const char *name)
{
    static char value[2048];
    sqlite3_stmt *stmt = NULL;
    assert_int_equal(sqlite3_prepare_v2(shell(w, THE_LOG),
                                        "SELECT value FROM rowcast_config WHERE name = ?1", -1,
                                        &stmt, NULL),
                     SQLITE_OK);
    sqlite3_bind_text(stmt, 1, name, -1, SQLITE_STATIC);
    bool found = sqlite3_step(stmt) == SQLITE_ROW;
    if (found)
        snprintf(value, sizeof value, "%s", (const char *)sqlite3_column_text(stmt, 0));
    sqlite3_finalize(stmt);
    return found ? value : NULL;
}

static void renew_epoch(struct world *w)
{
    LOG("UPDATE rowcast_log SET epoch = printf('%%08x', (abs(random()) %% 4294967296))");
}

static void delete_sessions(struct world *w, const char *session_id)
{
    if (session_id)
        SESSIONS_DO("DELETE FROM sessions WHERE id = %Q", session_id);
    else
        SESSIONS_DO("DELETE FROM sessions");
}

static const struct {
    enum part part;
    const char *sql;
} counts[] = {
    [EVENTS] = {THE_LOG, "count(*) FROM events"},
    [MAILBOXES] = {THE_LOG, "count(*) FROM rowcast_channels"},
    [BYTES] = {THE_LOG, "bytes FROM rowcast_log"},
    [LAST_ID] = {THE_LOG, "last_id FROM rowcast_log"},
    [OLDEST_ID] = {THE_LOG, "ifnull(min(id), 0) FROM events"},
    [TRIMMED_TO] = {THE_LOG, "trimmed_to FROM rowcast_log"},
    [FORGOTTEN_TO] = {THE_LOG, "forgotten_to FROM rowcast_log"},
    [SETTINGS_VERSION] = {THE_LOG, "config_version FROM rowcast_log"},
    [SESSIONS] = {THE_SESSIONS, "count(*) FROM sessions"},
    [IDLE_SESSIONS] = {THE_SESSIONS, "count(idle_since) FROM sessions"},
    [RECONNECTIONS] = {THE_SESSIONS, "ifnull(sum(reconnections), 0) FROM sessions"},
    [OPEN_STREAMS] = {THE_SESSIONS, "count(*) - count(ended_at) FROM streams"},
    [ENDED_STREAMS] = {THE_SESSIONS, "count(ended_at) FROM streams"},
    [ENDED_SUM] = {THE_SESSIONS,
                   "ifnull(sum(position), 0) FROM streams WHERE ended_at IS NOT NULL"},
    [ORDERS] = {THE_SESSIONS, "count(*) FROM endings"},
    [RESPONDERS] = {THE_SESSIONS, "count(*) FROM responders"},
    [DEPARTED] = {THE_SESSIONS, "count(*) FROM departed"},
};

static int64_t count_rows(struct world *w, enum counted what)
{
    return number(shell(w, counts[what].part), sqlite3_mprintf("SELECT %s", counts[what].sql));
}

static int64_t kept_rows(struct world *w, const char *mailbox)
{
    return number(
        shell(w, THE_LOG),
        sqlite3_mprintf(
            "SELECT ifnull((SELECT kept FROM rowcast_channels WHERE mailbox = %Q), -1)",
            mailbox));
}

static bool session_column(struct world *w, const char *session_id, const char *what,
                           const char *value)
{
    return number(shell(w, THE_SESSIONS),
                  sqlite3_mprintf("SELECT count(*) FROM sessions WHERE id = %Q AND %w = %Q",
                                  session_id, what, value)) == 1;
}

static int64_t session_integer(struct world *w, const char *session_id, const char *what)
{
    return number(shell(w, THE_SESSIONS),
                  sqlite3_mprintf("SELECT %w FROM sessions WHERE id = %Q", what, session_id));
}

static int64_t stream_position(struct world *w, int64_t stream)
{
    return number(
        shell(w, THE_SESSIONS),
        sqlite3_mprintf("SELECT ifnull((SELECT position FROM streams WHERE id = %lld), -1)",
                        stream));
}

static void check_books(struct world *w)
{
    sqlite3 *db = shell(w, THE_LOG);
    assert_int_equal(
        number(db, sqlite3_mprintf("SELECT bytes - ifnull((SELECT sum(200 + length(CAST(data "
                                   "AS BLOB))) FROM events), 0) FROM rowcast_log")),
        0);
    assert_int_equal(
        number(db, sqlite3_mprintf("SELECT count(*) FROM rowcast_channels AS c WHERE kept <> "
                                   "(SELECT count(*) FROM events WHERE c.mailbox = CASE WHEN "
                                   "session_id IS NULL THEN channel ELSE '@' || session_id "
                                   "END)")),
        0);
    assert_int_equal(count_rows(w, EVENTS),
                     number(db, sqlite3_mprintf("SELECT sum(kept) FROM rowcast_channels")));
    assert_int_equal(
        number(db, sqlite3_mprintf("SELECT count(*) FROM rowcast_channels, rowcast_log AS l "
                                   "WHERE rowcast_channels.trimmed_to > l.trimmed_to")),
        0);
}

/* ---- time -------------------------------------------------------------------------- */

/* Change what cannot be changed: the rules, which are triggers, are away for the time of one
 * transaction. */
static void without_rules(sqlite3 *db, char *change)
{
    char *drop = text(db, "SELECT group_concat('DROP TRIGGER ' || name, ';') "
                          "FROM sqlite_schema WHERE type = 'trigger'");
    char *make = text(db, "SELECT group_concat(sql, ';') FROM sqlite_schema "
                          "WHERE type = 'trigger'");
    must(run(db, sqlite3_mprintf("BEGIN IMMEDIATE; %s; %s; %s; COMMIT", drop, change, make)));
    sqlite3_free(drop);
    sqlite3_free(make);
    sqlite3_free(change);
}

static void age_rows(struct world *w, int64_t seconds)
{
    without_rules(shell(w, THE_LOG),
                  sqlite3_mprintf("UPDATE events SET created_at = created_at - 1000 * %lld;"
                                  "UPDATE rowcast_channels SET last_at = last_at - 1000 * %lld",
                                  seconds, seconds));
    SESSIONS_DO("UPDATE sessions SET created_at = created_at - 1000 * %lld, "
                "last_seen_at = last_seen_at - 1000 * %lld",
                seconds, seconds);
}

static void orphan_row(struct world *w, int64_t stream)
{
    SESSIONS_DO("UPDATE streams SET responder = 77 WHERE id = %lld", stream);
}

static void foreign_row(struct world *w, int64_t stream)
{
    SESSIONS_DO("UPDATE streams SET epoch = 'ffffffff' WHERE id = %lld", stream);
}

/* ---- what goes wrong --------------------------------------------------------------- */

static void hold_lock(struct world *w, enum part part)
{
    must(run(shell(w, part), sqlite3_mprintf("BEGIN IMMEDIATE")));
}

static void release_lock(struct world *w, enum part part)
{
    must(run(shell(w, part), sqlite3_mprintf("COMMIT")));
}

/* As on a full disk: the store's connection may not let the file grow. */
static void fill_file(struct world *w, enum part part, bool full)
{
    struct sqlite_store *s = sqlite_of(w->store);
    sqlite3 *db = part == THE_LOG ? s->log.db : s->sessions.db;
    int64_t pages = full ? number(db, sqlite3_mprintf("PRAGMA page_count")) : 1000000;
    must(run(db, sqlite3_mprintf("PRAGMA max_page_count = %lld", pages)));
}

static void remove_sides(const char *name)
{
    char side[96];
    snprintf(side, sizeof side, "%s-wal", name);
    unlink(side);
    snprintf(side, sizeof side, "%s-shm", name);
    unlink(side);
}

static void damage_file(struct world *w, enum part part)
{
    char name[80], other[96];
    leave(w, part);
    name_of(w, part, name);
    snprintf(other, sizeof other, "%s.new", name);
    FILE *f = fopen(other, "w");
    assert_non_null(f);
    fputs("this is not a database, whatever its name may be", f);
    fclose(f);
    assert_int_equal(rename(other, name), 0);
    remove_sides(name);
}

static void lose_file(struct world *w, enum part part)
{
    char name[80];
    leave(w, part);
    name_of(w, part, name);
    assert_int_equal(unlink(name), 0);
    remove_sides(name);
}

static void replace_file(struct world *w)
{
    const struct place *p = w->place;
    char command[256];
    leave(w, THE_LOG);
    snprintf(command, sizeof command,
             "sqlite3 %s/new <sql/schema.sql >/dev/null && mv %s/new %s", p->folder, p->folder,
             w->address);
    assert_int_equal(system(command), 0);
}

/* The books of the copy become what they were; what the lost rows pushed out stays out. */
static void take_back(sqlite3 *db, int64_t n)
{
    must(run(db, sqlite3_mprintf("PRAGMA journal_mode = WAL")));
    without_rules(
        db, sqlite3_mprintf(
                "UPDATE rowcast_log SET last_id = last_id - %lld;"
                "DELETE FROM events WHERE id > (SELECT last_id FROM rowcast_log);"
                "UPDATE rowcast_log SET trimmed_to = min(trimmed_to, last_id), "
                "forgotten_to = min(forgotten_to, last_id), "
                "bytes = (SELECT ifnull(sum(200 + length(CAST(data AS BLOB))), 0) FROM events);"
                "UPDATE rowcast_channels AS c SET kept = (SELECT count(*) FROM events "
                "WHERE c.mailbox = CASE WHEN session_id IS NULL THEN channel "
                "ELSE '@' || session_id END), "
                "trimmed_to = min(trimmed_to, (SELECT last_id FROM rowcast_log));"
                "UPDATE sqlite_sequence SET seq = (SELECT last_id FROM rowcast_log) "
                "WHERE name = 'events'",
                n));
}

static void put_back_file(struct world *w, int64_t n)
{
    char copy[80];
    sqlite3 *db = NULL;
    snprintf(copy, sizeof copy, "%s.copy", w->address);
    LOG("VACUUM INTO %Q", copy);
    leave(w, THE_LOG);
    assert_int_equal(sqlite3_open(copy, &db), SQLITE_OK);
    take_back(db, n);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    remove_sides(w->address);
    assert_int_equal(rename(copy, w->address), 0);
}

const struct half sqlite_half = {
    .name = "sqlite",
    .owns = owns,
    .begin = begin,
    .end = end,
    .publish = publish_rows,
    .try_publish = publish_columns,
    .delete_events = delete_rows,
    .forget = forget_mailbox,
    .set = set_value,
    .value_of = value_row,
    .renew = renew_epoch,
    .delete_session = delete_sessions,
    .count = count_rows,
    .kept = kept_rows,
    .session_has = session_column,
    .session_number = session_integer,
    .position_of = stream_position,
    .books_agree = check_books,
    .age = age_rows,
    .orphan = orphan_row,
    .foreign = foreign_row,
    .hold = hold_lock,
    .release = release_lock,
    .fill_up = fill_file,
    .damage = damage_file,
    .lose = lose_file,
    .replace = replace_file,
    .put_back = put_back_file,
};
