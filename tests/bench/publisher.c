#include "tests/bench/publisher.h"

#include <inttypes.h>
#include <netdb.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "tests/bench/figures.h"

struct publisher {
    const struct options *options;
    sqlite3 *db;
    sqlite3_stmt *insert;
    int fd; /* to the web server; -1: rows are inserted */
    char *data;
    int64_t *stamp;
    long published;
    long rows, batch;
    double every_ms;
    int64_t began, ended;
    atomic_bool failed;
    bool running;
    pthread_t thread;
};

static bool open_log(struct publisher *p, const struct options *o)
{
    if (sqlite3_open_v2(o->db, &p->db, SQLITE_OPEN_READWRITE, NULL) != SQLITE_OK)
        return false;
    sqlite3_busy_timeout(p->db, 5000);
    /* A publisher that closes last would truncate the -wal while the responder reads it. */
    sqlite3_db_config(p->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    return sqlite3_exec(p->db,
                        o->normal ? "PRAGMA synchronous=NORMAL" : "PRAGMA synchronous=FULL",
                        NULL, NULL, NULL) == SQLITE_OK &&
           sqlite3_prepare_v2(p->db, "INSERT INTO events(type, data) VALUES ('update', ?1)", -1,
                              &p->insert, NULL) == SQLITE_OK;
}

static bool open_http(struct publisher *p, const struct options *o)
{
    struct addrinfo *found, hints = {.ai_socktype = SOCK_STREAM, .ai_family = AF_INET};
    if (getaddrinfo(o->host, o->port, &hints, &found) != 0)
        return false;
    p->fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool connected = p->fd >= 0 && connect(p->fd, found->ai_addr, found->ai_addrlen) == 0;
    freeaddrinfo(found);
    return connected;
}

struct publisher *publisher_open(const struct options *o)
{
    struct publisher *p = calloc(1, sizeof *p);
    if (!p)
        return NULL;
    p->options = o;
    p->fd = -1;
    p->stamp = calloc((size_t)(o->missed + o->rows) + 1, sizeof *p->stamp);
    p->data = malloc((size_t)o->size + 64);
    if (p->stamp && p->data && (o->token ? open_http(p, o) : open_log(p, o)))
        return p;
    fprintf(stderr, "bench: cannot publish: %s\n", p->db ? sqlite3_errmsg(p->db) : "no way");
    publisher_close(p);
    return NULL;
}

void publisher_close(struct publisher *p)
{
    if (!p)
        return;
    if (p->running)
        publisher_finish(p);
    sqlite3_finalize(p->insert);
    sqlite3_close(p->db);
    if (p->fd >= 0)
        close(p->fd);
    free(p->stamp);
    free(p->data);
    free(p);
}

/* {"seq":N,"pad":"xxx…"} of at least the size asked for. */
static int make_data(struct publisher *p, int64_t seq)
{
    int n = sprintf(p->data, "{\"seq\":%" PRId64 ",\"pad\":\"", seq);
    int pad = (int)p->options->size - n - 2;
    if (pad > 0) {
        memset(p->data + n, 'x', (size_t)pad);
        n += pad;
    }
    memcpy(p->data + n, "\"}", 2);
    return n + 2;
}

static bool insert(struct publisher *p, int64_t first, long rows)
{
    bool ok =
        rows == 1 || sqlite3_exec(p->db, "BEGIN IMMEDIATE", NULL, NULL, NULL) == SQLITE_OK;
    for (long i = 0; ok && i < rows; i++) {
        sqlite3_bind_text(p->insert, 1, p->data, make_data(p, first + i), SQLITE_STATIC);
        ok = sqlite3_step(p->insert) == SQLITE_DONE;
        sqlite3_reset(p->insert);
    }
    ok = ok && (rows == 1 || sqlite3_exec(p->db, "COMMIT", NULL, NULL, NULL) == SQLITE_OK);
    int64_t now = clock_ns();
    for (long i = 0; i < rows; i++)
        p->stamp[first + i] = now;
    if (!ok)
        fprintf(stderr, "bench: insert: %s\n", sqlite3_errmsg(p->db));
    return ok;
}

/* The answer is one JSON object in one body; its length is told. */
static bool read_answer(int fd)
{
    char answer[4096];
    size_t have = 0;
    while (have < sizeof answer - 1) {
        ssize_t n = recv(fd, answer + have, sizeof answer - 1 - have, 0);
        if (n <= 0)
            return false;
        have += (size_t)n;
        answer[have] = '\0';
        const char *body = strstr(answer, "\r\n\r\n");
        const char *length = strcasestr(answer, "\r\nContent-Length:");
        if (!body)
            continue;
        if (length ? have - (size_t)(body + 4 - answer) >= strtoul(length + 17, NULL, 10)
                   : strstr(body, "\r\n0\r\n\r\n") != NULL)
            return strncmp(answer, "HTTP/1.1 2", 10) == 0;
    }
    return false;
}

static bool post(struct publisher *p, int64_t seq)
{
    const struct options *o = p->options;
    char head[1024];
    int size = make_data(p, seq);
    int n = snprintf(head, sizeof head,
                     "POST %s/broadcast?type=update HTTP/1.1\r\nHost: %s\r\n"
                     "Authorization: Bearer %s\r\nContent-Type: application/json\r\n"
                     "Content-Length: %d\r\n\r\n",
                     o->path, o->host, o->token, size);
    p->stamp[seq] = clock_ns();
    if (n > 0 && (size_t)n < sizeof head &&
        send(p->fd, head, (size_t)n, MSG_NOSIGNAL | MSG_MORE) == n &&
        send(p->fd, p->data, (size_t)size, MSG_NOSIGNAL) == size && read_answer(p->fd))
        return true;
    fprintf(stderr, "bench: a POST was not answered by 2xx\n");
    return false;
}

static void wait_until(int64_t ns)
{
    struct timespec t = {.tv_sec = ns / 1000000000, .tv_nsec = ns % 1000000000};
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL) != 0) {
    }
}

static void *publish(void *arg)
{
    struct publisher *p = arg;
    for (long done = 0; done < p->rows && !p->failed;) {
        long rows = p->fd >= 0 ? 1 : p->batch;
        if (rows > p->rows - done)
            rows = p->rows - done;
        if (p->every_ms > 0)
            wait_until(p->began + (int64_t)((double)done * p->every_ms * 1e6));
        bool ok = p->fd >= 0 ? post(p, p->published) : insert(p, p->published, rows);
        p->failed = !ok;
        p->published += rows;
        done += rows;
    }
    p->ended = clock_ns();
    return NULL;
}

bool publisher_start(struct publisher *p, long rows, double every_ms, long batch)
{
    p->rows = rows;
    p->every_ms = every_ms;
    p->batch = batch;
    p->began = clock_ns();
    p->running = pthread_create(&p->thread, NULL, publish, p) == 0;
    return p->running;
}

bool publisher_finish(struct publisher *p)
{
    if (p->running)
        pthread_join(p->thread, NULL);
    p->running = false;
    return !p->failed;
}

bool publisher_failed(const struct publisher *p)
{
    return p->failed;
}

int64_t publisher_began(const struct publisher *p)
{
    return p->began;
}

int64_t publisher_ended(const struct publisher *p)
{
    return p->ended;
}

int64_t publisher_stamp(const struct publisher *p, int64_t seq)
{
    return p->stamp[seq];
}
