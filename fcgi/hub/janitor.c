/* One thread does all of it, because all of it writes the sessions, which have one writer at a
 * time: two threads would wait for each other's lock.  An end is not saved when it comes.  It
 * waits for the round, so the ends of a thousand streams are one transaction.  Only if a claim
 * was put aside are ends saved at once, since that claim waits for them. */
#include "fcgi/hub/janitor.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "fcgi/base/inbox.h"
#include "fcgi/base/log.h"
#include "fcgi/base/monotonic.h"
#include "store/store.h"

/* SAVE_MS: between two collections of marks; SAVE_AGAIN_MS if some could not be saved.
 * LOOK_SOON_MS: a short wait after something came, so that what comes together is one look. */
enum { SAVE_MS = 5000, SAVE_AGAIN_MS = 1000 };
enum { ORDERS = 256, LOOK_SOON_MS = 10, PROBES = 256, LAST_TRIES = 2 };

/* If there is more time than this between two rounds, the process did not run meanwhile. */
enum { STOOD_STILL_MS = 1000 };

enum janitor_message { JANITOR_STOP, JANITOR_MARKS, JANITOR_ENDED, JANITOR_CLAIM };

struct janitor {
    pthread_t thread;
    struct store *store;
    struct board *board;
    struct hub *hub;
    struct inbox inbox;
    struct message stop;
    bool stopping;
    struct aside *aside; /* claims that wait, in no order */
    bool look;           /* something came, so look soon for claims that need not wait now */
    uint64_t looked_at, probed_at;
    atomic_int waiting;    /* how many claims wait, with those on their way here */
    struct message *ended; /* each a struct ending, not saved yet */
    size_t ended_n;
    int64_t to_end[ORDERS]; /* streams that have to end, of which the hub was not told yet */
    size_t orders;
    uint64_t asked_at, tend_at;
    uint64_t served;    /* served time, in ms, that the store was not told yet */
    bool marks_unsaved; /* some marks were not saved: the hub has to give all again */
    bool down;          /* the last save failed, and the log line about it was written */
};

static uint64_t now_ms(void)
{
    return (uint64_t)monotonic_ms();
}

static bool janitor_note(struct janitor *j, enum store_result r, const char *doing)
{
    if (r != STORE_OK && !j->down)
        log_line(LOG_LEVEL_WARN, "sessions_unsaved", "doing=%s why=\"%s\"", doing,
                 store_why(j->store));
    if (r == STORE_OK && j->down)
        log_line(LOG_LEVEL_INFO, "sessions_saved", "doing=%s", doing);
    j->down = r != STORE_OK;
    return r == STORE_OK;
}

static void keep_ended(struct janitor *j, struct message *ending)
{
    ending->next = j->ended;
    j->ended = ending;
    j->ended_n++;
}

static void forget_ended(struct janitor *j)
{
    for (struct message *next; j->ended; j->ended = next) {
        next = j->ended->next;
        free(j->ended);
    }
    j->ended_n = 0;
}

/* True: it was saved.  If there was nothing to save, success says nothing about the sessions,
 * so an outage does not count as over. */
static bool save(struct janitor *j, const struct bookmark *b, size_t n)
{
    enum store_result r = store_save(j->store, b, n);
    return (r == STORE_OK && n == 0) || janitor_note(j, r, "bookmarks");
}

static void save_marks(struct janitor *j, struct bookmarks *b)
{
    if (!save(j, b->bookmark, b->n))
        j->marks_unsaved = true;
    free(b);
}

static void keep_aside(struct janitor *j, struct aside *a)
{
    a->until = now_ms() + ASIDE_MS;
    a->message.next = (struct message *)j->aside;
    j->aside = a;
}

static void janitor_open_mail(struct janitor *j, struct message *m)
{
    struct message *next;
    for (; m; m = next) {
        next = m->next;
        switch ((enum janitor_message)m->kind) {
        case JANITOR_STOP:
            j->stopping = true;
            break;
        case JANITOR_MARKS:
            save_marks(j, (struct bookmarks *)m);
            break;
        case JANITOR_ENDED:
            keep_ended(j, m);
            j->look = true;
            break;
        case JANITOR_CLAIM:
            keep_aside(j, (struct aside *)m);
            j->look = true;
            break;
        }
    }
}

/* True: no end is left to save.  Otherwise the next round tries again. */
static bool save_ended(struct janitor *j)
{
    size_t n = 0;
    if (j->ended_n == 0)
        return true;
    struct bookmark *b = malloc(j->ended_n * sizeof *b);
    if (!b)
        return false;
    for (const struct message *m = j->ended; m; m = m->next)
        b[n++] = ((const struct ending *)m)->bookmark;
    if (janitor_note(j, store_ended(j->store, b, n), "endings"))
        forget_ended(j);
    free(b);
    return j->ended_n == 0;
}

/* Serve the claims that need not wait any more, or have waited for long enough. */
static void serve_aside(struct janitor *j, uint64_t now)
{
    struct aside *left = NULL, *next;
    int64_t open[PROBES];
    size_t n = 0;
    save_ended(j);
    for (struct aside *a = j->aside; a; a = next) {
        next = (struct aside *)a->message.next;
        if (aside_serve(a, j->store, j->hub, now < a->until)) {
            atomic_fetch_sub(&j->waiting, 1);
            continue;
        }
        a->message.next = (struct message *)left;
        left = a;
        for (size_t i = 0; i < a->open.n && n < PROBES; i++)
            open[n++] = a->open.stream_id[i];
    }
    if (n > 0 && now - j->probed_at >= ASIDE_LOOK_MS) {
        j->probed_at = now;
        hub_probe(j->hub, open, n);
    }
    j->aside = left;
    j->look = false;
    j->looked_at = now;
}

