/* Data goes out in runs: all up to a line break or a byte that is not UTF-8 is copied at once.
 * A line break begins another `data: ` line, as the standard asks for; a byte that is not UTF-8
 * becomes U+FFFD here, since browsers would put it there anyway, and other clients may fail.
 *
 * An event is written once, and two renditions of it are cut from the bytes.  So the place of
 * an object's last brace is noted while the data is copied: a line break or a bad byte before
 * it moves it. */
#include "fcgi/stream/sse_format.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "fcgi/base/utf8.h"
#include "store/event_id.h"
#include "store/rules.h"

/* How much of `s` may be copied as it is: up to a line break or a byte that is not UTF-8. */
static size_t plain_run(const unsigned char *s, size_t len)
{
    size_t n = 0;
    while (n < len) {
        if (s[n] < 0x80) {
            if (s[n] == '\n' || s[n] == '\r')
                break;
            n++;
            continue;
        }
        bool sound;
        size_t part = utf8_part(s + n, len - n, &sound);
        if (!sound)
            break;
        n += part;
    }
    return n;
}

/* Append what stands for the line break or the bad bytes at `s`, which ended a run; returns how
 * many bytes of `s` those were.  CRLF is one line break. */
static size_t add_break(struct buffer *out, const unsigned char *s, size_t len)
{
    if (s[0] == '\n' || s[0] == '\r') {
        buffer_text(out, "\ndata: ");
        return s[0] == '\r' && len > 1 && s[1] == '\n' ? 2 : 1;
    }
    bool sound;
    buffer_text(out, UTF8_REPLACEMENT);
    return utf8_part(s, len, &sound);
}

/* Append the lines of data.  Returns where in `out` the byte data[mark] is, which has to be one
 * that is copied; 0 if `mark` is not below `len`. */
static size_t add_data(struct buffer *out, const char *data, size_t len, size_t mark)
{
    const unsigned char *s = (const unsigned char *)data;
    size_t mark_at = 0;
    buffer_text(out, "data: ");
    for (size_t at = 0; at < len;) {
        size_t run = plain_run(s + at, len - at);
        if (mark >= at && mark - at < run)
            mark_at = out->len + (mark - at);
        buffer_add(out, s + at, run);
        at += run;
        if (at < len)
            at += add_break(out, s + at, len - at);
    }
    buffer_text(out, "\n");
    return mark_at;
}

/* The last brace of an object, or e->data_len.  Data with a NUL does not count as an object,
 * since SQLite's json_valid() ends at the NUL, and a brace behind that closes nothing. */
static size_t last_brace(const struct event *e)
{
    if (!e->is_object || e->data_len == 0 || memchr(e->data, 0, e->data_len))
        return e->data_len;
    const char *brace = memrchr(e->data, '}', e->data_len);
    return brace ? (size_t)(brace - e->data) : e->data_len;
}

static void sse_add_id(struct buffer *out, const char *id)
{
    if (id)
        buffer_printf(out, "id: %s\n", id);
    buffer_text(out, "\n");
}

static void add_type(struct buffer *out, const char *type)
{
    if (strcmp(type, "message") == 0 || !rules_type_is_sound(type))
        return;
    buffer_text(out, "event: ");
    const unsigned char *s = (const unsigned char *)type;
    for (size_t len = strlen(type), at = 0; at < len;) {
        size_t run = plain_run(s + at, len - at);
        buffer_add(out, s + at, run);
        at += run;
        if (at < len)
            at += add_break(out, s + at, len - at); /* bad bytes: a sound type has no breaks */
    }
    buffer_text(out, "\n");
}

void sse_format_event(struct buffer *out, const struct event *e, const char *epoch, bool ids,
                      uint32_t *object_end)
{
    size_t start = out->len;
    add_type(out, e->type);
    size_t brace = last_brace(e);
    size_t brace_at = add_data(out, e->data, e->data_len, brace);
    *object_end = brace_at ? (uint32_t)(brace_at - start) : 0;
    if (ids) {
        char id[EVENT_ID_SIZE];
        event_id_format(id, epoch, e->id);
        sse_add_id(out, id);
    } else {
        sse_add_id(out, NULL);
    }
}

/* If the last brace has an opening one before it, with nothing but white space between, that is
 * the object's own, and the object is empty. */
