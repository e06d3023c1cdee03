/* The whole responder with allocations failing in any of its threads: whoever comes back gets
 * every row once memory is back, and no stream is left open in the books. */
#include <poll.h>
#include <sys/un.h>

#include "fcgi/hub/feeder.h"
#include "fcgi/hub/janitor.h"
#include "fcgi/hub/readers.h"
#include "fcgi/hub/responder.h"
#include "tests/unit/place.h"

#include "tests/unit/failing_memory.h"

enum { DEADLINE_MS = 10000, PATIENCE_MS = 300, ROWS = 3 };

struct service {
    struct place *place;
    struct responder *responder;
    int listener;
    char epoch[EPOCH_SIZE];
};

static void publish(struct service *s, int row)
{
    char data[16];
    snprintf(data, sizeof data, "row %d", row);
    place_publish(s->place, "", data);
}

static void service_open(struct service *s)
{
    struct store_end end;
    place_open((void **)&s->place);
    for (int row = 1; row <= ROWS; row++)
        publish(s, row);
    assert_int_equal(store_where(s->place->store, &end), STORE_OK);
    memcpy(s->epoch, end.epoch, sizeof s->epoch);
    s->listener = place_listen(s->place);
    assert_non_null(s->responder = responder_new(s->place->db));
    assert_true(responder_serve(s->responder, s->listener));
}

static void service_close(struct service *s)
{
    struct store_stats stats;
    responder_free(s->responder);
    close(s->listener);
    assert_int_equal(store_stats(s->place->store, &stats), STORE_OK);
    assert_int_equal(stats.streams, 0);
    place_close((void **)&s->place);
}

static void send_record(int fd, int type, const char *content, size_t len)
{
    char record[8 + 255] = {1, (char)type, 0, 1, 0, (char)len, 0, 0};
    memcpy(record + 8, content, len);
    (void)!send(fd, record, 8 + len, MSG_NOSIGNAL); /* it may have been hung up already */
}

/* A browser: reads rows in order, and comes back behind the last one. */
struct browser {
    int fd, seen;
    char text[65536];
    size_t len;
};

static void browser_connect(struct browser *b, const struct service *s)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    char id[64], pairs[250];
    snprintf(a.sun_path, sizeof a.sun_path, "%s/socket", s->place->folder);
    snprintf(id, sizeof id, "last_event_id=%s-%d", s->epoch, b->seen);
    int len = snprintf(pairs, sizeof pairs,
                       "%c%cREQUEST_METHODGET%c%cPATH_INFO/events%c%cQUERY_STRING%s", 14, 3, 9,
                       7, 12, (int)strlen(id), id);
    b->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    b->len = 0;
    assert_int_equal(connect(b->fd, (struct sockaddr *)&a, sizeof a), 0);
    send_record(b->fd, 1, "\0\1\0\0\0\0\0\0", 8);
    send_record(b->fd, 4, pairs, (size_t)len);
    send_record(b->fd, 4, "", 0);
    send_record(b->fd, 5, "", 0);
}

/* Read once.  False: it ended, or nothing came. */
static bool browser_read(struct browser *b, int timeout_ms)
{
    char row[32];
    struct pollfd p = {.fd = b->fd, .events = POLLIN};
    ssize_t n = 0;
    if (poll(&p, 1, timeout_ms) == 1)
        n = read(b->fd, b->text + b->len, sizeof b->text - b->len);
    if (n <= 0)
        return false;
    b->len += (size_t)n;
    while (snprintf(row, sizeof row, "data: row %d\n", b->seen + 1) > 0 &&
           memmem(b->text, b->len, row, strlen(row)))
        b->seen++;
    return true;
}

/* Whatever failed, it is told something an EventSource survives. */
static void browser_expect_answer(struct browser *b)
{
    b->text[b->len < sizeof b->text ? b->len : sizeof b->text - 1] = '\0';
    if (b->len < 8 || !strstr(b->text + 8, "Status: 200 OK\r\n"))
        fail_msg("it was closed with %zu bytes: %s", b->len, b->len > 8 ? b->text + 8 : "");
}

static void browser_read_up_to(struct browser *b, const struct service *s, int row)
{
    int ended = 0;
    while (b->seen < row) {
        if (browser_read(b, DEADLINE_MS))
            continue;
        if (++ended > 100)
            fail_msg("nothing came behind row %d", b->seen);
        browser_expect_answer(b);
        close(b->fd);
        browser_connect(b, s);
    }
}

