/* Channels whose names are as long as URLs: up to 512 bytes, and 8,192 bytes in one address. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/scenario/scenario.h"

enum { NAME_MOST = 512, NAMES_MOST = 8192, NAMES = NAMES_MOST / NAME_MOST };

/* A name of `length` bytes that begins like a URL; each `number` gives another. */
static const char *long_name(int number, int length)
{
    static char name[NAME_MOST + 2];
    int n = snprintf(name, sizeof name, "https://shop.example/orders?of=%04d&at=", number);
    memset(name + n, 'n', sizeof name - 1 - (size_t)n);
    name[length] = '\0';
    return name;
}

/* Add `channel=` and the name with each byte encoded, the longest form that it can have. */
static void add_channel(char *path, const char *name)
{
    char *at = path + strlen(path);
    at += sprintf(at, "%cchannel=", strchr(path, '?') ? '&' : '?');
    for (; *name; name++)
        at += sprintf(at, "%%%02X", (unsigned char)*name);
}

/* The path with `n` channels of NAME_MOST bytes; valid until the next call. */
static char *with_channels(const char *path, int n)
{
    static char out[4 * NAMES_MOST];
    strcpy(out, path);
    for (int i = 0; i < n; i++)
        add_channel(out, long_name(i, NAME_MOST));
    return out;
}

static void post_one(struct stage *s, const char *path, const char *data)
{
    struct answer a;
    post(s, &a, path, data);
    assert_int_equal(a.status, 200);
}

static void test_a_channel_of_512_bytes_is_published_streamed_replayed_and_trimmed(void **state)
{
    struct stage *s = *state;
    lighttpd_start(s);
    struct browser *b = browser_open(s, with_channels("/sse/events", 1));
    struct browser *other = browser_open(s, "/sse/events?channel=https%3A%2F%2Fshop.example");
    expect_connected(b);
    expect_connected(other);
    publish(s, long_name(0, NAME_MOST), "n", "1");
    post_one(s, with_channels("/sse/broadcast?type=n", 1), "2");
    expect_count(b, "n", 1, 2);

    browser_cut(b);
    publish(s, long_name(0, NAME_MOST), "n", "3");
    publish(s, long_name(1, NAME_MOST), "n", "of a channel that differs in one byte");
    expect_connected(b);
    expect_replay_start(b, 1);
    expect_count(b, "n", 3, 3);
    expect_replay_end(b, 1);

    browser_cut(b);
    shell_set(s, "buffer_size", "1");
    publish(s, long_name(0, NAME_MOST), "n", "4");
    publish(s, long_name(0, NAME_MOST), "n", "5");
    expect_connected(b);
    expect_gap(b, "trimmed", 5);
    expect_replay_start(b, 1);
    expect_count(b, "n", 5, 5);
    expect_replay_end(b, 1);
    publish(s, "", "n", "6");
    expect_event(b, "n", "6");
    expect_event(other, "n", "6");
}

/* A reload finds the bookmark by the names, of which the sessions keep a hash. */
static void test_a_page_that_listens_to_long_names_resumes_by_its_cookie(void **state)
{
    struct stage *s = *state;
    lighttpd_start(s);
    struct browser *b = browser_open(s, with_channels("/sse/events", 1));
    expect_connected(b);
    browser_close(b);
    await(s, stats(s, "active_clients") == 0);
    publish(s, long_name(0, NAME_MOST), "n", "1");
    struct browser *again = browser_new(s, with_channels("/sse/events", 1));
    browser_share_cookie(again, b);
    browser_connect(again);
    expect_connected(again);
    expect_replay_start(again, 1);
    expect_count(again, "n", 1, 1);
    expect_replay_end(again, 1);
}

static void expect_refused(struct stage *s, const char *method, const char *path,
                           const char *limit)
{
    struct answer a;
    request(s, &a, method, path, "Authorization: Bearer " TOKEN "\r\n",
            strcmp(method, "POST") == 0 ? "x" : NULL);
    if (a.status != 400 || !strstr(a.body, "{\"error\":\"") || !strstr(a.body, limit))
        fail_stage(s, "%s %.40s: waited for 400 and %s, came %d\n%s", method, path, limit,
                   a.status, a.body);
}

/* A front that takes longer addresses than fronts do by themselves, so that it is the responder
 * that decides. */
static void nginx_start_patient(struct stage *s)
{
    static char socket[NAME_SIZE];
    snprintf(socket, sizeof socket, "%s/own.socket", s->folder);
    responder_start(s, socket, NULL);
    nginx_start_with(s, socket, "large_client_header_buffers 4 64k;");
}

static void test_names_that_are_too_long_get_400_and_the_limit(void **state)
{
    struct stage *s = *state;
    char path[2048];
    nginx_start_patient(s);
    strcpy(path, "/sse/events");
    add_channel(path, long_name(0, NAME_MOST + 1));
    expect_refused(s, "GET", path, "at most 512 bytes");
    strcpy(path, "/sse/broadcast");
    add_channel(path, long_name(0, NAME_MOST + 1));
    expect_refused(s, "POST", path, "at most 512 bytes");
    expect_refused(s, "GET", strcat(with_channels("/sse/events", NAMES), "&channel=x"),
                   "at most 8192 bytes");
    assert_string_equal(shell(s, "SELECT count(*) FROM events"), "0");
}

static void test_a_stream_hears_all_channels_whose_names_fill_8192_bytes(void **state)
{
    struct stage *s = *state;
    nginx_start_patient(s);
    struct browser *b = browser_open(s, with_channels("/sse/events", NAMES));
    expect_connected(b);
    for (int i = 0; i < NAMES; i++)
        publish(s, long_name(i, NAME_MOST), "n", "%d", i);
    expect_count(b, "n", 0, NAMES - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        scenario(test_a_channel_of_512_bytes_is_published_streamed_replayed_and_trimmed),
        scenario(test_a_page_that_listens_to_long_names_resumes_by_its_cookie),
        scenario(test_names_that_are_too_long_get_400_and_the_limit),
        scenario(test_a_stream_hears_all_channels_whose_names_fill_8192_bytes),
    };
    return cmocka_run_group_tests_name("names", tests, NULL, NULL);
}
