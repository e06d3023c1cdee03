/* Time that passes, and what goes wrong, as it does with two files. */
#include "tests/contract/world_sqlite.h"

#include <unistd.h>

#include "store/sqlite/database.h"
#include "store/sqlite/engine.h"

/* ---- time -------------------------------------------------------------------------- */

/* Change what cannot be changed: the rules, which are triggers, are away for the time of one
 * transaction. */
static void without_rules(sqlite3 *db, char *change)
{
    char *drop = shell_text(db, "SELECT group_concat('DROP TRIGGER ' || name, ';') "
                                "FROM sqlite_schema WHERE type = 'trigger'");
    char *make = shell_text(db, "SELECT group_concat(sql, ';') FROM sqlite_schema "
                                "WHERE type = 'trigger'");
    shell_must(shell_run(
        db, sqlite3_mprintf("BEGIN IMMEDIATE; %s; %s; %s; COMMIT", drop, change, make)));
    sqlite3_free(drop);
    sqlite3_free(make);
    sqlite3_free(change);
}

void sqlite_world_age(struct world *w, int64_t seconds)
{
    without_rules(shell_of(w, THE_LOG),
                  sqlite3_mprintf("UPDATE events SET created_at = created_at - 1000 * %lld, "
                                  "expires_at = expires_at - 1000 * %lld;"
                                  "UPDATE rowcast_channels SET last_at = last_at - 1000 * %lld",
                                  seconds, seconds, seconds));
    SESSIONS_DO("UPDATE sessions SET created_at = created_at - 1000 * %lld, "
                "last_seen_at = last_seen_at - 1000 * %lld",
                seconds, seconds);
}

void sqlite_world_orphan(struct world *w, int64_t stream)
{
    SESSIONS_DO("UPDATE streams SET responder = 77 WHERE id = %lld", stream);
}

void sqlite_world_foreign(struct world *w, int64_t stream)
{
    SESSIONS_DO("UPDATE streams SET epoch = 'ffffffff' WHERE id = %lld", stream);
}

/* ---- what goes wrong --------------------------------------------------------------- */

void sqlite_world_hold(struct world *w, enum part part)
{
    shell_must(shell_run(shell_of(w, part), sqlite3_mprintf("BEGIN IMMEDIATE")));
}

void sqlite_world_release(struct world *w, enum part part)
{
    shell_must(shell_run(shell_of(w, part), sqlite3_mprintf("COMMIT")));
}

/* As on a full disk: the store's connection may not let the file grow. */
void sqlite_world_fill_up(struct world *w, enum part part, bool full)
{
    struct sqlite_store *s = sqlite_of(w->store);
    sqlite3 *db = part == THE_LOG ? s->log.db : s->sessions.db;
    int64_t pages = full ? shell_number(db, sqlite3_mprintf("PRAGMA page_count")) : 1000000;
    shell_must(shell_run(db, sqlite3_mprintf("PRAGMA max_page_count = %lld", pages)));
}

static void remove_sides(const char *name)
{
    char side[96];
    snprintf(side, sizeof side, "%s-wal", name);
    unlink(side);
    snprintf(side, sizeof side, "%s-shm", name);
    unlink(side);
}

void sqlite_world_damage(struct world *w, enum part part)
{
    char name[80], other[96];
    shell_leave(w, part);
    shell_name(w, part, name);
    snprintf(other, sizeof other, "%s.new", name);
    FILE *f = fopen(other, "w");
    assert_non_null(f);
    fputs("this is not a database, whatever its name may be", f);
    fclose(f);
    assert_int_equal(rename(other, name), 0);
    remove_sides(name);
}

void sqlite_world_lose(struct world *w, enum part part)
{
    char name[80];
    shell_leave(w, part);
    shell_name(w, part, name);
    assert_int_equal(unlink(name), 0);
    remove_sides(name);
}

void sqlite_world_replace(struct world *w)
{
    const struct place *p = w->place;
    char command[256];
    struct store_end end;
    (void)store_where(w->store, &end); /* somebody of the process has it open, as is usual */
    shell_leave(w, THE_LOG);
    snprintf(command, sizeof command,
             "sqlite3 %s/new <sql/schema.sql >/dev/null && mv %s/new %s", p->folder, p->folder,
             w->address);
    assert_int_equal(system(command), 0);
}

/* The books of the copy become what they were; what the lost rows pushed out stays out. */
static void take_back(sqlite3 *db, int64_t n)
{
    shell_must(shell_run(db, sqlite3_mprintf("PRAGMA journal_mode = WAL")));
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

void sqlite_world_put_back(struct world *w, int64_t n)
{
    char copy[80];
    sqlite3 *db = NULL;
    snprintf(copy, sizeof copy, "%s.copy", w->address);
    LOG("VACUUM INTO %Q", copy);
    shell_leave(w, THE_LOG);
    assert_int_equal(sqlite3_open(copy, &db), SQLITE_OK);
    take_back(db, n);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    remove_sides(w->address);
    assert_int_equal(rename(copy, w->address), 0);
}
