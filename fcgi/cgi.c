#include "fcgi/cgi.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fcgi/intake.h"
#include "fcgi/reply.h"

/* What CONTENT_LENGTH says; nothing, or what is not a number, is no body. */
static uint64_t content_length(const struct request *r)
{
    const char *text = request_variable(r, "CONTENT_LENGTH");
    size_t digits = strspn(text, "0123456789");

    return digits == 0 || text[digits] != '\0' ? 0 : strtoull(text, NULL, 10);
}

enum { LOOK_MS = 100 };

static bool told_to_end(void)
{
    sigset_t s;

    return sigpending(&s) == 0 &&
           (sigismember(&s, SIGTERM) == 1 || sigismember(&s, SIGINT) == 1 ||
            sigismember(&s, SIGUSR1) == 1);
}

/* Nobody takes the signals yet: a body that does not come must not hold up the end. */
static bool wait_for_body(struct request *r, int in, int64_t until_ms)
{
    struct pollfd p = {.fd = in, .events = POLLIN};

    while (poll(&p, 1, LOOK_MS) <= 0) {
        if (told_to_end()) {
            reply_error(r, 503, "Retry-After: 1\r\n",
                        "the responder is being stopped: try again");
            return false;
        }
        if (intake_now() >= until_ms) {
            reply_error(r, 408, NULL, "the body did not come in time");
            return false;
        }
    }
    return true;
}

bool cgi_body(struct request *r, int in, size_t body_max, int patience_ms)
{
    char chunk[8192];
    uint64_t left = content_length(r);
    int64_t until = intake_now() + patience_ms;

    while (left > 0 && !r->body_lost) {
        if (!wait_for_body(r, in, until))
            return false;
        ssize_t n = read(in, chunk, left < sizeof chunk ? (size_t)left : sizeof chunk);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break;
        r->body_lost = !request_body(r, chunk, (size_t)n, body_max);
        left -= (uint64_t)n;
    }
    return true;
}

bool cgi_request(struct request *r, const char *const *environment, int out)
{
    request_begin(r, out, FRAMING_NONE, 0);
    if (request_variables(r, environment))
        return true;
    request_end(r);
    return false;
}
