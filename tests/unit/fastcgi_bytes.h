/* FastCGI connections written by hand, for the tests of their readers. */
#ifndef ROWCAST_TESTS_FASTCGI_BYTES_H
#define ROWCAST_TESTS_FASTCGI_BYTES_H

#include <fastcgi.h>
#include <string.h>

#include "fcgi/base/buffer.h"

/* One record of request `id`, with `padding` bytes after its content. */
static inline void add_record_of(struct buffer *out, int id, int type, const void *content,
                                 size_t len, int padding)
{
    static const char zeros[255];
    const unsigned char header[FCGI_HEADER_LEN] = {FCGI_VERSION_1,
                                                   (unsigned char)type,
                                                   (unsigned char)(id >> 8),
                                                   (unsigned char)id,
                                                   (unsigned char)(len >> 8),
                                                   (unsigned char)len,
                                                   (unsigned char)padding,
                                                   0};

    buffer_add(out, header, sizeof header);
    buffer_add(out, content, len);
    buffer_add(out, zeros, (size_t)padding);
}

static inline void add_record(struct buffer *out, int type, const void *content, size_t len)
{
    add_record_of(out, 1, type, content, len, 0);
}

static inline void add_begin(struct buffer *out)
{
    add_record(out, FCGI_BEGIN_REQUEST, "\0\1\0\0\0\0\0\0", 8); /* a responder */
}

static inline void add_length(struct buffer *out, size_t len)
{
    const unsigned char b[4] = {(unsigned char)(len >> 24 | 0x80), (unsigned char)(len >> 16),
                                (unsigned char)(len >> 8), (unsigned char)len};

    if (len < 0x80)
        buffer_add(out, b + 3, 1);
    else
        buffer_add(out, b, 4);
}

/* A name and a value, as PARAMS has them. */
static inline void add_pair(struct buffer *out, const void *name, size_t name_len,
                            const void *value, size_t value_len)
{
    add_length(out, name_len);
    add_length(out, value_len);
    buffer_add(out, name, name_len);
    buffer_add(out, value, value_len);
}

/* A record with one variable. */
static inline void add_variable(struct buffer *out, const char *name, const char *value)
{
    struct buffer pair = {0};

    add_pair(&pair, name, strlen(name), value, strlen(value));
    add_record(out, FCGI_PARAMS, pair.bytes, pair.len);
    buffer_free(&pair);
}

/* The records that end the variables and the body. */
static inline void add_end_of(struct buffer *out, int type)
{
    add_record(out, type, "", 0);
}

static inline void add_body(struct buffer *out, size_t len)
{
    char chunk[1000];

    memset(chunk, 'x', sizeof chunk);
    for (; len > 0; len -= len < sizeof chunk ? len : sizeof chunk)
        add_record(out, FCGI_STDIN, chunk, len < sizeof chunk ? len : sizeof chunk);
}

#endif
