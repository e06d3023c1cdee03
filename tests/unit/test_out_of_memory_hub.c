/* The hub, its loop running, with each allocation on its thread failing; readers, feeder and
 * janitor are played by the test.  Whatever fails, a client that comes back with the id it saw
 * last gets every row once memory is back, and also when no further row ever comes. */
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#include "fcgi/hub/hub.h"
#include "tests/unit/batches.h"
#include "tests/unit/failing_memory.h"

enum { FIRST = 91, END = 100, DEADLINE_MS = 10000, TEXT_MAX = 65536 };

struct world {
    struct hub *hub;
    struct settings *settings;
    pthread_t thread;
    atomic_int end;  /* of the log that the readers see */
    atomic_int open; /* rows of streams that nobody ended yet */
    atomic_bool emptied;
};

static struct batch *rows(int64_t after, int64_t through)
{
    struct row row[END + 2];
    size_t n = 0;
    for (int64_t id = after + 1; id <= through; id++)
        row[n++] = (struct row){id, "", "message", "{\"a\":1}"};
    return batch_of(after, through, row, n, NO_HOLES);
}

/* A reader at once, on the hub's thread, with the memory that thread has. */
static void on_ask(void *arg, struct question *q)
{
    struct world *w = arg;
    q->answer = rows(q->after, q->after + 5 < w->end ? q->after + 5 : w->end);
    hub_answer(w->hub, q);
}

static void on_ended(void *arg, struct ending *e)
{
    struct world *w = arg;
    free(e);
    atomic_fetch_sub(&w->open, 1);
}

static void on_marks(void *arg, struct bookmarks *b)
{
    (void)arg;
    free(b);
}

static void on_fanned_out(void *arg)
{
    (void)arg;
}

static void on_emptied(void *arg)
{
    atomic_store(&((struct world *)arg)->emptied, true);
}

static void *run(void *arg)
{
    hub_run(((struct world *)arg)->hub);
    return NULL;
}

static void world_open(struct world *w)
{
    struct hub_friends friends = {w, on_ask, on_ended, on_marks, on_fanned_out, on_emptied};
    w->end = END;
    w->settings = settings_new();
    assert_non_null(w->settings);
    w->settings->heartbeat_interval = 1;
    assert_non_null(w->hub = hub_new(&friends, w->settings, 16));
    assert_int_equal(pthread_create(&w->thread, NULL, run, w), 0);
}

/* The hub has to stop whatever memory says: the web server waits for it. */
static void world_close(struct world *w)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    t.tv_sec += DEADLINE_MS / 1000;
    memory_fail(MEMORY_MINE, 1, true);
    hub_drain(w->hub, 0, 1000);
    hub_stop(w->hub);
    (void)memory_mend();
    assert_int_equal(pthread_timedjoin_np(w->thread, NULL, &t), 0);
    assert_true(atomic_load(&w->emptied));
    assert_int_equal(atomic_load(&w->open), 0);
    hub_free(w->hub);
    settings_unref(w->settings);
}

/* A stream from `cursor` on, or a poll; returns its peer. */
static int begin(struct world *w, int64_t cursor, bool polls)
{
    int pair[2];
    struct ticket *t = calloc(1, sizeof *t);
    assert_non_null(t);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    *t = (struct ticket){.fd = pair[0], .ids = true};
    t->wait_ms = polls ? 1000 : -1;
    t->ending = calloc(1, sizeof *t->ending);
    assert_non_null(t->ending);
    t->ending->bookmark = (struct bookmark){.stream_id = 7, .position = cursor};
    cursor_begin(&t->cursor, subscription_new(NULL, NULL, 0, NULL, 0), cursor, END);
    t->cursor.last_sent = cursor;
    t->cursor.replaying = cursor < END;
    memcpy(t->epoch, EPOCH, sizeof t->epoch);
    buffer_text(&t->prologue, "hello\n\n");
    atomic_fetch_add(&w->open, 1);
    hub_serve(w->hub, t);
    return pair[1];
}

static int begin_stream(struct world *w, int64_t cursor)
{
    return begin(w, cursor, false);
}

/* What the hub was told before has been carried out when it says hello, or `later`. */
static void catch_up(struct world *w)
{
    char byte;
    int fd = begin_stream(w, w->end);
    struct pollfd p = {.fd = fd, .events = POLLIN};
    assert_int_equal(poll(&p, 1, DEADLINE_MS), 1);
    assert_int_equal(read(fd, &byte, 1), 1); /* whatever failed, it is told something */
    close(fd);
}

/* A browser: reads, and comes back with the last id it has seen. */
struct browser {
    int fd;
    bool polls;
    bool told; /* it was, since it connected */
    int64_t seen;
    char text[TEXT_MAX];
    size_t len;
};

/* Take the ids of the whole blocks; each row has to be the next one. */
static void browser_look(struct browser *b)
{
    char *end;
    b->text[b->len] = '\0';
    while ((end = strstr(b->text, "\n\n"))) {
        long long id;
        *end = '\0';
        const char *at = strstr(b->text, "id: " EPOCH "-");
        if (at && sscanf(at + strlen("id: " EPOCH "-"), "%lld", &id) == 1) {
            if (strstr(b->text, "data: {\"a\":1"))
                assert_int_equal(id, b->seen + 1);
            else
                assert_int_equal(id, b->seen); /* a gap or a heartbeat would jump */
            b->seen = id;
        }
        b->len -= (size_t)(end + 2 - b->text);
        memmove(b->text, end + 2, b->len + 1);
    }
}

