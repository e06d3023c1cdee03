#include "tests/bench/stream.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/bench/figures.h"
#include "tests/bench/wire.h"

enum { RECEIVE = 256 * 1024, AT_ONCE = 512 };

struct stream {
    int fd;
    bool asked; /* the request was sent */
    bool away;  /* it was told to come later, and did not get `connected` since */
    bool came_back;
    int64_t ended_at, due; /* clock_ns; when it comes back */
    struct wire wire;
};

static struct sockaddr_storage address;
static socklen_t address_size;

static bool resolve(const struct options *o)
{
    if (o->socket) {
        struct sockaddr_un *u = (struct sockaddr_un *)&address;
        if (strlen(o->socket) >= sizeof u->sun_path)
            return false;
        u->sun_family = AF_UNIX;
        memcpy(u->sun_path, o->socket, strlen(o->socket) + 1);
        address_size = sizeof *u;
        return true;
    }
    struct addrinfo *found, hints = {.ai_socktype = SOCK_STREAM, .ai_family = AF_INET};
    if (getaddrinfo(o->host, o->port, &hints, &found) != 0)
        return false;
    memcpy(&address, found->ai_addr, found->ai_addrlen);
    address_size = found->ai_addrlen;
    freeaddrinfo(found);
    return true;
}

static bool raise_descriptors(long count)
{
    struct rlimit l;
    getrlimit(RLIMIT_NOFILE, &l);
    l.rlim_cur = l.rlim_max;
    return setrlimit(RLIMIT_NOFILE, &l) == 0 && l.rlim_max > (rlim_t)count + 16;
}

bool streams_open(struct streams *s, const struct options *o, long count, const char *resume)
{
    *s = (struct streams){.options = o, .count = count, .epoll = -1};
    s->request_size =
        o->socket ? wire_request_fastcgi(s->request, sizeof s->request, o->path, resume)
                  : wire_request_http(s->request, sizeof s->request, o->host, o->path, resume);
    s->all = calloc((size_t)count, sizeof *s->all);
    s->again = malloc((size_t)count * sizeof(struct stream *));
    s->bytes = malloc(RECEIVE);
    s->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (s->all && o->hup)
        streams_want_id(s, s->id);
    if (s->all && s->again && s->bytes && s->epoll >= 0 && s->request_size && resolve(o) &&
        raise_descriptors(count))
        return true;
    fprintf(stderr, "bench: cannot open %ld streams (address, memory, descriptors?)\n", count);
    streams_close(s);
    return false;
}

void streams_close(struct streams *s)
{
    for (long i = 0; s->all && i < s->started; i++)
        if (s->all[i].fd >= 0)
            close(s->all[i].fd);
    if (s->epoll >= 0)
        close(s->epoll);
    free(s->all);
    free(s->again);
    free(s->bytes);
    free(s->tally.receipt);
    *s = (struct streams){.epoll = -1};
}

void streams_want_id(struct streams *s, char *id)
{
    s->all[0].wire.events.resume = id;
}

static void drop(struct streams *s, struct stream *c, long *reason)
{
    close(c->fd);
    c->fd = -1;
    s->open--;
    (*reason)++;
}

