/* A log in a folder of its own, for the tests of the program's parts in front of the store. */
#ifndef ROWCAST_TESTS_PLACE_H
#define ROWCAST_TESTS_PLACE_H

#include <dirent.h>
#include <sys/un.h>

#include "fcgi/request/answer.h"
#include "store/store.h"
#include "tests/unit/http_helpers.h"

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
        remove(path);
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

/* Judge a whole request and answer it, and commit what it publishes; `r` is empty afterwards.
 * Returns the ticket if it became a stream. */
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

/* A socket in the folder, and somebody who connects to it. */
static inline int place_socket(const struct place *p, struct sockaddr_un *a)
{
    *a = (struct sockaddr_un){.sun_family = AF_UNIX};
    snprintf(a->sun_path, sizeof a->sun_path, "%s/socket", p->folder);
    return socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
}

static inline int place_listen(const struct place *p)
{
    struct sockaddr_un a;
    int fd = place_socket(p, &a);
    assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
    assert_int_equal(listen(fd, 10), 0);
    return fd;
}

static inline int place_connect(const struct place *p)
{
    struct sockaddr_un a;
    int fd = place_socket(p, &a);
    assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof a), 0);
    return fd;
}

#endif
