/* Taking a stream's bytes out of what carries them: HTTP/1.1 chunks (RFC 9112, 7.1) or FastCGI
 * records (specification, 8).  Both begin with a head of lines, which tells the status.
 *
 * What is carried is handed on where it lies. */
#ifndef ROWCAST_BENCH_WIRE_H
#define ROWCAST_BENCH_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tests/bench/events.h"

enum wire_state {
    WIRE_PLAIN, /* all bytes are carried ones */
    WIRE_SIZE,  /* in the line with a chunk's size */
    WIRE_CHUNK,
    WIRE_CHUNK_END, /* the line end behind a chunk */
    WIRE_HEADER,    /* in a record's header */
    WIRE_CONTENT,
    WIRE_PADDING,
    WIRE_ENDED
};

struct wire {
    uint8_t state;
    bool in_head, chunked, bad;
    uint8_t have; /* bytes of the record's header */
    uint8_t header[8];
    uint32_t left; /* of the chunk, the content or the padding */
    char line[64]; /* the beginning of the head's line */
    uint8_t length;
    struct events events;
};

void wire_begin(struct wire *w, bool fastcgi);

/* False: the stream ended properly, or what came is no event stream (then `bad`). */
bool wire_read(struct wire *w, struct tally *t, const char *bytes, size_t count);

/* Write the request for `path` to `out`; returns its length, 0 if it does not fit. */
size_t wire_request_http(char *out, size_t size, const char *host, const char *path,
                         const char *resume);
size_t wire_request_fastcgi(char *out, size_t size, const char *path, const char *resume);

#endif