static void browser_read_up_to(struct world *w, struct browser *b, int64_t id)
{
    while (b->seen < id) {
        struct pollfd p = {.fd = b->fd, .events = POLLIN};
        if (poll(&p, 1, DEADLINE_MS) != 1)
            fail_msg("rows stopped behind %lld", (long long)b->seen);
        ssize_t n = read(b->fd, b->text + b->len, sizeof b->text - 1 - b->len);
        b->len += n > 0 ? (size_t)n : 0;
        b->told = b->told || n > 0;
        browser_look(b);
        if (n <= 0) {
            assert_true(b->told); /* else the web server would answer 5xx for it */
            b->told = false;
            close(b->fd);
            b->len = 0; /* half an event is thrown away */
            b->fd = begin(w, b->seen, b->polls);
        }
    }
}

/* One stream that is behind the tail, and the log's end moving on meanwhile if `fed`. */
static long serve_with_a_failure(long n, bool lasting, bool fed, bool polls)
{
    struct world w = {0};
    static struct browser b;
    int64_t id = 7;
    world_open(&w);
    struct batch *newest = rows(END, END + 1);
    assert_non_null(newest);
    memory_fail(MEMORY_OTHERS, n, lasting);
    assert_true(hub_reset(w.hub, EPOCH, END));
    b = (struct browser){.fd = begin(&w, FIRST - 1, polls), .polls = polls, .seen = FIRST - 1};
    if (fed) {
        w.end++; /* before the hub hears of it, as in a log */
        assert_true(hub_feed(w.hub, newest));
    } else {
        batch_unref(newest);
    }
    (void)hub_collect(w.hub, false);
    catch_up(&w);
    long failures = memory_mend();
    browser_read_up_to(&w, &b, fed ? END + 1 : END);
    assert_true(hub_end_streams(w.hub, &id, 1));
    close(b.fd);
    world_close(&w);
    assert_int_equal(batch_memory(), 0);
    return failures;
}

static void test_no_row_is_lost_whatever_fails_on_the_hubs_thread(void **state)
{
    (void)state;
    serve_with_a_failure(1, false, false,
                         false); /* libuv keeps some descriptors from the first loop */
    for (int how = 0; how < 8; how++) {
        int before = descriptors();
        long failures = 1;
        for (long n = 1; failures > 0; n++)
            failures = serve_with_a_failure(n, how & 1, how & 2, how & 4);
        assert_int_equal(descriptors(), before);
    }
}

static void test_a_hub_that_can_not_be_made_or_is_never_run_keeps_nothing(void **state)
{
    struct hub_friends friends = {NULL, on_ask, on_ended, on_marks, on_fanned_out, on_emptied};
    struct settings *s = settings_new();
    struct hub *h = NULL;
    (void)state;
    int before = descriptors();
    for (long n = 1; !h; n++) {
        memory_fail(MEMORY_MINE, n, false);
        h = hub_new(&friends, s, 16);
        assert_int_equal(memory_mend(), h ? 0 : 1);
        assert_int_equal(descriptors(), h ? descriptors() : before);
    }
    struct batch *b = rows(0, 1);
    assert_true(hub_reset(h, EPOCH, 0));
    assert_true(hub_feed(h, b));
    hub_free(h);
    assert_int_equal(descriptors(), before);
    assert_int_equal(batch_memory(), 0);
    settings_unref(s);
}

static void test_what_the_hub_could_not_be_told_is_refused_not_forgotten(void **state)
{
    struct world w = {0};
    int64_t id = 7;
    (void)state;
    world_open(&w);
    struct batch *b = rows(END, END + 1);
    struct settings *s = settings_ref(w.settings);
    memory_fail(MEMORY_MINE, 1, true);
    assert_false(hub_reset(w.hub, EPOCH, END));
    assert_false(hub_feed(w.hub, b));
    assert_false(hub_settings(w.hub, s));
    assert_false(hub_end_streams(w.hub, &id, 1));
    (void)memory_mend();
    batch_unref(b);
    settings_unref(s);
    world_close(&w);
}

static void expect_later(int fd)
{
    static const char head[] = "Status: 200 OK\r\n"
                               "Content-Type: text/event-stream\r\n"
                               "Cache-Control: no-store, no-transform\r\n"
                               "X-Accel-Buffering: no\r\n"
                               "\r\n"
                               "event: later\nretry: ";
    char text[1024];
    size_t len = 0;
    struct pollfd p = {.fd = fd, .events = POLLIN};
    for (ssize_t n = 1; n > 0; len += (size_t)n) {
        assert_int_equal(poll(&p, 1, DEADLINE_MS), 1);
        n = read(fd, text + len, sizeof text - 1 - len);
        assert_true(n >= 0);
    }
    text[len] = '\0';
    assert_memory_equal(text, head, sizeof head - 1);
    assert_non_null(strstr(text + sizeof head - 1, "\n\n"));
    close(fd);
}

/* The first allocation is the stream itself, the second its watch. */
static void test_a_stream_without_memory_or_a_watch_is_told_later(void **state)
{
    (void)state;
    for (long n = 1; n <= 2; n++) {
        struct world w = {0};
        world_open(&w);
        catch_up(&w);
        memory_fail(MEMORY_OTHERS, n, false);
        expect_later(begin_stream(&w, END));
        assert_int_equal(memory_mend(), 1);
        catch_up(&w);
        world_close(&w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_row_is_lost_whatever_fails_on_the_hubs_thread),
        cmocka_unit_test(test_a_stream_without_memory_or_a_watch_is_told_later),
        cmocka_unit_test(test_a_hub_that_can_not_be_made_or_is_never_run_keeps_nothing),
        cmocka_unit_test(test_what_the_hub_could_not_be_told_is_refused_not_forgotten),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
