/* A network that was away comes back: thousands of browsers connect in the same moment. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/scenario/scenario.h"

enum { CROWD = 2000 };

struct guest {
    bool asked;
    bool answered; /* everything that is to be known has come */
    size_t have;
    char text[2048];
};

static struct guest guest[CROWD];
static struct pollfd polled[CROWD];

static void knock(struct stage *s, int n)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)s->port)};
    inet_pton(AF_INET, s->host, &a.sin_addr);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || (connect(fd, (struct sockaddr *)&a, sizeof a) != 0 && errno != EINPROGRESS))
        fail_stage(s, "browser %d cannot connect: %s", n, strerror(errno));
    polled[n] = (struct pollfd){.fd = fd, .events = POLLOUT};
    guest[n] = (struct guest){0};
}

static void ask(struct stage *s, int n)
{
    static const char request[] = "GET /sse/events HTTP/1.1\r\nHost: here\r\n\r\n";
    if (send(polled[n].fd, request, sizeof request - 1, MSG_NOSIGNAL) != sizeof request - 1)
        fail_stage(s, "browser %d cannot send: %s", n, strerror(errno));
    guest[n].asked = true;
    polled[n].events = POLLIN;
}

static void listen_to(struct stage *s, int n)
{
    struct guest *g = &guest[n];
    ssize_t got = recv(polled[n].fd, g->text + g->have, sizeof g->text - 1 - g->have, 0);
    if (got > 0)
        g->have += (size_t)got;
    g->text[g->have] = '\0';
    g->answered = strncmp(g->text, "HTTP/1.1 200 ", 13) == 0 &&
                  (strstr(g->text, "event: connected\n") || strstr(g->text, "event: later\n"));
    if (g->answered)
        polled[n].events = 0; /* it stays, and its stream is open */
    else if (got == 0 || (got < 0 && errno != EAGAIN) || g->have == sizeof g->text - 1 ||
             (g->have > 12 && strncmp(g->text, "HTTP/1.1 200", 12) != 0))
        fail_stage(s, "browser %d waited for a stream, came %zu bytes: %s", n, g->have,
                   g->text);
}

static int attend(struct stage *s, int n)
{
    if (!guest[n].answered && polled[n].revents) {
        if (guest[n].asked)
            listen_to(s, n);
        else
            ask(s, n);
    }
    return guest[n].answered;
}

static void test_two_thousand_that_connect_at_once_all_get_a_stream(void **state)
{
    struct stage *s = *state;
    int64_t until = now_ms() + 3 * PATIENCE;
    stage_raise_limits();
    lighttpd_start(s);
    for (int i = 0; i < CROWD; i++)
        knock(s, i);
    for (int answered = 0; answered < CROWD;) {
        if (now_ms() > until)
            fail_stage(s, "only %d of %d were answered", answered, CROWD);
        poll(polled, CROWD, 100);
        answered = 0;
        for (int i = 0; i < CROWD; i++)
            answered += attend(s, i);
    }
    for (int i = 0; i < CROWD; i++)
        close(polled[i].fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        scenario(test_two_thousand_that_connect_at_once_all_get_a_stream),
    };
    return cmocka_run_group_tests_name("burst", tests, NULL, NULL);
}
