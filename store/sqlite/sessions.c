/* The sessions' file is written at each begin and end of a stream, and every few seconds for each
 * running one, by all processes.  Writes are therefore short, gathered into one transaction for
 * many streams, and without a sync each (synchronous=NORMAL): what a power cut takes away is some
 * seconds of bookmarks, and then events come twice. */
#include "store/sqlite/sessions.h"

#include <pthread.h>
#include <string.h>
#include <time.h>

#include "store/sqlite/bind.h"
#include "store/sqlite/connect.h"
#include "store/sqlite/departed.h"
#include "store/sqlite/engine.h"
#include "store/sqlite/failure.h"
#include "store/sqlite/file.h"
#include "store/sqlite/lease.h"
#include "store/sqlite/now.h"
#include "store/sqlite/upgrade.h"

enum { SESSIONS_VERSION = 1, UPGRADE_PAUSE_MS = 2000 };

/* The -wal was taken away while it was in use, and bookmarks in it are lost.  Streams without one
 * would begin at the end and be told of nothing.  So the sessions are deleted, because a client
 * whose token nobody knows is told that it may have lost something. */
static enum store_result forget_the_robbed(struct sqlite_store *s)
{
    struct file *f = s->sessions.hold.file;
    if (!file_is_robbed(f))
        return STORE_OK;
    enum store_result r = database_do(s, &s->sessions, "forgetting what may be incomplete",
                                      SQL_SESSIONS_LOST, INT(now_wall_ms()));
    if (r == STORE_OK)
        file_is_mended(f);
    return r;
}

enum store_result sessions_opened(struct sqlite_store *s)
{
    struct database *d = &s->sessions;
    sqlite3_stmt *stmt = database_bind(d, SQL_SESSIONS_VERSION);
    enum store_result r = STORE_OK;
    if (!stmt || sqlite3_step(stmt) != SQLITE_ROW)
        r = store_failed(s, d, "reading the version of the sessions");
    else if (sqlite3_column_int64(stmt, 0) > SESSIONS_VERSION)
        r = store_refuse(s, STORE_NEWER, "%s was made by a newer version of Rowcast", d->path);
    sqlite3_reset(stmt);
    if (r != STORE_OK)
        return r;
    if (d->made)
        s->saved = (struct store_end){.epoch = ""};
    r = sessions_upgrade_opened(s);
    if (r == STORE_OK)
        r = lease_enter(s);
    if (r == STORE_OK)
        r = forget_the_robbed(s);
    if (r != STORE_READONLY && r != STORE_FULL)
        return r;
    s->store.why[0] = '\0'; /* it can be read; a write will try to enter again */
    return STORE_OK;
}

/* This process's writers queue here.  SQLite would have them sleep and try again.  That costs
 * time and fairness, and the -wal would never be copied whole and grow without end (540 MB after
 * 40,000 claims by four threads; measured). */
static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;

static void release(struct sqlite_store *s)
{
    if (s->turn)
        pthread_mutex_unlock(&turn);
    s->turn = false;
}

/* Another process may have upgraded the file since this one could not. */
static void upgrade_again(struct sqlite_store *s)
{
    if (!s->sessions.behind || now_monotonic_ms() < s->sessions_upgrade_at)
        return;
    s->sessions_upgrade_at = now_monotonic_ms() + UPGRADE_PAUSE_MS;
    if (sessions_upgrade(s) == STORE_OK)
        s->unentered = true; /* so that its version is entered */
    s->store.why[0] = '\0';
}

/* Enter this process if that failed before.  If the file cannot be written it is opened anew the
 * next time, since SQLite decides when it opens a file whether the file may be written. */
static enum store_result enter_again(struct sqlite_store *s)
{
    upgrade_again(s);
    enum store_result r = s->unentered ? lease_enter(s) : STORE_OK;
    s->sessions.suspect |= r == STORE_READONLY;
    return r;
}

enum store_result sessions_queue(struct sqlite_store *s)
{
    struct timespec until = now_wall_after(STORE_BUSY_MS);
    enum store_result r = database_use(s, &s->sessions);
    if (r == STORE_OK)
        r = enter_again(s);
    if (r != STORE_OK)
        return r;
    if (pthread_mutex_timedlock(&turn, &until) != 0)
        return store_refuse(s, STORE_BUSY, "the sessions are busy");
    s->turn = true;
    return STORE_OK;
}

enum store_result sessions_begin(struct sqlite_store *s)
{
    enum store_result r = sessions_queue(s);
    if (r != STORE_OK)
        return r;
    r = database_run(s, &s->sessions, SQL_BEGIN_IMMEDIATE);
    if (r != STORE_OK)
        release(s);
    return r;
}

enum store_result sessions_commit(struct sqlite_store *s)
{
    enum store_result r = database_commit(s, &s->sessions);
    sessions_abandon(s);
    return r;
}

void sessions_abandon(struct sqlite_store *s)
{
    database_rollback(&s->sessions);
    release(s);
}

enum store_result sessions_finish(struct sqlite_store *s, enum store_result r)
{
    if (r == STORE_OK)
        return sessions_commit(s);
    sessions_abandon(s);
    return r;
}

enum store_result sessions_seen(struct sqlite_store *s, struct store_end *seen, bool *known)
{
    struct database *d = &s->sessions;
    *known = false;
    enum store_result r = database_use(s, d);
    if (r != STORE_OK)
        return r;
    sqlite3_stmt *stmt = database_bind(d, SQL_SESSIONS_STATE);
    int rc = stmt ? sqlite3_step(stmt) : SQLITE_ERROR;
    const char *epoch = rc == SQLITE_ROW ? (const char *)sqlite3_column_text(stmt, 0) : NULL;
    *seen = (struct store_end){.last_id = epoch ? sqlite3_column_int64(stmt, 1) : 0};
    *known = database_text(seen->epoch, sizeof seen->epoch, epoch) && seen->epoch[0] != '\0';
    if (!epoch && rc != SQLITE_DONE)
        r = store_failed(s, d, "reading how far the log was seen");
    sqlite3_reset(stmt);
    return r;
}

