/* A client on a socket that takes bytes as it pleases, with heartbeats that fall due at any
 * moment: whatever the sizes, the peer gets whole events in order, and each heartbeat at the
 * first end of a block after it fell due, inside an open record too. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#include "fcgi/stream/client.h"
#include "tests/unit/batches.h"

enum { ROUNDS = 400, ROWS = 60, ROW_MAX = 4000, BEATS_MAX = 200 };

struct world {
    unsigned seed;
    struct client client;
    int peer;
    int64_t until, through;
    bool only_a;
    char *data[ROWS + 1];
    const char *type[ROWS + 1];
    uint64_t due[BEATS_MAX]; /* what had been written when each heartbeat fell due */
    size_t beats;
    bool told_to_end;
    struct buffer wire, content;
};

static size_t below(struct world *w, size_t n)
{
    return (size_t)rand_r(&w->seed) % n;
}

static void begin(struct world *w)
{
    int pair[2], small = 1;
    const char *only = "a";
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
    assert_int_equal(setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &small, sizeof small), 0);
    w->only_a = below(w, 2);
    w->until = (int64_t)below(w, ROWS + 1);
    struct ticket t = {.fd = pair[0], .ids = true, .retry = 500, .wait_ms = -1, .epoch = EPOCH};
    framing_begin(&t.framing, below(w, 4) ? FRAMING_FASTCGI : FRAMING_NONE, 1);
    cursor_begin(&t.cursor, subscription_new(NULL, NULL, 0, &only, w->only_a), 0, w->until);
    t.cursor.replaying = w->until > 0;
    buffer_text(&t.prologue, "event: connected\n\n");
    client_begin(&w->client, &t);
    w->peer = pair[1];
    for (int id = 1; id <= ROWS; id++) {
        size_t len = below(w, 3) ? below(w, 40) : below(w, ROW_MAX);
        w->data[id] = malloc(len + 3);
        memset(w->data[id], 'x', len + 2);
        memcpy(w->data[id], "{", 1);
        memcpy(w->data[id] + len + 1, "}", 2);
        w->type[id] = below(w, 2) ? "a" : "b";
    }
}

/* As many rows as a reader might find. */
static void give_batch(struct world *w)
{
    struct row row[ROWS];
    size_t n = 0, most = 1 + below(w, 40);
    int64_t after = w->through;
    for (int64_t id = after + 1; id <= ROWS && n < most; id++)
        row[n++] = (struct row){id, "", w->type[id], w->data[id]};
    struct batch *b = batch_of(after, after + (int64_t)n, row, n, NO_HOLES);
    cursor_take(&w->client.cursor, b);
    w->through = b->through;
    batch_unref(b);
}

/* Read at most `max` bytes. */
static bool take(struct world *w, size_t max)
{
    char bytes[4096];
    ssize_t n = read(w->peer, bytes, max < sizeof bytes ? max : sizeof bytes);
    if (n > 0)
        buffer_add(&w->wire, bytes, (size_t)n);
    return n > 0;
}

static void let_time_pass(struct world *w)
{
    if (w->client.owes_beat || w->told_to_end || below(w, 4) || w->beats == BEATS_MAX)
        return;
    client_heartbeat(&w->client);
    w->due[w->beats++] = w->client.written;
    if (below(w, 40) == 0) {
        client_end(&w->client, 500);
        w->told_to_end = true;
        w->beats--; /* it may end before that */
    }
}

/* To the end of the log, or of the client. */
static void run(struct world *w)
{
    for (;;) {
        let_time_pass(w);
        switch (client_pump(&w->client)) {
        case CLIENT_IDLE:
            assert_false(w->client.owes_beat);
            if (w->through == ROWS)
                return;
            give_batch(w);
            break;
        case CLIENT_BLOCKED:
            assert_true(take(w, 1 + below(w, 3000)));
            break;
        case CLIENT_TIRED:
            break;
        case CLIENT_ENDED:
            assert_true(w->told_to_end);
            return;
        case CLIENT_GONE:
            fail_msg("the peer is there");
        }
    }
}

