/* Sessions that are gone.
 *
 * A client that slept for longer than buffer_ttl comes back with a token that no session has.
 * If it were told of a gap each time, pages would load anew whenever a laptop wakes.  If it were
 * never told, events for its session alone would be lost in silence.  So when a session goes, a
 * note keeps what is needed to decide: the session's position, and how far its mailbox and the
 * log went.  What came later can be read from the log.
 *
 * The poll of a new client that delivered nothing leaves no session at all, only such a note,
 * since most of these clients never come back.  A client that does, with the token, gets the
 * same session again.
 *
 * Strangers make many sessions that never come back.  Those that came back once, or stayed, are
 * counted apart from them, so a flood of new ones cannot push their notes out. */
#include "store/sqlite/departed.h"

#include <string.h>

#include "store/sha256.h"
#include "store/sqlite/bind.h"
#include "store/sqlite/engine.h"
#include "store/sqlite/failure.h"

static bool departure_read(sqlite3_stmt *stmt, struct departure *d)
{
    const char *id = (const char *)sqlite3_column_text(stmt, 0);
    const char *epoch = (const char *)sqlite3_column_text(stmt, 3);
    d->lasting = sqlite3_column_int(stmt, 1) != 0;
    d->revives = sqlite3_column_int(stmt, 2) != 0;
    d->position = sqlite3_column_int64(stmt, 4);
    d->private_to = sqlite3_column_int64(stmt, 5);
    d->log_end = sqlite3_column_int64(stmt, 6);
    return database_text(d->session_id, sizeof d->session_id, id) &&
           database_text(d->epoch, sizeof d->epoch, epoch);
}

enum store_result departure_find(struct sqlite_store *s, const char *token, struct departure *d,
                                 bool *found)
{
    char hash[SHA256_HALF_SIZE];
    sha256_half(hash, token);
    *found = false;
    sqlite3_stmt *stmt = database_bind(&s->sessions, SQL_DEPARTED_FIND, TEXT(hash));
    if (!stmt && database_lacks_table(&s->sessions))
        return STORE_OK;
    int rc = stmt ? sqlite3_step(stmt) : SQLITE_ERROR;
    enum store_result r = STORE_OK;
    if (rc == SQLITE_ROW)
        *found = departure_read(stmt, d);
    else if (rc != SQLITE_DONE)
        r = store_failed(s, &s->sessions, "looking for a session that is gone");
    sqlite3_reset(stmt);
    return r;
}

enum store_result departure_note(struct sqlite_store *s, const char *token,
                                 const struct departure *d)
{
    char hash[SHA256_HALF_SIZE];
    sha256_half(hash, token);
    sqlite3_stmt *stmt = database_statement(&s->sessions, SQL_DEPARTED_NOTE);
    if (!stmt && database_lacks_table(&s->sessions))
        return STORE_OK;
    return database_do(s, &s->sessions, "remembering a session that is gone", SQL_DEPARTED_NOTE,
                       TEXT(hash), TEXT(d->session_id), INT(d->lasting), INT(d->revives),
                       TEXT(d->epoch), INT(d->position), INT(d->private_to), INT(d->log_end));
}

enum store_result departure_forget(struct sqlite_store *s, const char *token)
{
    char hash[SHA256_HALF_SIZE];
    sha256_half(hash, token);
    return database_do(s, &s->sessions, "making a session again", SQL_DEPARTED_FORGET,
                       TEXT(hash));
}

enum store_result departures_bound(struct sqlite_store *s)
{
    static const int64_t most[] = {DEPARTED_BRIEF_MAX, DEPARTED_LASTING_MAX};
    if (!database_statement(&s->sessions, SQL_DEPARTED_BOUND) &&
        database_lacks_table(&s->sessions))
        return STORE_OK;
    enum store_result r = STORE_OK;
    for (int64_t lasting = 0; r == STORE_OK && lasting < 2; lasting++)
        r = database_do(s, &s->sessions, "forgetting sessions that are gone",
                        SQL_DEPARTED_BOUND, INT(lasting), INT(most[lasting]));
    return r;
}

/* Find the session of a stream that polled in vain.  `token` is "" if the session has to stay:
 * its client came back before, or it has another stream. */
static enum store_result find_in_vain(struct sqlite_store *s, int64_t stream_id,
                                      struct departure *d, char token[SESSION_TOKEN_SIZE])
{
    sqlite3_stmt *stmt = database_bind(&s->sessions, SQL_SESSIONS_IN_VAIN, INT(stream_id));
    int rc = stmt ? sqlite3_step(stmt) : SQLITE_ERROR;
    enum store_result r = STORE_OK;
    token[0] = '\0';
    if (rc == SQLITE_ROW && database_text(d->session_id, sizeof d->session_id,
                                          (const char *)sqlite3_column_text(stmt, 0)))
        database_text(token, SESSION_TOKEN_SIZE, (const char *)sqlite3_column_text(stmt, 1));
    else if (rc != SQLITE_ROW && rc != SQLITE_DONE)
        r = store_failed(s, &s->sessions, "looking for the session of a poll");
    sqlite3_reset(stmt);
    return r;
}

static enum store_result leave_in_vain(struct sqlite_store *s, const struct bookmark *b)
{
    struct departure d = {.position = b->position, .revives = true};
    char token[SESSION_TOKEN_SIZE];
    memcpy(d.epoch, b->epoch, sizeof d.epoch);
    enum store_result r = find_in_vain(s, b->stream_id, &d, token);
    if (r != STORE_OK || !token[0])
        return r;
    r = departure_note(s, token, &d);
    return r == STORE_OK ? database_do(s, &s->sessions, "forgetting the session of a poll",
                                       SQL_SESSIONS_END, TEXT(d.session_id), INT(INT64_MAX))
                         : r;
}

enum store_result departures_in_vain(struct sqlite_store *s, const struct bookmark *b, size_t n)
{
    enum store_result r = STORE_OK;
    bool any = false;
    if (!database_statement(&s->sessions, SQL_DEPARTED_NOTE) &&
        database_lacks_table(&s->sessions))
        return STORE_OK; /* a file of an earlier version: the session stays, and expires */
    for (size_t i = 0; r == STORE_OK && i < n; i++)
        if (b[i].in_vain) {
            any = true;
            r = leave_in_vain(s, &b[i]);
        }
    return r == STORE_OK && any ? departures_bound(s) : r;
}
