#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include "tests/scenario/browser.h"

enum { RETRY_DEFAULT = 3000, BODY_KEPT = 65536 };

struct browser *browser_new(struct stage *s, const char *path)
{
    struct browser *b = calloc(1, sizeof *b);
    assert_non_null(b);
    b->stage = s;
    b->next = s->browsers;
    s->browsers = b;
    b->comes_back = true;
    b->retry_ms = RETRY_DEFAULT;
    wire_init(&b->wire);
    b->path = strdup(path);
    assert_non_null(b->path);
    return b;
}

void browsers_free(struct stage *s)
{
    while (s->browsers) {
        struct browser *b = s->browsers;
        s->browsers = b->next;
        wire_close(&b->wire);
        parser_free(&b->parser);
        text_free(&b->body);
        free(b->path);
        free(b);
    }
}

void browser_header(struct browser *b, const char *name, const char *value)
{
    size_t n = strlen(b->headers);
    if (value)
        snprintf(b->headers + n, sizeof b->headers - n, "%s: %s\r\n", name, value);
    else
        b->headers[0] = '\0';
}

/* As EventSource: what is not 200 and an event stream ends it for good. */
static void judge(struct browser *b)
{
    char type[64] = "", cookie[256];
    wire_header(&b->wire, "Content-Type", type, sizeof type);
    b->dead = b->wire.status != 200 || strncasecmp(type, "text/event-stream", 17) != 0;
    if (wire_header(&b->wire, "Set-Cookie", cookie, sizeof cookie) &&
        strncmp(cookie, "sse-session-id=", 15) == 0)
        snprintf(b->cookie, sizeof b->cookie, "%.*s", (int)strcspn(cookie + 15, ";"),
                 cookie + 15);
}

/* Our own header lines, then the caller's. */
static void write_headers(const struct browser *b, char *out, size_t size)
{
    size_t n = (size_t)snprintf(out, size, "Accept: text/event-stream\r\n");
    if (!strcasestr(b->headers, "user-agent:"))
        n += (size_t)snprintf(out + n, size - n, "User-Agent: scenario\r\n");
    if (b->cookie[0])
        n += (size_t)snprintf(out + n, size - n, "Cookie: sse-session-id=%s\r\n", b->cookie);
    if (b->last_id[0])
        n += (size_t)snprintf(out + n, size - n, "Last-Event-ID: %s\r\n", b->last_id);
    snprintf(out + n, size - n, "%s", b->headers);
}

void browser_connect(struct browser *b)
{
    char headers[6144];
    wire_close(&b->wire);
    parser_reset(&b->parser);
    text_clear(&b->body);
    text_clear(&b->parser.id_buffer);
    text_add(&b->parser.id_buffer, b->last_id, strlen(b->last_id));
    b->chunk_start = b->chunk_end = 0;
    b->dispatched = b->dead = b->closed = false;
    b->back_at = 0;
    write_headers(b, headers, sizeof headers);
    if (!wire_ask(&b->wire, b->stage, "GET", b->path, headers, NULL)) {
        wire_close(&b->wire);
        b->back_at = now_ms() + b->retry_ms; /* nobody there: a browser tries again */
        return;
    }
    if (!wire_read_head(&b->wire, now_ms() + PATIENCE)) {
        if (!b->wire.ended)
            fail_stage(b->stage, "waited for the head of %s, came: %s", b->path, b->wire.head);
        wire_close(&b->wire);
        b->back_at = now_ms() + b->retry_ms;
        return;
    }
    judge(b);
}

struct browser *browser_open(struct stage *s, const char *path)
{
    struct browser *b = browser_new(s, path);
    browser_connect(b);
    if (b->dead || b->wire.fd < 0)
        fail_stage(s, "%s: waited for an event stream, came status %d\n%s", path,
                   b->wire.status, b->wire.head);
    return b;
}

void browser_cut(struct browser *b)
{
    wire_close(&b->wire);
    b->chunk_start = b->chunk_end = 0; /* what was not handed out is lost */
    b->back_at = now_ms();
}

