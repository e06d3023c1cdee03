/* Requests made by hand, and their answers.  For the tests of fcgi/. */
#ifndef ROWCAST_TESTS_HTTP_HELPERS_H
#define ROWCAST_TESTS_HTTP_HELPERS_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fcgi/request/query.h"
#include "fcgi/request/request.h"

#define ENVIRONMENT(...) ((const char *const[]){__VA_ARGS__, NULL})

/* A request as a CGI program has it; *client is the other end of its connection. */
static inline void request_make(struct request *r, int *client, const char *const *environment,
                                const char *body)
{
    int pair[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    *client = pair[1];
    request_begin(r, pair[0], FRAMING_NONE, 0);
    assert_true(request_variables(r, environment));
    if (body != NULL)
        assert_true(request_body(r, body, strlen(body), strlen(body)));
}

/* Everything the other end wrote until it closed; the caller frees.  *len may be NULL. */
static inline char *read_to_end(int fd, size_t *len)
{
    size_t at = 0, room = 1 << 20;
    char *text = malloc(room + 1);
    ssize_t n;

    assert_non_null(text);
    while (at < room && (n = read(fd, text + at, room - at)) > 0)
        at += (size_t)n;
    text[at] = '\0';
    close(fd);
    if (len != NULL)
        *len = at;
    return text;
}

static inline void assert_has(const char *text, const char *part)
{
    if (strstr(text, part) == NULL)
        fail_msg("no \"%s\" in:\n%s", part, text);
}

static inline void assert_has_not(const char *text, const char *part)
{
    if (strstr(text, part) != NULL)
        fail_msg("\"%s\" in:\n%s", part, text);
}

#endif
