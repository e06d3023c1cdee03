/* An answer is complete before its first byte is sent.  So its status is final, and if memory
 * runs out on the way, another answer that needs none (brief.h) can take its place. */
#include "fcgi/request/reply.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "fcgi/stream/brief.h"
#include "fcgi/base/buffer.h"
#include "fcgi/stream/framing.h"
#include "fcgi/request/json.h"
#include "fcgi/request/unsent.h"

static const char *reason(int status)
{
    static const struct {
        int status;
        const char *reason;
    } known[] = {{200, "OK"},
                 {400, "Bad Request"},
                 {401, "Unauthorized"},
                 {403, "Forbidden"},
                 {404, "Not Found"},
                 {405, "Method Not Allowed"},
                 {408, "Request Timeout"},
                 {413, "Content Too Large"},
                 {415, "Unsupported Media Type"},
                 {503, "Service Unavailable"},
                 {507, "Insufficient Storage"}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (known[i].status == status)
            return known[i].reason;
    return "Internal Server Error";
}

static void add_record(struct buffer *out, struct framing *f, const char *bytes, size_t len)
{
    if (f->kind == FRAMING_FASTCGI) {
        framing_record(f, len);
        buffer_add(out, f->header, FRAMING_HEADER);
        framing_wrote(f, FRAMING_HEADER + len);
    }
    buffer_add(out, bytes, len);
}

/* A FastCGI record has at most 64 KB; the answer to /stats or to a publication of many
 * sessions may be larger. */
static void frame(struct buffer *out, const struct request *r, const struct buffer *text)
{
    struct framing f;
    uint8_t end[FRAMING_END_SIZE];
    framing_begin(&f, r->framing, r->request_id);
    for (size_t at = 0; at < text->len;) {
        size_t left = text->len - at;
        size_t len = left < FRAMING_RECORD_MAX ? left : FRAMING_RECORD_MAX;
        add_record(out, &f, text->bytes + at, len);
        at += len;
    }
    buffer_add(out, end, framing_end(&f, end));
}

/* A send() on a blocking socket returns when all is sent, or less after UNSENT_SECONDS, when
 * nobody seems to read any more. */
static void reply_write_all(int fd, const char *bytes, size_t len)
{
    struct timeval patience = {.tv_sec = UNSENT_SECONDS};
    if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience) == 0) {
        (void)send(fd, bytes, len, MSG_NOSIGNAL);
        return;
    }
    while (len > 0) { /* CGI: a pipe or a file */
        ssize_t n = write(fd, bytes, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return;
        bytes += n;
        len -= (size_t)n;
    }
}

/* A stream gets the headers that keep proxies from compressing or buffering it (stream_open.c
 * says more), also in the answer to HEAD. */
static void reply_add_text(struct buffer *text, const struct reply *reply, bool head)
{
    bool stream = strcmp(reply->type, REPLY_STREAM) == 0;
    buffer_printf(text, "Status: %d %s\r\n", reply->status, reason(reply->status));
    buffer_printf(text, "Content-Type: %s\r\n", reply->type);
    buffer_printf(text, "Cache-Control: no-store%s\r\n", stream ? ", no-transform" : "");
    buffer_text(text, stream ? "X-Accel-Buffering: no\r\n" : "");
    buffer_text(text, reply->headers ? reply->headers : "");
    buffer_text(text, "\r\n");
    if (head)
        return;
    buffer_add(text, reply->body, reply->body_len);
    buffer_text(text, reply->end ? reply->end : "");
}

static void reply_hang_up(struct request *r)
{
    if (r->fd < 0)
        return; /* r->unsent has the descriptor now */
    if (r->body_unread)
        shutdown(r->fd, SHUT_WR);
    else
        close(request_take_fd(r));
}

void reply_send(struct request *r, const struct reply *reply)
{
    struct buffer text = {0}, framed = {0};
    reply_add_text(&text, reply, request_is_head(r));
    if (!text.failed)
        frame(&framed, r, &text);
    bool made = !text.failed && !framed.failed;
    buffer_free(&text);
    if (made && r->unsent && !r->body_unread) {
        made = unsent_send(r->unsent, r->fd, &framed);
        if (made)
            r->fd = -1;
    } else if (made) {
        reply_write_all(r->fd, framed.bytes, framed.len);
    }
    if (!made)
        brief_unavailable(r->fd, r->framing, r->request_id);
    buffer_free(&framed);
    reply_hang_up(r);
}

void reply_json(struct request *r, int status, const char *headers, const char *json)
{
    reply_send(r, &(struct reply){.status = status,
                                  .type = "application/json",
                                  .headers = headers,
                                  .body = json,
                                  .body_len = strlen(json),
                                  .end = "\n"});
}

void reply_error(struct request *r, int status, const char *headers, const char *sentence)
{
    char *json = json_of_error(sentence);
    reply_json(r, status, headers, !json ? "{\"error\":\"out of memory\"}" : json);
    free(json);
}

void reply_failure(struct request *r, enum store_result result, const char *why)
{
    const char *sentence = why[0] ? why : "the event log cannot be used now";
    switch (result) {
    case STORE_REFUSED:
        reply_error(r, 400, NULL, sentence);
        return;
    case STORE_TOO_LARGE:
        reply_error(r, 413, NULL, sentence);
        return;
    case STORE_UNKNOWN:
        reply_error(r, 404, NULL, why[0] ? why : "there is no such session");
        return;
    case STORE_FULL:
        reply_error(r, 507, NULL, sentence);
        return;
    case STORE_OK:
    case STORE_BUSY:
    case STORE_NOMEM:
        reply_error(r, 503, "Retry-After: 1\r\n", sentence);
        return;
    case STORE_CORRUPT:
    case STORE_NEWER:
    case STORE_READONLY:
    case STORE_IO:
        reply_error(r, 503, NULL, sentence);
        return;
    }
}

void reply_later(struct request *r, int64_t retry_ms)
{
    brief_later(r->fd, r->framing, r->request_id, retry_ms);
    reply_hang_up(r);
}
