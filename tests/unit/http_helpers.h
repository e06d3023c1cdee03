/* Requests made by hand, and what was answered to them.  For the tests of fcgi/. */
#ifndef ROWCAST_TESTS_HTTP_HELPERS_H
#define ROWCAST_TESTS_HTTP_HELPERS_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fcgi/request/answer.h"
#include "fcgi/request/query.h"
#include "fcgi/request/request.h"
#include "store/store.h"

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

/* Judge a whole request and answer it, with whatever it wants committed; `r` is empty
 * afterwards.  The ticket, if it became a stream. */
static inline struct ticket *request_answer(struct answerer *a, const struct settings *settings,
                                            struct request *r, enum answer_room room)
{
    struct outcome o = {0};

    if (answer_judge(a, settings, r) != ANSWER_SAID)
        o = answer(a, settings, r, room);
    assert_false(o.waits);
    if (o.publishing)
        publishing_commit(o.publishing, a->store);
    request_end(r);
    return o.ticket;
}

/* A store over a new log in a folder of its own. */
struct place {
    char folder[32];
    char db[64];
    struct store *store;
    struct settings *settings;
};

static inline int place_open(void **state)
{
    struct place *p = calloc(1, sizeof *p);

    assert_non_null(p);
    strcpy(p->folder, "/tmp/rowcast-XXXXXX");
    assert_non_null(mkdtemp(p->folder));
    snprintf(p->db, sizeof p->db, "%s/rowcast.db", p->folder);
    assert_int_equal(store_open(&p->store, p->db), STORE_OK);
    assert_int_equal(store_join(p->store), STORE_OK);
    assert_int_equal(store_settings_newer(p->store, NULL, &p->settings), STORE_OK);
    strcpy(p->settings->publish_token, "secret");
    *state = p;
    return 0;
}

static inline int place_close(void **state)
{
    struct place *p = *state;
    char path[512];

    settings_unref(p->settings);
    store_close(p->store);
    DIR *folder = opendir(p->folder);
    assert_non_null(folder);
    for (struct dirent *e; (e = readdir(folder)) != NULL;) {
        snprintf(path, sizeof path, "%s/%s", p->folder, e->d_name);
        unlink(path);
    }
    closedir(folder);
    rmdir(p->folder);
    free(p);
    return 0;
}

static inline void place_publish(struct place *p, const char *channel, const char *data)
{
    int64_t id;
    char epoch[EPOCH_SIZE];
    struct publication e = {
        .channel = channel, .type = "message", .data = data, .data_len = strlen(data)};

    assert_int_equal(store_append(p->store, &e, &id, epoch), STORE_OK);
}

#endif