static void collect(struct janitor *j, uint64_t now)
{
    if (now - j->asked_at < (j->marks_unsaved ? SAVE_AGAIN_MS : SAVE_MS))
        return;
    j->asked_at = now;
    if (hub_collect(j->hub, j->marks_unsaved))
        j->marks_unsaved = false;
}

/* The store forgets what it tells, so it is asked for more only when the hub was told of all
 * that it gave before. */
static void carry_out_orders(struct janitor *j)
{
    bool more = true;
    while (more) {
        /* After an error the store may tell some of them again, which does no harm. */
        if (j->orders == 0)
            more = store_beat(j->store, j->to_end, ORDERS, &j->orders) == STORE_OK &&
                   j->orders == ORDERS;
        if (j->orders == 0 || !hub_end_streams(j->hub, j->to_end, j->orders))
            return;
        j->orders = 0;
    }
}

/* A success is not noted, since mostly there was nothing to do, and then it says nothing about
 * the sessions. */
static void tend(struct janitor *j, uint64_t now)
{
    struct settings *s = board_get(j->board);
    int again_ms = STORE_BEAT_MS;
    enum store_result r = store_tend(j->store, s, (int64_t)j->served, &again_ms);
    if (r != STORE_OK)
        janitor_note(j, r, "expiry");
    j->served = 0;
    j->tend_at = now + (uint64_t)again_ms;
    settings_unref(s);
}

static void janitor_tidy(struct janitor *j)
{
    uint64_t now = now_ms();
    save_ended(j);
    carry_out_orders(j);
    collect(j, now);
    if (now >= j->tend_at)
        tend(j, now);
}

/* Another process may be writing at this moment, so a second try is worth it.  There is no
 * third one, because the web server does not wait long for our end. */
static void save_the_last(struct janitor *j)
{
    for (struct aside *next; j->aside; j->aside = next) { /* the hub is gone */
        next = (struct aside *)j->aside->message.next;
        aside_refuse(j->aside, j->hub);
    }
    for (int i = 0; i < LAST_TRIES && !(save_ended(j) && save(j, NULL, 0)); i++)
        ;
}

/* When the next round is due: after a beat, or sooner if the store has more to tidy. */
static uint64_t round_due(const struct janitor *j, uint64_t round)
{
    uint64_t beat = round + STORE_BEAT_MS;
    return j->tend_at < beat ? j->tend_at : beat;
}

/* Mail wakes it at once, but ends wait for the round, so that they are saved together. */
static void *janitor_run(void *arg)
{
    struct janitor *j = arg;
    uint64_t round = now_ms();
    j->asked_at = round;
    j->tend_at = round + STORE_BEAT_MS;
    while (!j->stopping) {
        uint64_t now = now_ms(), due = round_due(j, round);
        uint64_t look = j->looked_at + (j->look ? LOOK_SOON_MS : ASIDE_LOOK_MS);
        if (j->aside && look <= now) {
            serve_aside(j, now);
            continue;
        }
        if (j->aside && look < due)
            due = look;
        if (now < due) {
            janitor_open_mail(j, inbox_wait(&j->inbox, (int)(due - now)));
            continue;
        }
        j->served += now - round < STOOD_STILL_MS ? now - round : STOOD_STILL_MS;
        round = now;
        janitor_tidy(j);
    }
    save_the_last(j);
    return NULL;
}

static void janitor_free_all(struct janitor *j)
{
    store_close(j->store);
    forget_ended(j);
    inbox_close(&j->inbox);
    free(j);
}

struct janitor *janitor_start(const char *db_path, struct board *board, struct hub *hub)
{
    struct janitor *j = calloc(1, sizeof *j);
    if (!j)
        return NULL;
    j->board = board;
    j->hub = hub;
    inbox_open(&j->inbox, NULL, NULL);
    if (store_open(&j->store, db_path) != STORE_OK ||
        pthread_create(&j->thread, NULL, janitor_run, j) != 0) {
        janitor_free_all(j);
        return NULL;
    }
    return j;
}

void janitor_ended(struct janitor *j, struct ending *e)
{
    e->message.kind = JANITOR_ENDED;
    inbox_post(&j->inbox, &e->message);
}

void janitor_marks(struct janitor *j, struct bookmarks *b)
{
    b->message.kind = JANITOR_MARKS;
    inbox_post(&j->inbox, &b->message);
}

bool janitor_has_room(struct janitor *j)
{
    return atomic_load(&j->waiting) < ASIDE_MOST;
}

void janitor_claim(struct janitor *j, struct aside *a)
{
    atomic_fetch_add(&j->waiting, 1);
    a->message.kind = JANITOR_CLAIM;
    inbox_post(&j->inbox, &a->message);
}

void janitor_stop(struct janitor *j)
{
    if (!j)
        return;
    inbox_post(&j->inbox, &j->stop);
    pthread_join(j->thread, NULL);
    janitor_free_all(j);
}
