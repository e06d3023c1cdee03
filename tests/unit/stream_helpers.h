/* Requests for a stream, and their answers. */
#ifndef ROWCAST_TESTS_STREAM_HELPERS_H
#define ROWCAST_TESTS_STREAM_HELPERS_H

#include "fcgi/request/stream_open.h"
#include "tests/unit/http_helpers.h"

/* A stream that was opened, or what was answered instead. */
struct opened {
    struct ticket *ticket;
    char *text; /* the prologue, or the answer */
    int client;
};

static inline struct opened open_stream(struct store *s, struct settings *settings,
                                        const char *query, const char *const *environment)
{
    struct opened o;
    struct request r;
    struct query q;

    request_make(&r, &o.client, environment, NULL);
    assert_int_equal(query_parse(&q, query, strlen(query)), QUERY_OK);
    o.ticket = stream_claim(s, settings, &r, &q, NULL);
    assert_int_equal(r.fd, -1);
    query_free(&q);
    request_end(&r);
    if (o.ticket == NULL) {
        o.text = read_to_end(o.client, NULL);
    } else {
        o.text = strndup(o.ticket->prologue.bytes, o.ticket->prologue.len);
        close(o.client);
    }
    return o;
}

static inline void end_stream(struct opened *o)
{
    ticket_free(o->ticket);
    free(o->text);
}

/* The 32 digits that follow `before`. */
static inline void token_in(const char *text, const char *before,
                            char token[SESSION_TOKEN_SIZE])
{
    const char *at = strstr(text, before);

    assert_non_null(at);
    snprintf(token, SESSION_TOKEN_SIZE, "%s", at + strlen(before));
    assert_int_equal(strspn(token, "0123456789abcdef"), SESSION_TOKEN_SIZE - 1);
}

#endif
