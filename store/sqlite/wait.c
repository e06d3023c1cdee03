#include "store/sqlite/wait.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "store/sqlite/end.h"
#include "store/sqlite/engine.h"
#include "store/sqlite/failure.h"
#include "store/sqlite/file.h"
#include "store/sqlite/now.h"
#include "store/sqlite/path.h"
#include "store/sqlite/removed.h"
#include "store/sqlite/watch.h"

/* Only the data version says that there is a commit; the question is when to look at it.
 *
 * A watch on the -wal fires before the commit can be seen (0.6-1.7 ms before, if a sync is fast;
 * measured).  So it only ends the long sleep, and then looks follow.  The pauses between them
 * grow with the time since the watch fired: after 1 ms they are 62 µs, after 20 ms 1.2 ms.  So a
 * row is late by 3 % of the time that its commit took, at the cost of some 40 looks.
 *
 * A commit writes to the -wal several times, and the watch reports each.  Once the commit was
 * seen, the later reports are thrown away: otherwise each commit would begin another 50 ms of
 * looks (5 % of a core at 20 commits a second; measured).  But a report that is thrown away may
 * have been of the next commit; so if there was any, the pauses do not become long at once, but
 * double.
 *
 * In an application's own database most commits are to other tables.  If the commit before had
 * no rows for us, looks are rarer.  A row that does come then is late by 0.4 ms, or by a quarter
 * of the time that its commit took, and the next one no longer is.  Twenty commits a second to
 * other tables take 0.5 % of a core this way, and would take 0.8 % otherwise (measured).
 *
 * Without a watch, looks are frequent while rows come, and rarer otherwise. */
enum {
    SLEEP_US = 50000,             /* the longest pause at a quiet log */
    UNWATCHED_US = 5000,          /* if there is no watch, while rows come … */
    UNWATCHED_LONGEST_US = 25000, /* … and while none do: 5 ms take 1 % of a core */
    SHORTEST_US = 50,
    TOLD_US = 50000, /* how long after the watch fired a commit is awaited, … */
    TOLD_PART = 16,  /* … with pauses that are this part of the time since … */
    OTHERS_US = 400, /* … or of this and … */
    OTHERS_PART = 4, /* … this, if the commit before had no rows */
    SEEN_US = 200,   /* the first pause if the next commit may be under way */
    ROWS_PART = 16,
    IDENTITY_US = 1000000,    /* between looks at the paths */
    IDENTITY_EAGER_US = 1000, /* … while the watch, which reports changes there, is not asked */
    KEEP_US = 1000000         /* between looks at the second names of -wal and -shm */
};

struct waiter {
    int wake; /* an eventfd; -1: none */
    struct watch watch;
    bool told;     /* the watch fired, at `since`, and is not asked until the commit was seen */
    bool overlaps; /* a commit was seen, at `since`, and the next may be under way */
    bool others;   /* the commit before `since` had no rows */
    int64_t since;
    int64_t look_at, keep_at; /* when the next look is due … */
    unsigned generation;      /* … at the files of this one */
};

static struct waiter *waiter_get(struct sqlite_store *s)
{
    struct waiter *w = atomic_load(&s->waiter);
    if (w)
        return w;
    w = malloc(sizeof *w);
    if (!w)
        return NULL;
    *w = (struct waiter){.wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC), .watch = {.fd = -1}};
    if (w->wake < 0) {
        free(w);
        return NULL;
    }
    atomic_store(&s->waiter, w);
    return w;
}

void waiter_free(struct sqlite_store *s)
{
    struct waiter *w = atomic_exchange(&s->waiter, NULL);
    if (!w)
        return;
    watch_close(&w->watch);
    close(w->wake);
    free(w);
}

/* This sets the flag, and then writes to the descriptor if there is one yet.  The waiter makes the
 * descriptor, and then looks at the flag.  So no wake is lost, whichever comes first. */
void sqlite_wake(struct store *store)
{
    struct sqlite_store *s = sqlite_of(store);
    atomic_store(&s->woken, true);
    struct waiter *w = atomic_load(&s->waiter);
    uint64_t one = 1;
    if (w && write(w->wake, &one, sizeof one) < 0 && errno != EAGAIN)
        return; /* cannot happen to an eventfd; the flag stands */
}

/* An error counts as a move: the read that follows will name it. */
static bool version_moved(struct sqlite_store *s)
{
    int64_t version;
    return log_data_version(s, &version) != STORE_OK || version != s->data_version;
}

/* Whether something is new to a store that read up to `after`, as far as the end alone shows:
 *
 *  - New rows get ids beyond last_id, and the end counts rows that came past the triggers, too.
 *  - Holes end at last_id or before, since only rows that were in the log are trimmed, and a read
 *    cuts holes to the end.  A store that read up to the end was told of them; a slower one finds
 *    what is trimmed ahead of it in its own read.
 *  - Another log has another epoch, or ends earlier; changed settings have another version.
 *  - A removal by hand is told by the next call, which gives an id for it.
 *  - A changed schema is noticed by the read of the end, which notes what is to be mended; the
 *    next call mends it. */