/* False: the listener's queue is full, try again later. */
static bool start(struct streams *s, struct stream *c)
{
    c->fd = socket(address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (c->fd < 0)
        return false;
    if (connect(c->fd, (struct sockaddr *)&address, address_size) != 0 &&
        errno != EINPROGRESS) {
        if (errno == EAGAIN) {
            close(c->fd);
            return false;
        }
        s->refused++;
        close(c->fd);
        c->fd = -1;
        return true;
    }
    struct events kept = c->wire.events;
    wire_begin(&c->wire, s->options->socket != NULL);
    c->wire.events.resume = kept.resume;
    if (c->away) {
        c->wire.events.next_seq = kept.next_seq;
        c->wire.events.last_id = kept.last_id;
    }
    struct epoll_event e = {.events = EPOLLIN | EPOLLOUT, .data.ptr = c};
    c->asked = false;
    epoll_ctl(s->epoll, EPOLL_CTL_ADD, c->fd, &e);
    s->open++;
    return true;
}

static bool start_some(struct streams *s)
{
    long before = s->started;
    while (s->started < s->count &&
           s->started - s->tally.connected - s->refused - s->ended < s->options->burst &&
           start(s, &s->all[s->started]))
        s->started++;
    bool started = s->started > before;
    if (s->again_count == 0 || started)
        return started;
    int64_t now = clock_ns();
    for (long i = s->again_count; i-- > 0;)
        if (s->again[i]->due <= now && start(s, s->again[i]))
            s->again[i] = s->again[--s->again_count];
    return started;
}

static size_t request_of(const struct streams *s, const struct stream *c, char *out,
                         size_t size)
{
    char resume[ID_SIZE];
    const struct options *o = s->options;
    if (!o->hup || c->wire.events.last_id < 0) {
        memcpy(out, s->request, s->request_size);
        return s->request_size;
    }
    snprintf(resume, sizeof resume, "%.8s-%lld", s->id, (long long)c->wire.events.last_id);
    return o->socket ? wire_request_fastcgi(out, size, o->path, resume)
                     : wire_request_http(out, size, o->host, o->path, resume);
}

/* A new connection's buffer takes the whole request at once. */
static void ask(struct streams *s, struct stream *c)
{
    char request[sizeof s->request];
    size_t size = request_of(s, c, request, sizeof request);
    struct epoll_event e = {.events = EPOLLIN, .data.ptr = c};
    if (send(c->fd, request, size, MSG_NOSIGNAL) != (ssize_t)size) {
        drop(s, c, &s->refused);
        return;
    }
    c->asked = true;
    epoll_ctl(s->epoll, EPOLL_CTL_MOD, c->fd, &e);
}

static void ended(struct streams *s, struct stream *c)
{
    if (c->wire.events.later) {
        close(c->fd);
        c->fd = -1;
        s->open--;
        c->away = true;
        c->ended_at = clock_ns();
        c->due = s->options->hup ? c->ended_at + c->wire.events.retry * INT64_C(1000000) : 0;
        s->again[s->again_count++] = c;
    } else {
        drop(s, c, c->wire.in_head || c->wire.bad ? &s->refused : &s->ended);
    }
}

/* It is connected again. */
static void note_return(struct streams *s, struct stream *c)
{
    c->away = false;
    if (!s->hup_at)
        return;
    int64_t second = (s->tally.now - s->hup_at) / 1000000000;
    s->returns++;
    s->returned += !c->came_back;
    c->came_back = true;
    s->away_ms += (long)((s->tally.now - c->ended_at) / 1000000);
    s->returned_in[second < RETURN_SECONDS ? second : RETURN_SECONDS - 1]++;
}

static void receive(struct streams *s, struct stream *c)
{
    long connected = s->tally.connected;
    ssize_t n = recv(c->fd, s->bytes, RECEIVE, 0);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    s->tally.now = clock_ns();
    bool goes_on = n > 0 && wire_read(&c->wire, &s->tally, s->bytes, (size_t)n);
    if (c->away && s->tally.connected > connected)
        note_return(s, c);
    if (!goes_on)
        ended(s, c);
}

void streams_step(struct streams *s, int timeout_ms)
{
    struct epoll_event ready[AT_ONCE];
    bool started = start_some(s);
    if ((s->started < s->count || s->again_count) && timeout_ms > 1)
        timeout_ms = 1;
    int n = epoll_wait(s->epoll, ready, AT_ONCE, started ? 0 : timeout_ms);
    for (int i = 0; i < n; i++) {
        struct stream *c = ready[i].data.ptr;
        if (!c->asked && (ready[i].events & (EPOLLOUT | EPOLLERR | EPOLLHUP)))
            ask(s, c);
        else
            receive(s, c);
    }
}
