#include "fcgi/cgi.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What CONTENT_LENGTH says; nothing, or what is not a number, is no body. */
static uint64_t content_length(const struct request *r)
{
    const char *text = request_variable(r, "CONTENT_LENGTH");
    size_t digits = strspn(text, "0123456789");

    return digits == 0 || text[digits] != '\0' ? 0 : strtoull(text, NULL, 10);
}

static bool read_body(struct request *r, int in, size_t body_max)
{
    char chunk[8192];
    uint64_t left = content_length(r);

    while (left > 0) {
        ssize_t n = read(in, chunk, left < sizeof chunk ? (size_t)left : sizeof chunk);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0 || !request_body(r, chunk, (size_t)n, body_max))
            return false;
        left -= (uint64_t)n;
    }
    return true;
}

bool cgi_request(struct request *r, const char *const *environment, int in, int out,
                 size_t body_max)
{
    request_begin(r, out, FRAMING_NONE, 0);
    if (request_variables(r, environment) && read_body(r, in, body_max))
        return true;
    request_end(r);
    return false;
}
