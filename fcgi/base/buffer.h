/* A block of bytes that grows.  When memory runs out, `failed` is set and further appends do
 * nothing, so a writer checks once, at the end.  `{0}` is an empty buffer.
 * Thread: its owner's. */
#ifndef ROWCAST_FCGI_BUFFER_H
#define ROWCAST_FCGI_BUFFER_H

#include <stdbool.h>
#include <stddef.h>

struct buffer {
    char *bytes;
    size_t len;
    size_t room;
    bool failed;
};

void buffer_add(struct buffer *b, const void *bytes, size_t len);
void buffer_text(struct buffer *b, const char *text);
void buffer_printf(struct buffer *b, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void buffer_clear(struct buffer *b); /* empty it, keep the room, forget a failure */
void buffer_free(struct buffer *b);

#endif
