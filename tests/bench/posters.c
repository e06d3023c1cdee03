#include "tests/bench/posters.h"

#include <errno.h>
#include <inttypes.h>
#include <netdb.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/bench/figures.h"
#include "tests/bench/publisher.h"

enum { ANSWER_MAX = 2048, REQUEST_MAX = 65536 };

struct poster {
    int fd;
    long seq; /* the row it posted last */
    int64_t sent, last_id;
    size_t have;
    char answer[ANSWER_MAX];
};

struct posters {
    const struct options *o;
    struct addrinfo *where;
    struct poster *poster;
    int epoll;
    long posted, answered, refused, disordered;
    int64_t *id; /* answered, of each row */
    int32_t *us;
};

static bool connect_poster(struct posters *p, struct poster *one)
{
    struct epoll_event e = {.events = EPOLLIN, .data.ptr = one};
    one->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    one->have = 0;
    return one->fd >= 0 && connect(one->fd, p->where->ai_addr, p->where->ai_addrlen) == 0 &&
           epoll_ctl(p->epoll, EPOLL_CTL_ADD, one->fd, &e) == 0;
}

/* Small enough for any socket's buffer, so that it is sent whole or not at all. */
static bool post(struct posters *p, struct poster *one)
{
    const struct options *o = p->o;
    char text[REQUEST_MAX], data[REQUEST_MAX / 2];
    int size = snprintf(data, sizeof data, "{\"seq\":%ld,\"pad\":\"%0*d\"}", p->posted,
                        (int)(o->size > 32 ? o->size - 24 : 8), 0);
    int n = snprintf(text, sizeof text,
                     "POST %s/broadcast?type=update HTTP/1.1\r\nHost: %s\r\n"
                     "Authorization: Bearer %s\r\nContent-Type: application/json\r\n"
                     "Content-Length: %d\r\n\r\n%s",
                     o->path, o->host, o->token, size, data);
    one->seq = p->posted++;
    one->sent = clock_ns();
    one->have = 0;
    return send(one->fd, text, (size_t)n, MSG_NOSIGNAL) == n;
}

/* The answer's body, once all of it is there; else NULL. */
static const char *whole_body(const struct poster *one)
{
    const char *body = strstr(one->answer, "\r\n\r\n");
    const char *length = strcasestr(one->answer, "\r\nContent-Length:");
    if (!body)
        return NULL;
    body += 4;
    if (length && length < body)
        return strlen(body) >= strtoul(length + 17, NULL, 10) ? body : NULL;
    return strstr(body, "\r\n0\r\n\r\n") ? body : NULL;
}

static void take_answer(struct posters *p, struct poster *one, const char *body)
{
    const char *id = strstr(body, "{\"id\":\"");
    const char *number = id ? strchr(id + 7, '-') : NULL;
    p->us[one->seq] = (int32_t)((clock_ns() - one->sent) / 1000);
    p->answered++;
    if (strncmp(one->answer, "HTTP/1.1 200", 12) != 0 || !number) {
        if (p->refused++ == 0)
            fprintf(stderr, "bench: refused: %s\n", one->answer);
        return;
    }
    p->id[one->seq] = strtoll(number + 1, NULL, 10);
    p->disordered += p->id[one->seq] <= one->last_id;
    one->last_id = p->id[one->seq];
}

/* Lighttpd ends a connection after some hundred requests. */
static bool begin_anew(struct posters *p, struct poster *one)
{
    close(one->fd);
    return connect_poster(p, one);
}

static bool read_poster(struct posters *p, struct poster *one)
{
    ssize_t n = recv(one->fd, one->answer + one->have, ANSWER_MAX - 1 - one->have, 0);
    if (n <= 0) {
        fprintf(stderr, "bench: a connection ended without an answer\n");
        return false;
    }
    one->have += (size_t)n;
    one->answer[one->have] = '\0';
    const char *body = whole_body(one);
    if (!body)
        return one->have < ANSWER_MAX - 1;
    take_answer(p, one, body);
    if (p->posted == p->o->rows)
        return true;
    if (strcasestr(one->answer, "\r\nConnection: close") && !begin_anew(p, one))
        return false;
    return post(p, one);
}

