/* One HTTP connection: the request out, the head and the body back, chunked or not.
 *
 * On a secure stage the connection is a curl process that speaks HTTP/2 over TLS and nothing
 * else: what it prints, the head and the decoded body, comes through a socket of ours
 * (wire_curl.c). Who does not read it stalls curl, and then curl's peer.  To cut it is to kill
 * curl. */
#ifndef ROWCAST_SCENARIO_WIRE_H
#define ROWCAST_SCENARIO_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct stage;

enum { WIRE_HEAD_MAX = 8192, WIRE_BUFFER = 65536 };

struct wire {
    int fd;     /* -1: not connected */
    pid_t curl; /* the process that speaks for us; 0: we do */
    int status;
    char head[WIRE_HEAD_MAX]; /* the header lines, NUL-terminated */
    bool chunked;
    bool ended;        /* the body is complete, or the connection is gone */
    bool whole;        /* it ended as HTTP wants it */
    size_t chunk_left; /* bytes of the current chunk still to come */
    int64_t body_left; /* by Content-Length; -1: until the end */
    char line[32];     /* of the chunk's size, as far as it came */
    size_t line_len;
    char buffer[WIRE_BUFFER]; /* read, not yet decoded */
    size_t start, end;
};

void wire_init(struct wire *w);
bool wire_connect(struct wire *w, const char *host, int port, bool narrow);
bool wire_send(struct wire *w, const char *bytes, size_t n);
/* Connect to the stage's server and ask; `headers` are whole lines, each with its CRLF; `body`
 * NULL: none.  false: nobody is there.  With curl that shows only when the head is awaited. */
bool wire_ask(struct wire *w, const struct stage *s, const char *method, const char *path,
              const char *headers, const char *body);
/* Read the status line and the headers; false: none by the deadline (of now_ms), or what came
 * is not the HTTP that was spoken; w->head has it. */
bool wire_read_head(struct wire *w, int64_t deadline);
/* Up to `size` bytes of the body; 0: none by the deadline, or w->ended. */
size_t wire_read(struct wire *w, char *out, size_t size, int64_t deadline);
/* The value of a header, copied; false: not there. */
bool wire_header(const struct wire *w, const char *name, char *out, size_t size);
void wire_close(struct wire *w);

/* wire_curl.c, for wire.c: wire_ask by way of curl; whether curl says that the body is whole,
 * once there is nothing more to read; and its end. */
bool wire_curl_ask(struct wire *w, const struct stage *s, const char *method, const char *path,
                   const char *headers, const char *body);
bool wire_curl_whole(struct wire *w);
void wire_curl_end(struct wire *w);

#endif
