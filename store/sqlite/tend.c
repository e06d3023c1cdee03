/* Which process tidies, what, and when.  One process, the janitor, tidies a log and its sessions,
 * because several that trim would lock the publishers' shells out.  It counts the time that it
 * was told it served.  While no janitor runs that time stands still, so no session expires during
 * an outage, in which its client could not come back. */
#include "store/sqlite/tend.h"

#include "store/sqlite/engine.h"
#include "store/sqlite/lease.h"

enum { EXPIRE_MORE_MS = 10, RETAIN_MORE_MS = 100, LONGEST_MS = 1000 };

/* A failure of the log is told by those who read it, and does not stop expiry. */
static void tend_log(struct sqlite_store *s, const struct settings *settings)
{
    bool more = false;
    bool failed = log_retain(s, settings, &more) != STORE_OK;
    s->retain_in = more && !failed ? RETAIN_MORE_MS : TEND_RETAIN_MS;
    s->store.why[0] = '\0';
}

/* The time served is used up even if the round fails.  A round that is lost lets sessions live
 * longer; time that counts twice would expire them early. */
static enum store_result tend_sessions(struct sqlite_store *s, const struct settings *settings)
{
    int64_t served = s->served;
    s->served = 0;
    return sessions_expire_round(s, settings, served);
}

/* Do one piece.  Retention comes before the next slice of a round: a round can have many. */
static enum store_result tend_piece(struct sqlite_store *s, const struct settings *settings,
                                    bool round)
{
    if (round)
        return tend_sessions(s, settings);
    if (s->retain_in > 0)
        return sessions_expire_more(s, settings);
    tend_log(s, settings);
    return STORE_OK;
}

/* Another process is the janitor, and counts the same time: ours must not count again when we
 * become it. */
static void leave_it_to_others(struct sqlite_store *s, bool round)
{
    if (round)
        s->served = 0;
    if (s->retain_in == 0)
        s->retain_in = TEND_RETAIN_MS;
    s->expiring = false;
}

static int64_t smaller_of(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

enum store_result sqlite_tend(struct store *store, const struct settings *settings,
                              int64_t elapsed_ms, int *again_ms)
{
    struct sqlite_store *s = sqlite_of(store);
    int64_t interval = settings->cleanup_interval * 1000;
    enum store_result r = STORE_OK;
    s->served += elapsed_ms;
    s->retain_in -= smaller_of(elapsed_ms, s->retain_in);
    bool round = s->served >= interval;
    if ((round || s->retain_in == 0 || s->expiring) && lease_janitor(s))
        r = tend_piece(s, settings, round);
    else
        leave_it_to_others(s, round);
    int64_t next = s->expiring ? EXPIRE_MORE_MS : interval - s->served;
    *again_ms = (int)smaller_of(LONGEST_MS, smaller_of(next, s->retain_in));
    return r;
}
