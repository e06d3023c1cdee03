#include "tests/scenario/wire.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/scenario/scenario.h"

void wire_init(struct wire *w)
{
    /* One by one: untouched pages of the buffer keep a crowd of stalled browsers small. */
    w->fd = -1;
    w->curl = 0;
    w->status = 0;
    w->head[0] = '\0';
    w->chunked = w->ended = w->whole = false;
    w->chunk_left = w->line_len = w->start = w->end = 0;
    w->body_left = -1;
}

bool wire_connect(struct wire *w, const char *host, int port, bool narrow)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    inet_pton(AF_INET, host, &a.sin_addr);
    wire_init(w);
    w->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    /* A small window, so that what a stalled browser does not read waits in the responder. */
    if (narrow)
        setsockopt(w->fd, SOL_SOCKET, SO_RCVBUF, &(int){16384}, sizeof(int));
    if (w->fd >= 0 && connect(w->fd, (struct sockaddr *)&a, sizeof a) == 0)
        return true;
    wire_close(w);
    return false;
}

bool wire_send(struct wire *w, const char *bytes, size_t n)
{
    while (n > 0) {
        ssize_t sent = send(w->fd, bytes, n, MSG_NOSIGNAL);
        if (sent < 0)
            return false;
        bytes += sent;
        n -= (size_t)sent;
    }
    return true;
}

bool wire_ask(struct wire *w, const struct stage *s, const char *method, const char *path,
              const char *headers, const char *body)
{
    char head[49152], length[64] = "";
    if (s->secure)
        return wire_curl_ask(w, s, method, path, headers, body);
    if (body)
        snprintf(length, sizeof length, "Content-Length: %zu\r\n", strlen(body));
    int n = snprintf(head, sizeof head, "%s %s HTTP/1.1\r\nHost: %s\r\n%s%s\r\n", method, path,
                     s->host, headers, length);
    return n < (int)sizeof head && wire_connect(w, s->host, s->port, s->narrow) &&
           wire_send(w, head, (size_t)n) && (!body || wire_send(w, body, strlen(body)));
}

/* Whether there are bytes to decode; reads once if not. */
static bool fill(struct wire *w, int64_t deadline)
{
    if (w->start < w->end)
        return true;
    int64_t left = deadline - now_ms();
    struct pollfd p = {.fd = w->fd, .events = POLLIN};
    if (poll(&p, 1, left > 0 ? (int)left : 0) <= 0)
        return false;
    ssize_t n = recv(w->fd, w->buffer, sizeof w->buffer, MSG_DONTWAIT);
    if (n < 0 && errno == EAGAIN)
        return false;
    if (n <= 0) {
        w->ended = true;
        w->whole = n == 0 && !w->chunked && w->body_left <= 0;
        if (w->curl)
            w->whole = wire_curl_whole(w);
        return false;
    }
    w->start = 0;
    w->end = (size_t)n;
    return true;
}

static void understand_head(struct wire *w)
{
    char value[64];
    if (sscanf(w->head, w->curl ? "HTTP/2 %d" : "HTTP/1.%*c %d", &w->status) != 1)
        w->status = 0;
    w->chunked = wire_header(w, "Transfer-Encoding", value, sizeof value) &&
                 strcasecmp(value, "chunked") == 0;
    if (wire_header(w, "Content-Length", value, sizeof value))
        w->body_left = atoll(value);
}

bool wire_read_head(struct wire *w, int64_t deadline)
{
    size_t n = 0;
    while (!w->ended && n < sizeof w->head - 1) {
        if (!fill(w, deadline)) {
            if (now_ms() >= deadline)
                return false;
            continue;
        }
        w->head[n++] = w->buffer[w->start++];
        w->head[n] = '\0';
        if (n >= 4 && memcmp(w->head + n - 4, "\r\n\r\n", 4) == 0) {
            understand_head(w);
            return w->status != 0;
        }
    }
    return false;
}

/* Read on in the line before a chunk; true: a chunk may follow now. */
static bool next_chunk(struct wire *w)
{
    while (w->start < w->end) {
        char c = w->buffer[w->start++];
        if (c != '\n') {
            if (c != '\r' && w->line_len < sizeof w->line - 1)
                w->line[w->line_len++] = c;
            continue;
        }
        w->line[w->line_len] = '\0';
        if (w->line_len == 0) /* the line that ends the chunk before */
            continue;
        w->chunk_left = strtoul(w->line, NULL, 16);
        w->line_len = 0;
        if (w->chunk_left == 0)
            w->ended = w->whole = true;
        return !w->ended;
    }
    return false;
}

size_t wire_read(struct wire *w, char *out, size_t size, int64_t deadline)
{
    while (!w->ended) {
        if (w->body_left == 0) {
            w->ended = w->whole = true;
            return 0;
        }
        if (!fill(w, deadline)) {
            if (w->ended || now_ms() >= deadline)
                return 0;
            continue;
        }
        if (w->chunked && w->chunk_left == 0 && !next_chunk(w))
            continue;
        size_t n = w->end - w->start;
        if (n > size)
            n = size;
        if (w->chunked && n > w->chunk_left)
            n = w->chunk_left;
        if (n == 0)
            continue;
        memcpy(out, w->buffer + w->start, n);
        w->start += n;
        if (w->chunked)
            w->chunk_left -= n;
        else if (w->body_left > 0)
            w->body_left -= (int64_t)n;
        return n;
    }
    return 0;
}

bool wire_header(const struct wire *w, const char *name, char *out, size_t size)
{
    size_t n = strlen(name);
    for (const char *line = w->head; line && *line; line = strstr(line, "\r\n")) {
        if (*line == '\r')
            line += 2;
        if (strncasecmp(line, name, n) != 0 || line[n] != ':')
            continue;
        line += n + 1;
        line += strspn(line, " ");
        snprintf(out, size, "%.*s", (int)strcspn(line, "\r"), line);
        return true;
    }
    return false;
}

void wire_close(struct wire *w)
{
    if (w->fd >= 0)
        close(w->fd);
    w->fd = -1;
    if (w->curl)
        wire_curl_end(w);
}
