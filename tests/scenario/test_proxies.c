/* Another proxy in front of the web server: as it comes, and as docs/proxies.md sets it up. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/scenario/hosting.h"
#include "tests/scenario/server.h"

enum { PAGE_MAX = 32768 };

/* The page's block of code in `language`, with the address of the server behind and the one to
 * listen at in their places.  Valid until the next call. */
static const char *from_the_page(struct stage *s, const char *language)
{
    static char page[PAGE_MAX], out[PAGE_MAX];
    static const char behind[] = "127.0.0.1:8080", bind[] = "bind :80";
    char begin[32];
    FILE *f = fopen("docs/proxies.md", "re");
    size_t n = f ? fread(page, 1, sizeof page - 1, f) : 0, len = 0;
    if (f)
        fclose(f);
    page[n] = '\0';
    snprintf(begin, sizeof begin, "```%s\n", language);
    char *at = strstr(page, begin), *end = at ? strstr(at + 3, "\n```\n") : NULL;
    if (!end)
        fail_stage(s, "docs/proxies.md has no block of %s", language);
    end[1] = '\0';
    for (at += strlen(begin); *at && len < sizeof out - 64;)
        if (strncmp(at, behind, sizeof behind - 1) == 0) {
            len += (size_t)snprintf(out + len, sizeof out - len, "%s:%d", s->host, s->port);
            at += sizeof behind - 1;
        } else if (strncmp(at, bind, sizeof bind - 1) == 0) {
            len += (size_t)snprintf(out + len, sizeof out - len, "bind %s:%d", s->host,
                                    s->port + 2);
            at += sizeof bind - 1;
        } else {
            out[len++] = *at++;
        }
    out[len] = '\0';
    return out;
}

/* What runs is the server behind now; from here on browsers talk to the one in front. */
static void step_in_front(struct stage *s, pid_t *behind)
{
    *behind = s->server;
    s->server = 0;
    s->port += 2;
}

static void front_nginx(struct stage *s, const char *locations, pid_t *behind)
{
    char text[PAGE_MAX];
    step_in_front(s, behind);
    int n = snprintf(text, sizeof text,
                     "daemon off;\npid %s/front.pid;\nerror_log %s;\n%s"
                     "events {}\nhttp {\naccess_log off;\n",
                     s->folder, s->errors, geteuid() == 0 ? "user root;\n" : "");
    static const char *const temp[] = {"client_body", "fastcgi", "proxy", "scgi", "uwsgi"};
    for (size_t i = 0; i < sizeof temp / sizeof *temp; i++)
        n += snprintf(text + n, sizeof text - (size_t)n, "%s_temp_path %s/front-%s;\n", temp[i],
                      s->folder, temp[i]);
    snprintf(text + n, sizeof text - (size_t)n, "server { listen %s:%d;\n%s}\n}\n", s->host,
             s->port, locations);
    server_configure(s, "front.conf", text);
    const char *const argv[] = {"/usr/sbin/nginx", "-p", s->folder, "-c",
                                s->config,         "-e", s->errors, NULL};
    server_start(s, argv, SIGHUP);
}

/* An nginx that knows nothing of streams. */
static void plain_nginx(struct stage *s, pid_t *behind)
{
    char locations[128];
    snprintf(locations, sizeof locations, "location / { proxy_pass http://%s:%d; }\n", s->host,
             s->port);
    front_nginx(s, locations, behind);
}

static void front_haproxy(struct stage *s, pid_t *behind)
{
    server_configure(s, "haproxy.conf", from_the_page(s, "haproxy"));
    step_in_front(s, behind);
    const char *const argv[] = {"/usr/sbin/haproxy", "-db", "-f", s->config, NULL};
    server_start(s, argv, SIGUSR2);
}

/* First the streams, for Apache waits for them. */
static void end_behind(struct stage *s, pid_t behind)
{
    server_stop(s);
    if (s->alone)
        process_stop(s, s->alone, SIGTERM);
    s->alone = 0;
    process_stop(s, behind, SIGTERM);
}

static void test_nginx_before_nginx(void **state)
{
    struct stage *s = *state;
    pid_t behind;
    hosting_responder(s);
    nginx_start(s, hosting_socket(s));
    plain_nginx(s, &behind);
    rows_come_and_come_back(s);
    end_behind(s, behind);
}

static void test_nginx_before_nginx_with_fcgiwrap(void **state)
{
    struct stage *s = *state;
    pid_t behind;
    nginx_start_cgi(s);
    plain_nginx(s, &behind);
    rows_come_and_come_back(s);
    end_behind(s, behind);
}

static void test_nginx_before_lighttpd(void **state)
{
    struct stage *s = *state;
    pid_t behind;
    lighttpd_start(s);
    plain_nginx(s, &behind);
    rows_come_and_come_back(s);
    end_behind(s, behind);
}

static void test_nginx_before_apache(void **state)
{
    struct stage *s = *state;
    pid_t behind;
    hosting_responder(s);
    apache_start_proxy(s, hosting_socket(s));
    plain_nginx(s, &behind);
    rows_come_and_come_back(s);
    end_behind(s, behind);
}

static void test_nginx_as_the_page_sets_it_up(void **state)
{
    struct stage *s = *state;
    struct answer a;
    pid_t behind;
    lighttpd_start(s);
    front_nginx(s, from_the_page(s, "nginx"), &behind);
    rows_come_and_come_back(s);
    request(s, &a, "GET", "/rowcast/", "", NULL);
    assert_int_equal(a.status, 200);
    process_stop(s, behind, SIGTERM);
    request(s, &a, "GET", "/sse/events", "", NULL);
    assert_int_equal(a.status, 200);
    assert_non_null(strstr(a.head, "text/event-stream"));
    assert_non_null(strstr(a.body, "event: later\nretry: "));
    request(s, &a, "POST", "/sse/broadcast", "", "nobody takes it");
    assert_int_equal(a.status, 502);
    server_stop(s);
}

static void test_nginx_before_the_nginx_of_the_page(void **state)
{
    struct stage *s = *state;
    pid_t innermost, behind;
    lighttpd_start(s);
    front_nginx(s, from_the_page(s, "nginx"), &innermost);
    plain_nginx(s, &behind);
    rows_come_and_come_back(s);
    end_behind(s, behind);
    process_stop(s, innermost, SIGTERM);
}

static void test_haproxy_before_lighttpd(void **state)
{
    struct stage *s = *state;
    pid_t behind;
    lighttpd_start(s);
    front_haproxy(s, &behind);
    rows_come_and_come_back(s);
    end_behind(s, behind);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        scenario(test_nginx_before_nginx),
        scenario(test_nginx_before_nginx_with_fcgiwrap),
        scenario(test_nginx_before_lighttpd),
        scenario(test_nginx_before_apache),
        scenario(test_nginx_as_the_page_sets_it_up),
        scenario(test_nginx_before_the_nginx_of_the_page),
        scenario(test_haproxy_before_lighttpd),
    };
    return cmocka_run_group_tests_name("proxies", tests, NULL, NULL);
}
