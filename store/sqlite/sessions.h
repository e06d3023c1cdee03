/* What the calls about sessions share: statements with their parameters in one line, and the
 * transactions of the sessions' file.  Private to store/.
 *
 * Thread: that of the store. */
#ifndef ROWCAST_STORE_SQLITE_SESSIONS_H
#define ROWCAST_STORE_SQLITE_SESSIONS_H

#include "store/sqlite/database.h"

/* The statement with its parameters bound in order: for each letter of `kinds` an argument, 'i'
 * an int64_t, 't' a text that stays until the statement was reset (NULL is NULL).  NULL: it
 * failed (store_failed tells).  The caller steps and resets. */
sqlite3_stmt *database_bind(struct database *d, enum sql id, const char *kinds, ...);

/* The same, run to its end, for statements that give no rows. */
enum store_result database_do(struct sqlite_store *s, struct database *d, const char *doing,
                              enum sql id, const char *kinds, ...);

/* Copy a text that a statement gave.  False, and "", if it is NULL or does not fit. */
bool database_text(char *to, size_t size, const char *from);

/* Begin to write the sessions' file, when it is our turn; STORE_BUSY after 250 ms.  Then commit
 * or abandon it: both end it, whatever they return.  Abandoning nothing is fine. */
enum store_result sessions_begin(struct sqlite_store *s);
enum store_result
sessions_queue(struct sqlite_store *s); /* our turn alone, without a transaction */
enum store_result sessions_commit(struct sqlite_store *s);
void sessions_abandon(struct sqlite_store *s);

/* Commit when `r` is STORE_OK, else abandon.  The first thing that went wrong. */
enum store_result sessions_finish(struct sqlite_store *s, enum store_result r);

/* Give free pages of the file back to the system: some of them, or all by one VACUUM where the
 * file is of an earlier version and hardly anything is in it.  *more: there are more. */
enum store_result sessions_shrink(struct sqlite_store *s, bool *more);

/* Milliseconds and microseconds since 1970. */
int64_t sessions_now(void);
int64_t sessions_now_us(void);

/* ---- departures (departed.c) ------------------------------------------------------- */

/* A session that is gone and that is remembered for a while, by a hash of its token, so that
 * its client is told of a loss only where there may be one. */
struct departure {
    char session_id[SESSION_ID_SIZE];
    char epoch[EPOCH_SIZE]; /* of the log then; "": its bookmarks were not all of it */
    int64_t position;       /* its smallest bookmark: it had all that was before; -1: none */
    int64_t private_to;     /* the newest event there may have been for it; 0: none */
    int64_t log_end;        /* the log's newest id then */
    bool revives; /* a poll's that told nothing: whoever brings the token goes on with it */
    bool lasting; /* it came back at least once, or stayed: it is remembered longer */
};

/* *found: it is remembered.  A file of an earlier version, which could not be extended, knows
 * none. */
enum store_result departure_find(struct sqlite_store *s, const char *token, struct departure *d,
                                 bool *found);

/* Remember it, in the transaction that deletes its session. */
enum store_result departure_note(struct sqlite_store *s, const char *token,
                                 const struct departure *d);

/* The sessions of those of these ended streams that were polls in vain become such notes, in
 * the transaction that is open. */
enum store_result departures_in_vain(struct sqlite_store *s, const struct bookmark *b,
                                     size_t n);

/* It is a session again, in the transaction that makes it one. */
enum store_result departure_forget(struct sqlite_store *s, const char *token);

/* Forget the oldest beyond what is remembered, in the same transaction: DEPARTED_LASTING_MAX
 * and DEPARTED_BRIEF_MAX, 200 bytes each. */
enum { DEPARTED_LASTING_MAX = 10000, DEPARTED_BRIEF_MAX = 2000 };
enum store_result departures_bound(struct sqlite_store *s);

/* ---- leases (lease.c) -------------------------------------------------------------- */

/* Enter this process under its number in the sessions' file that is open, if it is not: what an
 * earlier holder left is ended first.  Nothing to do without a lease.  After a failure
 * s->unentered is set, and sessions_begin tries it again. */
enum store_result lease_enter(struct sqlite_store *s);

/* STORE_OK if this process has a lease; else a sentence says why not. */
enum store_result lease_need(struct sqlite_store *s);

/* Look whether the file of leases is still at its path, and take our number, or else another
 * one, in the one that is there now. */
void lease_keep(struct sqlite_store *s);

/* Whether a living process holds the number.  True also when it can not be found out. */
bool lease_alive(struct sqlite_store *s, int64_t number);

/* Whether this process is the janitor of the log, or just became it. */
bool lease_janitor(struct sqlite_store *s);

#endif