static long stream_with_a_failure(long n, bool lasting)
{
    struct service s;
    static struct browser b;
    service_open(&s);
    b = (struct browser){.seen = 0};
    memory_fail(MEMORY_OTHERS, n, lasting);
    browser_connect(&b, &s);
    while (b.seen < ROWS && browser_read(&b, PATIENCE_MS))
        ;
    long failures = memory_mend();
    browser_read_up_to(&b, &s, ROWS);
    publish(&s, ROWS + 1);
    browser_read_up_to(&b, &s, ROWS + 1);
    close(b.fd);
    service_close(&s);
    return failures;
}

static void test_every_row_arrives_whatever_failed_in_whichever_thread(void **state)
{
    (void)state;
    stream_with_a_failure(1, false); /* libuv keeps some descriptors from the first loop */
    int before = descriptors(), logs = 0;
    for (int lasting = 0; lasting < 2; lasting++) {
        long failures = 1;
        for (long n = 1; failures > 0; n += 1 + n / 6, logs++)
            failures = stream_with_a_failure(n, lasting);
    }
    assert_in_range(descriptors(), before, before + logs); /* a lease for each log there was */
}

/* While a stream runs: what the feeder cannot hand to the hub is read again. */
static void test_a_row_arrives_whatever_failed_between_its_commit_and_the_socket(void **state)
{
    struct service s;
    static struct browser b;
    int row = ROWS;
    long failures = 1;
    (void)state;
    service_open(&s);
    b = (struct browser){.seen = 0};
    browser_connect(&b, &s);
    browser_read_up_to(&b, &s, row);
    for (long n = 1; failures > 0; n++) {
        memory_fail(MEMORY_OTHERS, n, false);
        publish(&s, ++row);
        while (b.seen < row && browser_read(&b, PATIENCE_MS))
            ;
        failures = memory_mend();
        browser_read_up_to(&b, &s, row);
    }
    assert_true(row > ROWS + 2); /* a batch, and the order that carries it */
    close(b.fd);
    service_close(&s);
}

static void test_a_responder_that_can_not_start_keeps_nothing(void **state)
{
    struct responder *r = NULL;
    int before = descriptors();
    (void)state;
    for (long n = 1; !r; n++) {
        assert_int_equal(descriptors(), before);
        memory_fail(MEMORY_MINE, n, false);
        r = responder_new("/tmp/none");
        assert_int_equal(memory_mend(), r ? 0 : 1);
    }
    memory_fail(MEMORY_MINE, 1, true);
    assert_false(responder_serve(r, -1));
    (void)memory_mend();
    responder_free(r);
    assert_int_equal(descriptors(), before);
}

/* As the first stream starts them; in any order of failing. */
static bool start_threads(struct board *board, const char *db)
{
    struct hub_friends friends = {0};
    struct settings *s = board_get(board);
    struct hub *h = hub_new(&friends, s, 16);
    struct readers *r = readers_new(db, board);
    struct feeder *f = h && r ? feeder_start(db, board, h) : NULL;
    struct janitor *j = f ? janitor_start(db, board, h) : NULL;
    (void)memory_mend();
    settings_unref(s);
    janitor_stop(j);
    feeder_stop(f);
    readers_free(r);
    hub_free(h);
    return j;
}

static void test_threads_that_can_not_start_keep_nothing(void **state)
{
    struct place *p = *state;
    struct board board;
    bool started = false;
    store_close(p->store); /* SQLite keeps descriptors while another connection has the file */
    p->store = NULL;
    board_open(&board, settings_new());
    assert_true(start_threads(&board, p->db));
    int before = descriptors();
    for (long n = 1; !started; n++) {
        memory_fail(MEMORY_MINE, n, false);
        started = start_threads(&board, p->db);
        assert_int_equal(memory_failures == 0, started);
        assert_int_equal(descriptors(), before);
    }
    board_close(&board);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_row_arrives_whatever_failed_in_whichever_thread),
        cmocka_unit_test(test_a_row_arrives_whatever_failed_between_its_commit_and_the_socket),
        cmocka_unit_test(test_a_responder_that_can_not_start_keeps_nothing),
        cmocka_unit_test_setup_teardown(test_threads_that_can_not_start_keep_nothing,
                                        place_open, place_close),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
