/* The half of the world that SQLite makes: a folder of its own, and a connection to each of the
 * two files, as a person's shell would have. */
#include "tests/contract/world_sqlite.h"

#include <unistd.h>

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
    shell_leave(w, THE_LOG);
    shell_leave(w, THE_SESSIONS);
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
    sqlite3 *db = shell_of(w, THE_LOG);
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
    sqlite3 *db = shell_of(w, THE_LOG);
    return mailbox
               ? shell_run(db, sqlite3_mprintf(
                                   "DELETE FROM rowcast_channels WHERE mailbox = %Q", mailbox))
               : shell_run(db, sqlite3_mprintf("DELETE FROM rowcast_channels"));
}

static const char *set_value(struct world *w, const char *name, const char *value)
{
    return shell_run(shell_of(w, THE_LOG),
                     sqlite3_mprintf("INSERT INTO rowcast_config(name, value) VALUES (%Q, %Q)",
                                     name, value));
}

static const char *value_row(struct world *w, const char *name)
{
    static char value[2048];
    sqlite3_stmt *stmt = NULL;
    assert_int_equal(sqlite3_prepare_v2(shell_of(w, THE_LOG),
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
    return shell_number(shell_of(w, counts[what].part),
                        sqlite3_mprintf("SELECT %s", counts[what].sql));
}

static int64_t kept_rows(struct world *w, const char *mailbox)
{
    return shell_number(
        shell_of(w, THE_LOG),
        sqlite3_mprintf(
            "SELECT ifnull((SELECT kept FROM rowcast_channels WHERE mailbox = %Q), -1)",
            mailbox));
}

static bool session_column(struct world *w, const char *session_id, const char *what,
                           const char *value)
{
    return shell_number(
               shell_of(w, THE_SESSIONS),
               sqlite3_mprintf("SELECT count(*) FROM sessions WHERE id = %Q AND %w = %Q",
                               session_id, what, value)) == 1;
}

static int64_t session_integer(struct world *w, const char *session_id, const char *what)
{
    return shell_number(
        shell_of(w, THE_SESSIONS),
        sqlite3_mprintf("SELECT %w FROM sessions WHERE id = %Q", what, session_id));
}

static int64_t stream_position(struct world *w, int64_t stream)
{
    return shell_number(
        shell_of(w, THE_SESSIONS),
        sqlite3_mprintf("SELECT ifnull((SELECT position FROM streams WHERE id = %lld), -1)",
                        stream));
}

static void check_books(struct world *w)
{
    sqlite3 *db = shell_of(w, THE_LOG);
    assert_int_equal(
        shell_number(db,
                     sqlite3_mprintf("SELECT bytes - ifnull((SELECT sum(200 + length(CAST(data "
                                     "AS BLOB))) FROM events), 0) FROM rowcast_log")),
        0);
    assert_int_equal(
        shell_number(db,
                     sqlite3_mprintf("SELECT count(*) FROM rowcast_channels AS c WHERE kept <> "
                                     "(SELECT count(*) FROM events WHERE c.mailbox = CASE WHEN "
                                     "session_id IS NULL THEN channel ELSE '@' || session_id "
                                     "END)")),
        0);
    assert_int_equal(
        count_rows(w, EVENTS),
        shell_number(db, sqlite3_mprintf("SELECT sum(kept) FROM rowcast_channels")));
    assert_int_equal(
        shell_number(db,
                     sqlite3_mprintf("SELECT count(*) FROM rowcast_channels, rowcast_log AS l "
                                     "WHERE rowcast_channels.trimmed_to > l.trimmed_to")),
        0);
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
    .age = sqlite_world_age,
    .orphan = sqlite_world_orphan,
    .foreign = sqlite_world_foreign,
    .hold = sqlite_world_hold,
    .release = sqlite_world_release,
    .fill_up = sqlite_world_fill_up,
    .damage = sqlite_world_damage,
    .lose = sqlite_world_lose,
    .replace = sqlite_world_replace,
    .put_back = sqlite_world_put_back,
};
