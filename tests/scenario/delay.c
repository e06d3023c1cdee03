#include "tests/scenario/delay.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* Bytes that wait until they are due; none: the end. */
struct piece {
    struct piece *next;
    int64_t due;
    size_t len, sent;
    char bytes[];
};

struct way {
    int from, to; /* -1: closed, or not open yet */
    int delay;
    bool ended; /* all was read from `from` */
    struct piece *first, **last;
};

struct pair {
    int browser, server; /* -1: free */
    struct way down, up;
};

static struct pair pairs[DELAY_CONNECTIONS];

static void way_open(struct way *w, int from, int to, int delay)
{
    *w = (struct way){.from = from, .to = to, .delay = delay};
    w->last = &w->first;
}

static void way_close(struct way *w)
{
    for (struct piece *next; w->first; w->first = next) {
        next = w->first->next;
        free(w->first);
    }
}

static void way_read(struct way *w)
{
    static char bytes[65536];
    ssize_t n = read(w->from, bytes, sizeof bytes);
    if (n < 0)
        n = 0;
    struct piece *p = calloc(1, sizeof *p + (size_t)n);
    if (!p)
        abort();
    memcpy(p->bytes, bytes, (size_t)n);
    p->len = (size_t)n;
    p->due = now_ms() + w->delay;
    *w->last = p;
    w->last = &p->next;
    w->ended = n == 0;
}

/* Write what is due.  False: its end was passed on. */
static bool way_write(struct way *w)
{
    while (w->first && w->first->due <= now_ms()) {
        struct piece *p = w->first;
        if (p->len == 0) {
            shutdown(w->to, SHUT_WR);
            return false;
        }
        ssize_t n =
            send(w->to, p->bytes + p->sent, p->len - p->sent, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n <= 0)
            return n < 0; /* full: later; (gone: the end comes from there) */
        p->sent += (size_t)n;
        if (p->sent < p->len)
            return true;
        w->first = p->next;
        if (!w->first)
            w->last = &w->first;
        free(p);
    }
    return true;
}

static int connect_to(const struct stage *s)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)s->port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;
    inet_pton(AF_INET, s->host, &a.sin_addr);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (connect(fd, (struct sockaddr *)&a, sizeof a) == 0)
        return fd;
    close(fd);
    return -1;
}

static void take(const struct stage *s, int browser, int down_ms, int up_ms)
{
    int server = connect_to(s);
    for (size_t i = 0; server >= 0 && i < DELAY_CONNECTIONS; i++)
        if (pairs[i].browser < 0) {
            pairs[i].browser = browser;
            pairs[i].server = server;
            way_open(&pairs[i].down, server, browser, down_ms);
            way_open(&pairs[i].up, browser, server, up_ms);
            return;
        }
    close(browser);
    if (server >= 0)
        close(server);
}

/* The end of one way is the end of both: a browser that left, or a server that closed. */
static void go_on(struct pair *p)
{
    if (way_write(&p->down) && way_write(&p->up))
        return;
    close(p->browser);
    close(p->server);
    way_close(&p->down);
    way_close(&p->up);
    p->browser = -1;
}

static void serve(const struct stage *s, int listener, int down_ms, int up_ms)
{
    for (size_t i = 0; i < DELAY_CONNECTIONS; i++)
        pairs[i].browser = -1;
    for (;;) {
        struct pollfd p[2 * DELAY_CONNECTIONS + 1];
        memset(p, 0, sizeof p);
        for (size_t i = 0; i < DELAY_CONNECTIONS; i++) {
            bool open = pairs[i].browser >= 0;
            p[2 * i].fd = open && !pairs[i].up.ended ? pairs[i].browser : -1;
            p[2 * i + 1].fd = open && !pairs[i].down.ended ? pairs[i].server : -1;
            p[2 * i].events = p[2 * i + 1].events = POLLIN;
        }
        p[2 * DELAY_CONNECTIONS] = (struct pollfd){.fd = listener, .events = POLLIN};
        poll(p, 2 * DELAY_CONNECTIONS + 1, 2);
        for (size_t i = 0; i < DELAY_CONNECTIONS; i++) {
            if (pairs[i].browser < 0)
                continue;
            if (p[2 * i].revents)
                way_read(&pairs[i].up);
            if (p[2 * i + 1].revents)
                way_read(&pairs[i].down);
            go_on(&pairs[i]);
        }
        if (p[2 * DELAY_CONNECTIONS].revents)
            take(s, accept4(listener, NULL, NULL, SOCK_CLOEXEC), down_ms, up_ms);
    }
}

pid_t delay_start(struct stage *s, int down_ms, int up_ms, int *port)
{
    struct sockaddr_in a = {.sin_family = AF_INET};
    socklen_t size = sizeof a;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    inet_pton(AF_INET, s->host, &a.sin_addr);
    if (bind(listener, (struct sockaddr *)&a, sizeof a) != 0 || listen(listener, 64) != 0 ||
        getsockname(listener, (struct sockaddr *)&a, &size) != 0)
        fail_stage(s, "the delaying proxy cannot listen");
    *port = ntohs(a.sin_port);
    pid_t pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        serve(s, listener, down_ms, up_ms);
    }
    close(listener);
    return pid;
}

void delay_stop(pid_t proxy)
{
    kill(proxy, SIGKILL);
    waitpid(proxy, NULL, 0);
}
