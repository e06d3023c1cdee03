#include "fcgi/janitor.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "fcgi/inbox.h"
#include "fcgi/log.h"
#include "store/store.h"

enum { ROUND_MS = 250, SAVE_MS = 5000, RETAIN_MS = 1000, RETAIN_MORE_MS = 100, ENDINGS = 256 };

/* Marks on their way: of streams that run, or of one that ended. */
struct parcel {
    struct message message;
    bool ended;
    size_t n;
    struct mark *marks; /* points behind the parcel for one that ended */
    struct mark one;
};

struct janitor {
    pthread_t thread;
    struct store *store;
    struct board *board;
    struct hub *hub;
    struct feeder *feeder;
    struct inbox inbox;
    struct message stop;
    bool stopping;
    struct bookmark *ended; /* that could not be saved yet */
    size_t ended_n, ended_room;
    uint64_t asked_at, expired_at, retained_at;
    bool retain_more;
    bool down; /* the last save failed, and the log line about it was written */
};

static uint64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static bool note(struct janitor *j, enum store_result r, const char *doing)
{
    if (r != STORE_OK && !j->down)
        log_line(LOG_LEVEL_WARN, "sessions_unsaved", "doing=%s why=\"%s\"", doing,
                 store_why(j->store));
    if (r == STORE_OK && j->down)
        log_line(LOG_LEVEL_INFO, "sessions_saved", "doing=%s", doing);
    j->down = r != STORE_OK;
    return r == STORE_OK;
}

static struct bookmark bookmark_of(const struct mark *m)
{
    struct bookmark b = {.stream_id = m->stream_id, .position = m->position};
    memcpy(b.epoch, m->epoch, sizeof b.epoch);
    return b;
}

static bool keep_ended(struct janitor *j, const struct mark *m)
{
    if (j->ended_n == j->ended_room) {
        size_t room = j->ended_room ? j->ended_room * 2 : 64;
        struct bookmark *more = realloc(j->ended, room * sizeof *more);
        if (!more)
            return false;
        j->ended = more;
        j->ended_room = room;
    }
    j->ended[j->ended_n++] = bookmark_of(m);
    return true;
}

static void save(struct janitor *j, const struct mark *marks, size_t n)
{
    struct store_end seen;
    bool was_seen = feeder_seen(j->feeder, &seen);
    struct bookmark *b = malloc((n ? n : 1) * sizeof *b);
    if (!b)
        return; /* the next bookmarks come in 5 s */
    for (size_t i = 0; i < n; i++)
        b[i] = bookmark_of(&marks[i]);
    if (n || was_seen)
        note(j, store_save(j->store, b, n, was_seen ? &seen : NULL), "bookmarks");
    free(b);
}

static void open_mail(struct janitor *j, struct message *m)
{
    struct message *next;
    for (; m; m = next) {
        next = m->next;
        if (m == &j->stop) {
            j->stopping = true;
            continue;
        }
        struct parcel *p = (struct parcel *)m;
        if (!p->ended)
            save(j, p->marks, p->n);
        else if (!keep_ended(j, &p->one))
            log_line(LOG_LEVEL_ERROR, "ending_lost", "why=\"out of memory\"");
        if (!p->ended)
            free(p->marks);
        free(p);
    }
}

static void save_ended(struct janitor *j)
{
    if (j->ended_n && note(j, store_end_streams(j->store, j->ended, j->ended_n), "endings"))
        j->ended_n = 0;
}

static void carry_out_endings(struct janitor *j)
{
    int64_t id[ENDINGS];
    size_t n;
    do {
        n = 0;
        /* After an error some may be known and not forgotten: ended twice is ended. */
        enum store_result r = store_endings(j->store, id, ENDINGS, &n);
        if (n == 0 || !hub_end_streams(j->hub, id, n) || r != STORE_OK)
            return;
    } while (n == ENDINGS);
}

static void expire(struct janitor *j, const struct settings *s, uint64_t now)
{
    uint64_t elapsed = now - j->expired_at;
    if (elapsed < (uint64_t)s->cleanup_interval * 1000)
        return;
    if (note(j, store_expire(j->store, s, (int64_t)elapsed), "expiry"))
        j->expired_at = now;
}

static void retain(struct janitor *j, const struct settings *s, uint64_t now)
{
    if (now - j->retained_at < (j->retain_more ? RETAIN_MORE_MS : RETAIN_MS))
        return;
    j->retained_at = now;
    if (store_retain(j->store, s, &j->retain_more) != STORE_OK)
        j->retain_more = false;
}

static void tidy(struct janitor *j)
{
    uint64_t now = now_ms();
    struct settings *s = board_get(j->board);
    save_ended(j);
    carry_out_endings(j);
    if (now - j->asked_at >= SAVE_MS) {
        j->asked_at = now;
        hub_collect(j->hub);
    }
    expire(j, s, now);
    retain(j, s, now);
    settings_unref(s);
}

/* The mail wakes it at once, but what it brings can wait for the round: ends are saved
 * together. */
static void *run(void *arg)
{
    struct janitor *j = arg;
    uint64_t round = now_ms();
    j->asked_at = j->expired_at = j->retained_at = round;
    while (!j->stopping) {
        uint64_t now = now_ms(), due = round + (j->retain_more ? RETAIN_MORE_MS : ROUND_MS);
        if (now < due) {
            open_mail(j, inbox_wait(&j->inbox, (int)(due - now)));
            continue;
        }
        round = now;
        tidy(j);
    }
    save_ended(j);
    save(j, NULL, 0);
    return NULL;
}

static void free_all(struct janitor *j)
{
    store_close(j->store);
    free(j->ended);
    inbox_close(&j->inbox);
    free(j);
}

struct janitor *janitor_start(const char *db_path, struct board *board, struct hub *hub,
                              struct feeder *feeder)
{
    struct janitor *j = calloc(1, sizeof *j);
    if (!j)
        return NULL;
    j->board = board;
    j->hub = hub;
    j->feeder = feeder;
    inbox_open(&j->inbox, NULL, NULL);
    if (store_open(&j->store, db_path) != STORE_OK ||
        pthread_create(&j->thread, NULL, run, j) != 0) {
        free_all(j);
        return NULL;
    }
    return j;
}

static void post(struct janitor *j, struct parcel parcel)
{
    struct parcel *p = malloc(sizeof *p);
    if (!p) {
        log_line(LOG_LEVEL_ERROR, "marks_lost", "why=\"out of memory\"");
        if (!parcel.ended)
            free(parcel.marks);
        return;
    }
    *p = parcel;
    inbox_post(&j->inbox, &p->message);
}

void janitor_ended(struct janitor *j, const struct mark *m)
{
    post(j, (struct parcel){.ended = true, .one = *m});
}

void janitor_marks(struct janitor *j, struct mark *marks, size_t n)
{
    post(j, (struct parcel){.marks = marks, .n = n});
}

void janitor_stop(struct janitor *j)
{
    if (!j)
        return;
    inbox_post(&j->inbox, &j->stop);
    pthread_join(j->thread, NULL);
    free_all(j);
}
