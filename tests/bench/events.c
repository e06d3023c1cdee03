#include "tests/bench/events.h"

#include <string.h>

void events_begin(struct events *e)
{
    *e = (struct events){.seq = -1, .id = -1, .last_id = -1};
}

static int64_t number(const char *p, const char *end)
{
    int64_t n = -1;
    for (; p < end && *p >= '0' && *p <= '9'; p++)
        n = (n < 0 ? 0 : n * 10) + (*p - '0');
    return n;
}

static bool begins(const char *line, size_t length, const char *with, size_t n)
{
    return length >= n && memcmp(line, with, n) == 0;
}
#define BEGINS(line, length, with) begins(line, length, with, sizeof(with) - 1)

static void read_type(struct events *e, struct tally *t, const char *line, size_t length)
{
    if (BEGINS(line, length, "event: update")) {
        e->kind = EVENT_ROW;
        return;
    }
    e->kind = EVENT_OTHER;
    if (BEGINS(line, length, "event: connected"))
        e->kind = EVENT_CONNECTED;
    else if (BEGINS(line, length, "event: replay-start"))
        e->kind = EVENT_REPLAY_START;
    else if (BEGINS(line, length, "event: heartbeat"))
        t->heartbeats++;
    else if (BEGINS(line, length, "event: gap"))
        t->gaps++;
    else if (BEGINS(line, length, "event: later")) {
        t->later++;
        e->later = true;
    }
}

static void read_data(struct events *e, struct tally *t, const char *line, size_t length)
{
    if (e->kind == EVENT_ROW && BEGINS(line, length, "data: {\"seq\":"))
        e->seq = number(line + 13, line + length);
    else if (e->kind == EVENT_REPLAY_START && BEGINS(line, length, "data: {\"count\":"))
        t->announced += number(line + 15, line + length);
}

static void read_retry(struct events *e, const char *line, size_t length)
{
    if (BEGINS(line, length, "retry: "))
        e->retry = (int32_t)number(line + 7, line + length);
}

static void read_id(struct events *e, const char *line, size_t length)
{
    const char *dash = memchr(line, '-', length);
    e->id = dash ? number(dash + 1, line + length) : -1;
    if (e->kind == EVENT_CONNECTED && e->resume && length > 4 && length - 4 < ID_SIZE) {
        memcpy(e->resume, line + 4, length - 4);
        e->resume[length - 4] = '\0';
    }
}

static void row_ended(struct events *e, struct tally *t)
{
    if (e->seq < 0 || e->id < 0) {
        t->foreign++;
        return;
    }
    if (e->id <= e->last_id)
        t->disordered++;
    if (e->seq < e->next_seq) {
        t->repeated++;
        return;
    }
    t->lost += e->seq - e->next_seq;
    e->next_seq = e->seq + 1;
    if (t->received < t->room)
        t->receipt[t->received] =
            (struct receipt){(uint32_t)e->seq, (uint32_t)((t->now - t->started) / 1000)};
    t->received++;
    if (e->next_seq == t->expected)
        t->complete++;
}

static void block_ended(struct events *e, struct tally *t)
{
    if (!e->open)
        return;
    if (e->kind == EVENT_ROW)
        row_ended(e, t);
    else if (e->kind == EVENT_CONNECTED)
        t->connected++;
    else if (e->kind == EVENT_MESSAGE && e->id >= 0)
        t->foreign++;
    if (e->id >= 0)
        e->last_id = e->id;
    e->open = false;
    e->kind = EVENT_MESSAGE;
    e->seq = e->id = -1;
}

static void line_ended(struct events *e, struct tally *t, const char *line, size_t length)
{
    if (length == 0) {
        block_ended(e, t);
        return;
    }
    e->open = e->open || line[0] != ':';
    if (line[0] == 'd')
        read_data(e, t, line, length);
    else if (line[0] == 'i')
        read_id(e, line, length);
    else if (line[0] == 'r')
        read_retry(e, line, length);
    else if (line[0] == 'e')
        read_type(e, t, line, length);
}

static void keep(struct events *e, const char *bytes, size_t count)
{
    size_t room = sizeof e->line - e->kept;
    size_t n = count < room ? count : room;
    memcpy(e->line + e->kept, bytes, n);
    e->kept = (uint8_t)(e->kept + n);
    e->cut = true;
}

void events_read(struct events *e, struct tally *t, const char *bytes, size_t count)
{
    const char *end = bytes + count;
    while (bytes < end) {
        const char *lf = memchr(bytes, '\n', (size_t)(end - bytes));
        if (!lf) {
            keep(e, bytes, (size_t)(end - bytes));
            return;
        }
        if (e->cut) {
            keep(e, bytes, (size_t)(lf - bytes));
            line_ended(e, t, e->line, e->kept);
            e->kept = 0;
            e->cut = false;
        } else {
            line_ended(e, t, bytes, (size_t)(lf - bytes));
        }
        bytes = lf + 1;
    }
}