static bool post_all(struct posters *p)
{
    struct epoll_event e[64];
    bool ok = true;
    for (long i = 0; ok && i < p->o->publishers; i++)
        ok = connect_poster(p, &p->poster[i]);
    for (long i = 0; ok && i < p->o->publishers && p->posted < p->o->rows; i++)
        ok = post(p, &p->poster[i]);
    while (ok && p->answered < p->posted) {
        int n = epoll_wait(p->epoll, e, 64, (int)p->o->patience * 1000);
        if (n == 0)
            fprintf(stderr, "bench: %ld posts were not answered\n", p->posted - p->answered);
        ok = n > 0 || (n < 0 && errno == EINTR);
        for (int i = 0; ok && i < n; i++)
            ok = read_poster(p, e[i].data.ptr);
    }
    return ok;
}

/* How many answers are not true: each row has to be in the log under the id that was told. */
static long count_untrue(struct posters *p)
{
    sqlite3 *db = NULL;
    sqlite3_stmt *stmt = NULL;
    long found = 0, told = 0;
    if (sqlite3_open_v2(p->o->db, &db, SQLITE_OPEN_READONLY, NULL) == SQLITE_OK)
        sqlite3_prepare_v2(db,
                           "SELECT id, CAST(data ->> 'seq' AS INTEGER) FROM events "
                           "WHERE type = 'update'",
                           -1, &stmt, NULL);
    while (stmt && sqlite3_step(stmt) == SQLITE_ROW) {
        int64_t seq = sqlite3_column_int64(stmt, 1);
        found += seq >= 0 && seq < p->posted && p->id[seq] == sqlite3_column_int64(stmt, 0);
    }
    sqlite3_finalize(stmt);
    sqlite3_close(db);
    for (long seq = 0; seq < p->posted; seq++)
        told += p->id[seq] != 0;
    return told - found; /* ids are unique in the log, so they are among the answers */
}

static bool compare(const struct options *o, double per_second)
{
    struct options direct = *o;
    direct.token = NULL;
    direct.missed = 0;
    struct publisher *one = publisher_open(&direct);
    bool ok = one && publisher_start(one, o->rows, 0, 1) && publisher_finish(one);
    if (ok) {
        double seconds = (double)(publisher_ended(one) - publisher_began(one)) / 1e9;
        printf("sqlite rows=%ld seconds=%.3f per_second=%.0f times=%.2f\n", o->rows, seconds,
               (double)o->rows / seconds, per_second * seconds / (double)o->rows);
    }
    publisher_close(one);
    return ok;
}

static bool measure(struct posters *p)
{
    const struct options *o = p->o;
    int64_t began = clock_ns();
    bool ok = post_all(p);
    double seconds = (double)(clock_ns() - began) / 1e9;
    double per_second = (double)p->answered / seconds;
    long untrue = count_untrue(p);
    printf("post publishers=%ld rows=%ld refused=%ld disordered=%ld untrue=%ld seconds=%.3f "
           "per_second=%.0f\n",
           o->publishers, p->answered, p->refused, p->disordered, untrue, seconds, per_second);
    figures_print_latency(p->us, (size_t)p->answered);
    return ok && p->answered == o->rows && !p->refused && !p->disordered && !untrue &&
           (!o->compare || compare(o, per_second));
}

bool posters_run(const struct options *o)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_family = AF_INET};
    struct posters p = {.o = o, .epoll = epoll_create1(EPOLL_CLOEXEC)};
    p.poster = calloc((size_t)o->publishers, sizeof *p.poster);
    p.id = calloc((size_t)o->rows + 1, sizeof *p.id);
    p.us = calloc((size_t)o->rows + 1, sizeof *p.us);
    bool ok = p.poster && p.id && p.us && getaddrinfo(o->host, o->port, &hints, &p.where) == 0;
    for (long i = 0; ok && i < o->publishers; i++)
        p.poster[i].fd = -1;
    ok = ok && measure(&p);
    for (long i = 0; p.poster && i < o->publishers; i++)
        if (p.poster[i].fd >= 0)
            close(p.poster[i].fd);
    if (p.where)
        freeaddrinfo(p.where);
    close(p.epoll);
    free(p.poster);
    free(p.id);
    free(p.us);
    printf("verdict %s\n", ok ? "ok" : "FAILED");
    return ok;
}