static bool lacks_something(const struct sqlite_store *s, const struct store_end *end,
                            int64_t after)
{
    return strcmp(end->epoch, s->read.epoch) != 0 || end->last_id > after ||
           end->last_id < s->read.last_id || end->config_version != s->read.config_version ||
           s->lacks[0] || removed_is_due(s);
}

/* A commit was seen: whether it has to be read.  In an application's database most commits are to
 * its own tables. */
static bool commit_matters(struct sqlite_store *s, int64_t after)
{
    struct store_end end;
    return log_end_at_version(s, &end, &s->data_version) != STORE_OK ||
           lacks_something(s, &end, after);
}

/* Sleep for at most `us`; true if the watch fired.  While looks are frequent (`eager`) the watch
 * is not asked: a commit in progress makes it fire again and again. */
static bool sleep_until_something(struct waiter *w, int64_t us, bool eager)
{
    struct timespec t = {.tv_sec = us / 1000000, .tv_nsec = us % 1000000 * 1000};
    struct pollfd fds[] = {{.fd = w->wake, .events = POLLIN},
                           {.fd = eager ? -1 : w->watch.fd, .events = POLLIN}};
    if (ppoll(fds, 2, &t, NULL) <= 0)
        return false;
    uint64_t count;
    if (fds[0].revents && read(w->wake, &count, sizeof count) < 0)
        return false;
    return fds[1].revents && watch_fired(&w->watch);
}

static int64_t larger(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static int64_t smaller(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* Whether the files are still those that are open, if it is time to look; true if it is not. */
static bool are_still_there(struct sqlite_store *s, struct waiter *w, int64_t now, bool eager)
{
    if (file_is_outdated(&s->log.hold))
        return false;
    if (now >= w->keep_at || w->generation != s->log.hold.generation) {
        file_keep(&s->log.hold);
        w->generation = s->log.hold.generation;
        w->keep_at = now + KEEP_US;
    }
    int64_t soon = now + (eager ? IDENTITY_EAGER_US : IDENTITY_US);
    w->look_at = smaller(w->look_at, soon);
    if (!w->watch.moved && now < w->look_at)
        return true;
    w->watch.moved = false;
    w->look_at = soon;
    return database_is_current(&s->log) && !path_leads_elsewhere(s);
}

/* How long until the next look. */
static int64_t pause_us(const struct sqlite_store *s, const struct waiter *w, int64_t now)
{
    if (w->told && w->others)
        return larger((now - w->since) / OTHERS_PART, OTHERS_US);
    if (w->told)
        return larger((now - w->since) / TOLD_PART, SHORTEST_US);
    if (w->watch.fd >= 0 && w->overlaps)
        return smaller(larger(now - w->since, SEEN_US), SLEEP_US);
    if (w->watch.fd >= 0)
        return SLEEP_US;
    return smaller(larger((now - s->grew_at) / ROWS_PART, UNWATCHED_US), UNWATCHED_LONGEST_US);
}

void waiter_grew(struct sqlite_store *s)
{
    s->grew_at = now_monotonic_us();
}

/* What the watch told until now was of the commit that was seen, or of the next one. */
static void watch_drain(struct waiter *w, int64_t now)
{
    w->overlaps = w->watch.fd >= 0 && watch_fired(&w->watch);
    w->told = false;
    w->since = now;
}

static void wait_for_news(struct sqlite_store *s, struct waiter *w, int64_t now, int64_t until)
{
    w->told = w->told && now - w->since < TOLD_US;
    if (!sleep_until_something(w, smaller(pause_us(s, w, now), until - now), w->told))
        return;
    w->told = true;
    w->others = s->grew_at < w->since;
    w->since = now_monotonic_us();
}

static void wait_watching(struct sqlite_store *s, struct waiter *w, int64_t after,
                          int64_t deadline)
{
    for (int64_t now; !atomic_load(&s->woken) && (now = now_monotonic_us()) < deadline;
         wait_for_news(s, w, now, deadline)) {
        bool moved = version_moved(s);
        bool over = moved ? commit_matters(s, after) : !are_still_there(s, w, now, w->told);
        if (moved || over)
            watch_drain(w, now);
        if (over)
            return;
    }
}

/* A log that was let go of, since another thread found it replaced, has to be read again at once:
 * its data_version is -1 then (log_closed). */
enum store_result sqlite_wait(struct store *store, int64_t after, int timeout_ms)
{
    struct sqlite_store *s = sqlite_of(store);
    s->store.why[0] = '\0';
    s->idle = 0;
    database_close(s, &s->sessions);
    database_let_go(s, &s->log);
    struct waiter *w = waiter_get(s);
    if (!w)
        return store_refuse(s, STORE_NOMEM, "waiting: no memory or no descriptor left");
    int64_t deadline = now_monotonic_us() + (int64_t)timeout_ms * 1000;
    if (s->data_version >= 0 && s->read.last_id <= after && !removed_is_due(s)) {
        watch_open(&w->watch, s->log.wal_path);
        wait_watching(s, w, after, deadline);
    }
    atomic_store(&s->woken, false);
    s->store.why[0] = '\0';
    return STORE_OK;
}