/* The content of the records; the moments in `due` become offsets in it. */
static void unframe(struct world *w)
{
    const unsigned char *p = (const unsigned char *)w->wire.bytes;
    size_t beat = 0;
    if (w->client.framing.kind == FRAMING_NONE) {
        buffer_add(&w->content, w->wire.bytes, w->wire.len);
        return;
    }
    for (size_t at = 0; at < w->wire.len;) {
        size_t len = (size_t)p[at + 4] << 8 | p[at + 5], data = at + FRAMING_HEADER;
        assert_true(data + len <= w->wire.len && (p[at + 1] == 6 || p[at + 1] == 3));
        for (; beat < w->beats && w->due[beat] <= data + len; beat++)
            w->due[beat] = w->content.len + (w->due[beat] > data ? w->due[beat] - data : 0);
        if (p[at + 1] == 6)
            buffer_add(&w->content, data + w->wire.bytes, len);
        at = data + len;
    }
}

static void expect_row(const struct world *w, const char *block, int64_t id)
{
    struct buffer expected = {0};
    const char *mark = w->data[id][1] == '}' ? "" : ",";
    buffer_printf(&expected, "event: %s\ndata: %.*s", w->type[id], (int)strlen(w->data[id]) - 1,
                  w->data[id]);
    if (id <= w->until)
        buffer_printf(&expected, "%s\"_replayed\":true,\"_originalTime\":%d", mark, (int)id);
    buffer_printf(&expected, "}\nid: %s-%d", EPOCH, (int)id);
    assert_int_equal(expected.len, strlen(block));
    assert_string_equal(block, expected.bytes);
    buffer_free(&expected);
}

static int64_t next_row(const struct world *w, int64_t id)
{
    do
        id++;
    while (id <= ROWS && w->only_a && w->type[id][0] != 'a');
    return id;
}

/* Heartbeat number `beat` begins at `at`, and the block before it at `before`.  Another block
 * of our own may have been under way when it fell due, though not a byte of it was out. */
static void expect_beat(const struct world *w, size_t beat, size_t before, bool behind_row,
                        size_t at)
{
    if (beat == w->beats && w->told_to_end)
        return; /* the one that fell due with the end */
    assert_in_range(beat, 0, w->beats - 1);
    assert_true(w->due[beat] <= at);
    assert_true(w->due[beat] >= before + behind_row);
}

static void check(struct world *w)
{
    size_t beat = 0, before = 0;
    int64_t id = next_row(w, 0);
    bool later = false, row = false;
    buffer_add(&w->content, "", 1);
    for (char *at = w->content.bytes, *end; *at != '\0'; at = end + 2) {
        size_t offset = (size_t)(at - w->content.bytes);
        assert_non_null(end = strstr(at, "\n\n"));
        *end = '\0';
        assert_false(later); /* it is the last one */
        if (strncmp(at, "event: heartbeat\ndata: {\"timestamp\":", 36) == 0) {
            expect_beat(w, beat++, before, row, offset);
            row = false;
        } else if (strncmp(at, "event: later", 12) == 0) {
            later = true;
        } else if (offset == 0 || strncmp(at, "event: replay-end", 17) == 0) {
            row = false;
        } else {
            expect_row(w, at, id);
            id = next_row(w, id);
            row = true;
        }
        before = offset;
    }
    assert_int_equal(later, w->told_to_end);
    assert_true(later || (id > ROWS && beat == w->beats));
    assert_in_range(beat, w->beats, w->beats + w->told_to_end);
}

static void round_of(unsigned seed, size_t *beats)
{
    struct world w = {.seed = seed};
    begin(&w);
    run(&w);
    while (take(&w, 4096))
        ;
    unframe(&w);
    check(&w);
    *beats += w.beats;
    client_free(&w.client);
    close(w.peer);
    buffer_free(&w.wire);
    buffer_free(&w.content);
    for (int id = 1; id <= ROWS; id++)
        free(w.data[id]);
}

static void test_a_heartbeat_goes_out_at_the_next_end_of_an_event(void **state)
{
    const char *one = getenv("CLIENT_SEED"); /* to see one failing round again */
    size_t beats = 0;
    (void)state;
    for (unsigned seed = 1; seed <= ROUNDS; seed++)
        round_of(one ? (unsigned)strtoul(one, NULL, 10) : seed, &beats);
    assert_true(beats > ROUNDS);
    assert_int_equal(batch_memory(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_heartbeat_goes_out_at_the_next_end_of_an_event),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