void browser_close(struct browser *b)
{
    wire_close(&b->wire);
    b->closed = true;
}

void browser_reload(struct browser *b)
{
    b->last_id[0] = '\0';
    browser_connect(b);
}

void browser_share_cookie(struct browser *to, const struct browser *from)
{
    snprintf(to->cookie, sizeof to->cookie, "%s", from->cookie);
}

void browser_widen(struct browser *b)
{
    setsockopt(b->wire.fd, SOL_SOCKET, SO_RCVBUF, &(int){1 << 20}, sizeof(int));
}

void browser_come_back(struct browser *b, bool yes)
{
    b->comes_back = yes;
}

bool browser_is_dead(const struct browser *b)
{
    return b->dead;
}

int browser_status(const struct browser *b)
{
    return b->wire.status;
}

const char *browser_cookie(const struct browser *b)
{
    return b->cookie;
}

const char *browser_last_id(const struct browser *b)
{
    return b->last_id;
}

const char *browser_head(const struct browser *b)
{
    return b->wire.head;
}

const char *browser_body(const struct browser *b)
{
    return b->body.bytes ? b->body.bytes : "";
}

/* Parse what was read until an event is complete. */
static bool parse(struct browser *b)
{
    struct parser *p = &b->parser;
    while (b->chunk_start < b->chunk_end) {
        b->chunk_start +=
            parser_run(p, b->chunk + b->chunk_start, b->chunk_end - b->chunk_start);
        if (b->chunk_start == b->chunk_end)
            break;
        int what = parser_byte(p, b->chunk[b->chunk_start++], &b->retry_ms);
        if (what != PARSED_EVENT && what != PARSED_BLOCK)
            continue;
        text_add(&p->id_buffer, "", 0);
        snprintf(b->last_id, sizeof b->last_id, "%s", p->id_buffer.bytes);
        if (what == PARSED_BLOCK)
            continue;
        b->dispatched = true;
        b->event = (struct sse_event){
            .type = p->type.len ? p->type.bytes : (char *)"message",
            .data = p->data.bytes,
            .data_len = p->data.len,
            .id = b->last_id,
        };
        return true;
    }
    return false;
}

/* Bytes to parse, from this connection or the next one; false: none by the deadline. */
static bool more(struct browser *b, int64_t deadline)
{
    if (b->wire.fd < 0 || b->back_at) {
        int64_t wait = b->back_at - now_ms();
        if (!b->comes_back || now_ms() + wait >= deadline)
            return false;
        pause_ms(wait > 0 ? (int)wait : 0);
        browser_connect(b);
        return !b->dead;
    }
    size_t n = wire_read(&b->wire, b->chunk, sizeof b->chunk, deadline);
    b->chunk_start = 0;
    b->chunk_end = n;
    if (b->body.len < BODY_KEPT)
        text_add(&b->body, b->chunk, n);
    if (n == 0 && b->wire.ended) {
        wire_close(&b->wire);
        b->back_at = now_ms() + b->retry_ms;
        return b->comes_back;
    }
    return n > 0;
}

const struct sse_event *browser_next(struct browser *b, int timeout_ms)
{
    int64_t deadline = now_ms() + timeout_ms;
    if (b->dispatched)
        parser_next(&b->parser);
    b->dispatched = false;
    while (!b->closed) {
        if (!parse(b)) {
            if (b->dead || !more(b, deadline))
                return NULL;
        } else if (strcmp(b->event.type, "heartbeat") != 0) {
            return &b->event;
        } else {
            parser_next(&b->parser);
            b->dispatched = false;
        }
    }
    return NULL;
}

bool browser_sees_end(struct browser *b, int timeout_ms)
{
    int64_t deadline = now_ms() + timeout_ms;
    bool came_back = b->comes_back;
    b->comes_back = false;
    while (b->wire.fd >= 0 && now_ms() < deadline)
        browser_next(b, (int)(deadline - now_ms()));
    b->comes_back = came_back;
    return b->wire.fd < 0;
}