enum store_result sessions_known(struct sqlite_store *s, const char *id, bool *known)
{
    struct database *d = &s->sessions;
    *known = false;
    enum store_result r = database_use(s, d);
    if (r != STORE_OK)
        return r;
    sqlite3_stmt *stmt = database_bind(d, SQL_SESSIONS_EXISTS, TEXT(id));
    int rc = stmt ? sqlite3_step(stmt) : SQLITE_ERROR;
    *known = rc == SQLITE_ROW;
    if (rc != SQLITE_ROW && rc != SQLITE_DONE)
        r = store_failed(s, d, "looking for a session");
    sqlite3_reset(stmt);
    return r;
}

/* Save each bookmark by statement `id`, and note that its session was seen. */
static enum store_result sessions_leave(struct sqlite_store *s, enum sql id,
                                        const struct bookmark *b, size_t n)
{
    struct database *d = &s->sessions;
    enum store_result r = STORE_OK;
    int64_t now = now_wall_ms();
    for (size_t i = 0; r == STORE_OK && i < n; i++) {
        r = database_do(s, d, "saving a bookmark", id, INT(b[i].stream_id), TEXT(b[i].epoch),
                        INT(b[i].position));
        if (r == STORE_OK)
            r = database_do(s, d, "saving a session", SQL_SESSIONS_TOUCH, INT(b[i].stream_id),
                            INT(now));
    }
    return r;
}

/* How far this process has seen the log, if the sessions do not know it yet: many quiet
 * processes need not tell each other every 5 s. */
static bool seen_is_news(const struct sqlite_store *s, struct store_end *seen)
{
    struct file *f = file_of(s->log.path);
    *seen = f ? file_seen(f) : (struct store_end){.epoch = ""};
    return seen->epoch[0] &&
           (seen->last_id != s->saved.last_id || strcmp(seen->epoch, s->saved.epoch) != 0);
}

enum store_result sqlite_save(struct store *store, const struct bookmark *b, size_t n)
{
    struct sqlite_store *s = sqlite_of(store);
    struct store_end seen;
    bool news = seen_is_news(s, &seen);
    if (n == 0 && !news)
        return STORE_OK;
    enum store_result r = sessions_begin(s);
    if (r != STORE_OK)
        return r;
    r = sessions_leave(s, SQL_SESSIONS_SAVE, b, n);
    if (r == STORE_OK && news)
        r = database_do(s, &s->sessions, "saving how far the log was seen", SQL_SESSIONS_SEE,
                        TEXT(seen.epoch), INT(seen.last_id));
    r = sessions_finish(s, r);
    if (r == STORE_OK)
        s->saved = seen;
    return r;
}

enum store_result sqlite_ended(struct store *store, const struct bookmark *b, size_t n)
{
    struct sqlite_store *s = sqlite_of(store);
    enum store_result r = sessions_begin(s);
    if (r != STORE_OK)
        return r;
    r = sessions_leave(s, SQL_SESSIONS_END_STREAM, b, n);
    if (r == STORE_OK)
        r = departures_in_vain(s, b, n);
    return sessions_finish(s, r);
}

/* The ids are read without a lock, and only if there are some is a lock taken to delete them.  If
 * the process dies in between, its streams end anyway. */
enum store_result sqlite_beat(struct store *store, int64_t *stream_ids, size_t max, size_t *n)
{
    struct sqlite_store *s = sqlite_of(store);
    struct database *d = &s->sessions;
    lease_keep(s);
    database_let_go(s, &s->log);
    int64_t own = lease_number(s), newest = 0;
    *n = 0;
    enum store_result r = database_use(s, d);
    if (r != STORE_OK)
        return r;
    file_keep(&d->hold);
    sqlite3_stmt *stmt = database_bind(d, SQL_SESSIONS_ORDERS, INT(own), INT(max));
    int rc = stmt ? SQLITE_ROW : SQLITE_ERROR;
    while (rc == SQLITE_ROW && (rc = sqlite3_step(stmt)) == SQLITE_ROW && *n < max) {
        newest = sqlite3_column_int64(stmt, 0);
        stream_ids[(*n)++] = sqlite3_column_int64(stmt, 1);
    }
    if (rc != SQLITE_DONE && rc != SQLITE_ROW)
        r = store_failed(s, d, "reading which streams to end");
    sqlite3_reset(stmt);
    if (r != STORE_OK)
        *n = 0;
    if (*n > 0)
        r = database_do(s, d, "forgetting which streams to end", SQL_SESSIONS_ORDERS_FORGET,
                        INT(own), INT(newest));
    return r;
}

/* Writes an order for each open stream; the process that holds the stream finds it at its next
 * beat, since no process can reach into another one. */
enum store_result sqlite_disconnect(struct store *store, const char *session_id)
{
    struct sqlite_store *s = sqlite_of(store);
    bool known;
    enum store_result r = sessions_known(s, session_id, &known);
    if (r == STORE_OK && !known)
        r = store_refuse(s, STORE_UNKNOWN, "there is no such session");
    if (r == STORE_OK)
        r = database_do(s, &s->sessions, "ending a session's streams", SQL_SESSIONS_DISCONNECT,
                        TEXT(session_id));
    return r;
}
