#include <sys/time.h>
#include <sys/un.h>

#include "fcgi/worker.h"
#include "tests/unit/http_helpers.h"

/* Workers behind a socket, with a log of their own. */
struct service {
    struct place *place;
    char socket[64];
    struct board board;
    struct worker_context context;
    struct workers *workers;
    int stop[2];
};

static struct hub *no_hub(void *arg)
{
    (void)arg;
    return NULL;
}

static int service_start(void **state)
{
    struct service *s = calloc(1, sizeof *s);
    struct sockaddr_un a = {.sun_family = AF_UNIX};

    assert_non_null(s);
    place_open((void **)&s->place);
    snprintf(s->socket, sizeof s->socket, "%s/socket", s->place->folder);
    strcpy(a.sun_path, s->socket);
    board_open(&s->board, settings_new());
    assert_int_equal(pipe(s->stop), 0);
    s->context = (struct worker_context){.db_path = s->place->db,
                                         .board = &s->board,
                                         .listener = socket(AF_UNIX, SOCK_STREAM, 0),
                                         .stop_fd = s->stop[0],
                                         .start_streaming = no_hub};
    assert_int_equal(bind(s->context.listener, (struct sockaddr *)&a, sizeof a), 0);
    assert_int_equal(listen(s->context.listener, 100), 0);
    s->workers = workers_start(&s->context, 4);
    assert_non_null(s->workers);
    *state = s;
    return 0;
}

static int service_stop(void **state)
{
    struct service *s = *state;

    assert_int_equal(write(s->stop[1], "x", 1), 1);
    workers_stop(s->workers);
    close(s->stop[0]);
    close(s->stop[1]);
    close(s->context.listener);
    board_close(&s->board);
    place_close((void **)&s->place);
    free(s);
    return 0;
}

static int service_connect(const struct service *s)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    struct timeval patience = {.tv_sec = 20};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    strcpy(a.sun_path, s->socket);
    assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof a), 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    return fd;
}

static void send_record(int fd, int type, const char *content, size_t len)
{
    char record[8 + 255] = {1, (char)type, 0, 1, 0, (char)len, 0, 0};

    memcpy(record + 8, content, len);
    assert_int_equal(send(fd, record, 8 + len, MSG_NOSIGNAL), (ssize_t)(8 + len));
}

/* Send a GET for `path`, without waiting for what is answered. */
static int get(const struct service *s, const char *path)
{
    int fd = service_connect(s), len;
    char pairs[200];

    send_record(fd, 1, "\0\1\0\0\0\0\0\0", 8);
    len = snprintf(pairs, sizeof pairs, "%c%cREQUEST_METHODGET%c%cPATH_INFO%s", 14, 3, 9,
                   (char)strlen(path), path);
    send_record(fd, 4, pairs, (size_t)len);
    send_record(fd, 4, "", 0);
    send_record(fd, 5, "", 0);
    return fd;
}

/* The content of the answer's records; asserts that its last one is the end of the request. */
static void expect_answer(int fd, const char *part)
{
    size_t len;
    char *bytes = read_to_end(fd, &len), content[4096] = "";
    size_t at = 0, total = 0;

    while (at + 8 <= len && bytes[at + 1] == 6) {
        size_t size = (size_t)(unsigned char)bytes[at + 4] << 8 | (unsigned char)bytes[at + 5];
        assert_true(total + size < sizeof content);
        memcpy(content + total, bytes + at + 8, size);
        total += size;
        at += 8 + size;
    }
    content[total] = '\0';
    assert_int_equal(len - at, 16);
    assert_int_equal(bytes[at + 1], 3);
    assert_has(content, part);
    free(bytes);
}

static void test_many_requests_at_once_are_all_answered(void **state)
{
    int fd[40];

    for (int i = 0; i < 40; i++)
        fd[i] = get(*state, i % 2 == 0 ? "/nothing" : "/stats");
    for (int i = 0; i < 40; i++)
        expect_answer(fd[i], i % 2 == 0 ? "Status: 404 " : "Status: 403 ");
}

static void test_connections_that_say_nothing_do_not_stay(void **state)
{
    int silent[4];

    for (int i = 0; i < 4; i++) { /* one for each worker */
        silent[i] = service_connect(*state);
        send_record(silent[i], 1, "\0\1\0\0\0\0\0\0", 8);
    }
    expect_answer(get(*state, "/nothing"), "Status: 404 ");
    for (int i = 0; i < 4; i++) {
        char *nothing = read_to_end(silent[i], NULL);
        assert_string_equal(nothing, "");
        free(nothing);
    }
}

static void test_streams_are_told_later_while_there_is_no_hub(void **state)
{
    expect_answer(get(*state, "/events"), "\r\n\r\nevent: later\nretry: ");
}

int main(void)
{
#define IN_SERVICE(test) cmocka_unit_test_setup_teardown(test, service_start, service_stop)
    const struct CMUnitTest tests[] = {
        IN_SERVICE(test_many_requests_at_once_are_all_answered),
        IN_SERVICE(test_connections_that_say_nothing_do_not_stay),
        IN_SERVICE(test_streams_are_told_later_while_there_is_no_hub),
    };

    if (!workers_setup())
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