static bool has_members(const struct event *e)
{
    size_t at = last_brace(e);
    while (at > 0 && strchr(" \t\r\n", e->data[at - 1]))
        at--;
    return at > 0 && e->data[at - 1] != '{';
}

void sse_format_mark(struct buffer *out, const struct event *e)
{
    buffer_printf(out, "%s\"_replayed\":true,\"_originalTime\":%" PRId64,
                  has_members(e) ? "," : "", e->created_at / 1000);
}

/* No blank line follows the comment line.  WebKit joins the half event that a cut connection
 * left to these bytes, and a blank line would make it a whole event.  So the half event becomes
 * part of a block named `opening`, to which no page listens. */
void sse_format_opening(struct buffer *out, int64_t retry_ms, const char *id)
{
    buffer_printf(out, ":\nevent: opening\nretry: %" PRId64 "\n", retry_ms);
    sse_add_id(out, id);
}

void sse_format_connected(struct buffer *out, const char *session_id, bool reconnection,
                          int64_t buffer_size, int64_t reconnections, int64_t heartbeat,
                          const char *id)
{
    const char *quote = session_id && session_id[0] ? "\"" : "";
    buffer_printf(out,
                  "event: connected\ndata: {\"sessionId\":%s%s%s,\"reconnection\":%s,"
                  "\"bufferSize\":%" PRId64 ",\"reconnections\":%" PRId64
                  ",\"heartbeat\":%" PRId64 "}\n",
                  quote, quote[0] ? session_id : "null", quote, reconnection ? "true" : "false",
                  buffer_size, reconnections, heartbeat);
    sse_add_id(out, id);
}

void sse_format_gap(struct buffer *out, const char *reason, const char *from,
                    const char *oldest, const char *id)
{
    const char *from_quote = from ? "\"" : "", *oldest_quote = oldest ? "\"" : "";
    buffer_printf(out,
                  "event: gap\ndata: {\"reason\":\"%s\",\"from\":%s%s%s,\"oldest\":%s%s%s}\n",
                  reason, from_quote, from ? from : "null", from_quote, oldest_quote,
                  oldest ? oldest : "null", oldest_quote);
    sse_add_id(out, id);
}

void sse_format_replay_start(struct buffer *out, int64_t count)
{
    buffer_printf(out, "event: replay-start\ndata: {\"count\":%" PRId64 "}\n\n", count);
}

void sse_format_replay_end(struct buffer *out, int64_t count)
{
    buffer_printf(out, "event: replay-end\ndata: {\"count\":%" PRId64 "}\n\n", count);
}

void sse_format_heartbeat(struct buffer *out, int64_t unix_seconds, const char *id)
{
    buffer_printf(out, "event: heartbeat\ndata: {\"timestamp\":%" PRId64 "}\n", unix_seconds);
    sse_add_id(out, id);
}

/* The block has a name, because fetch-event-source hands out a block without one as an empty
 * message. */
void sse_format_later(struct buffer *out, int64_t retry_ms)
{
    buffer_printf(out, SSE_LATER, retry_ms);
}

/* Any seed is good enough here, so a missing getrandom() is no reason to fail. */
static uint64_t jitter_seed(void)
{
    static atomic_uint_fast64_t calls;
    uint64_t seed = 0;
    if (getrandom(&seed, sizeof seed, GRND_NONBLOCK) != (ssize_t)sizeof seed) {
        struct timespec now;
        clock_gettime(CLOCK_MONOTONIC, &now);
        seed = (uint64_t)now.tv_nsec ^ (atomic_fetch_add(&calls, 1) << 32);
    }
    return seed | 1; /* xorshift would stay at 0 for ever */
}

int64_t sse_jitter(int64_t retry_ms)
{
    static _Thread_local uint64_t state; /* xorshift64* */
    if (state == 0)
        state = jitter_seed();
    state ^= state >> 12;
    state ^= state << 25;
    state ^= state >> 27;
    uint64_t random = (state * UINT64_C(0x2545F4914F6CDD1D)) >> 32;
    int64_t middle = retry_ms < 0 ? 0 : retry_ms > RETRY_MOST ? RETRY_MOST : retry_ms;
    int64_t wait = middle / 2 + (int64_t)(random % (uint64_t)(middle + 1));
    return wait < RETRY_LEAST ? RETRY_LEAST : wait > RETRY_MOST ? RETRY_MOST : wait;
}
