#include "tests/bench/wire.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

enum { BEGIN_REQUEST = 1, END_REQUEST = 3, PARAMS = 4, STDIN = 5, STDOUT = 6 };

void wire_begin(struct wire *w, bool fastcgi)
{
    *w = (struct wire){.state = fastcgi ? WIRE_HEADER : WIRE_PLAIN, .in_head = true};
    events_begin(&w->events);
}

static bool says(const struct wire *w, const char *what)
{
    return strncasecmp(w->line, what, strlen(what)) == 0;
}

/* One line of the head is complete, its end taken off. */
static void head_line(struct wire *w)
{
    w->line[w->length] = '\0';
    if ((says(w, "HTTP/1.") && strncmp(w->line + 8, " 200", 4) != 0) ||
        (says(w, "Status:") && !strstr(w->line, "200")) ||
        (says(w, "Content-Type:") && !strstr(w->line, "text/event-stream")))
        w->bad = true;
    if (says(w, "Transfer-Encoding: chunked"))
        w->chunked = true;
    if (w->length == 0)
        w->in_head = false;
    w->length = 0;
}

/* Returns how many of the bytes belong to the head. */
static size_t read_head(struct wire *w, const char *bytes, size_t count)
{
    size_t i = 0;
    while (i < count && w->in_head) {
        char c = bytes[i++];
        if (c == '\n')
            head_line(w);
        else if (c != '\r' && w->length < sizeof w->line - 1)
            w->line[w->length++] = c;
    }
    return i;
}

static void read_carried(struct wire *w, struct tally *t, const char *bytes, size_t count)
{
    size_t head = w->in_head ? read_head(w, bytes, count) : 0;
    events_read(&w->events, t, bytes + head, count - head);
}

/* The size is in hexadecimal, may have an extension, and 0 ends the stream. */
static void read_size(struct wire *w, char c)
{
    if (c == '\n') {
        w->state = w->left ? WIRE_CHUNK : WIRE_ENDED;
        w->have = 0;
    } else if (c == ';') {
        w->have = 1;
    } else if (c != '\r' && !w->have) {
        uint32_t digit = c <= '9' ? (uint32_t)(c - '0') : (uint32_t)((c | 32) - 'a' + 10);
        w->bad = w->bad || digit > 15;
        w->left = w->left * 16 + digit;
    }
}

static void read_header(struct wire *w, char c)
{
    w->header[w->have++] = (uint8_t)c;
    if (w->have < sizeof w->header)
        return;
    w->have = 0;
    w->left = (uint32_t)w->header[4] << 8 | w->header[5];
    w->bad = w->bad || w->header[0] != 1;
    w->state = w->header[1] == END_REQUEST ? WIRE_ENDED : w->left ? WIRE_CONTENT : WIRE_PADDING;
    if (w->state == WIRE_PADDING)
        w->left = w->header[6];
}

static void content_ended(struct wire *w)
{
    if (w->state == WIRE_CHUNK) {
        w->state = WIRE_CHUNK_END;
    } else if (w->state == WIRE_CONTENT && w->header[6]) {
        w->state = WIRE_PADDING;
        w->left = w->header[6];
    } else {
        w->state = WIRE_HEADER;
    }
}

/* Chunk, content or padding: as much of it as there is.  Returns how much that was. */
static size_t read_left(struct wire *w, struct tally *t, const char *bytes, size_t count)
{
    size_t n = count < w->left ? count : w->left;
    if (w->state == WIRE_CHUNK || (w->state == WIRE_CONTENT && w->header[1] == STDOUT))
        read_carried(w, t, bytes, n);
    w->left -= (uint32_t)n;
    if (w->left == 0)
        content_ended(w);
    return n;
}

static size_t read_some(struct wire *w, struct tally *t, const char *bytes, size_t count)
{
    switch ((enum wire_state)w->state) {
    case WIRE_PLAIN:
        if (!w->in_head) {
            events_read(&w->events, t, bytes, count);
            return count;
        }
        size_t head = read_head(w, bytes, count);
        if (!w->in_head && w->chunked)
            w->state = WIRE_SIZE;
        return head;
    case WIRE_SIZE:
        read_size(w, *bytes);
        return 1;
    case WIRE_CHUNK_END:
        if (*bytes == '\n')
            w->state = WIRE_SIZE;
        return 1;
    case WIRE_HEADER:
        read_header(w, *bytes);
        return 1;
    case WIRE_CHUNK:
    case WIRE_CONTENT:
    case WIRE_PADDING:
        return read_left(w, t, bytes, count);
    case WIRE_ENDED:
        break;
    }
    return count;
}

bool wire_read(struct wire *w, struct tally *t, const char *bytes, size_t count)
{
    while (count > 0 && w->state != WIRE_ENDED && !w->bad) {
        size_t n = read_some(w, t, bytes, count);
        bytes += n;
        count -= n;
    }
    return w->state != WIRE_ENDED && !w->bad;
}

size_t wire_request_http(char *out, size_t size, const char *host, const char *path,
                         const char *resume)
{
    int n = snprintf(out, size,
                     "GET %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: rowcast-bench\r\n"
                     "Accept: text/event-stream\r\n%s%s%s\r\n",
                     path, host, resume ? "Last-Event-ID: " : "", resume ? resume : "",
                     resume ? "\r\n" : "");
    return n > 0 && (size_t)n < size ? (size_t)n : 0;
}

static size_t put(char *out, const void *bytes, size_t count)
{
    memcpy(out, bytes, count);
    return count;
}

static size_t put_param(char *out, const char *name, const char *value)
{
    const uint8_t lengths[2] = {(uint8_t)strlen(name), (uint8_t)strlen(value)}; /* below 128 */
    size_t n = put(out, lengths, sizeof lengths);
    n += put(out + n, name, lengths[0]);
    return n + put(out + n, value, lengths[1]);
}

static size_t put_header(char *out, int type, size_t content)
{
    const char header[8] = {1, (char)type, 0, 1, (char)(content >> 8), (char)content, 0, 0};
    return put(out, header, sizeof header);
}

size_t wire_request_fastcgi(char *out, size_t size, const char *path, const char *resume)
{
    const char *query = strchr(path, '?');
    char script[128];
    const char responder[8] = {0, 1}; /* the role; the connection is not kept */
    int length = snprintf(script, sizeof script, "%.*s",
                          (int)(query ? query - path : (long)strlen(path)), path);
    if (size < 1500 || length < 0 || strlen(path) > 120 || (resume && strlen(resume) > 120))
        return 0;
    size_t n = put_header(out, BEGIN_REQUEST, 8);
    n += put(out + n, responder, sizeof responder);
    size_t header = n;
    n += 8;
    n += put_param(out + n, "REQUEST_METHOD", "GET");
    n += put_param(out + n, "SCRIPT_NAME", script);
    n += put_param(out + n, "REQUEST_URI", path);
    n += put_param(out + n, "QUERY_STRING", query ? query + 1 : "");
    n += put_param(out + n, "SERVER_PROTOCOL", "HTTP/1.1");
    n += put_param(out + n, "GATEWAY_INTERFACE", "CGI/1.1");
    n += put_param(out + n, "REMOTE_ADDR", "127.0.0.1");
    n += put_param(out + n, "HTTP_USER_AGENT", "rowcast-bench");
    n += put_param(out + n, "HTTP_ACCEPT", "text/event-stream");
    if (resume)
        n += put_param(out + n, "HTTP_LAST_EVENT_ID", resume);
    put_header(out + header, PARAMS, n - header - 8);
    n += put_header(out + n, PARAMS, 0);
    return n + put_header(out + n, STDIN, 0);
}
