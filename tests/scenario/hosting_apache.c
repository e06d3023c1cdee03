/* Apache's rows of the hosting matrix.  As root, Apache gives up root, and so do its
 * responders. */
#include <signal.h>

#include "tests/scenario/hosting.h"

static const struct hosting_exception exceptions[] = {
    {.cell = "a_departed_client_is_noticed_without_a_write",
     .reason =
         "Apache does not look at a client while it waits for the responder: the first "
         "write after brings the client's refusal, and the second one fails.  A heartbeat "
         "is such a write.",
     .instead = {"a_departed_client_is_noticed_at_the_second_write",
                 a_departed_client_is_noticed_at_the_second_write}},
    {.cell = NULL},
};

static const struct hosting_exception proxy_exceptions[] = {
    {.cell = "a_departed_client_is_noticed_without_a_write",
     .over = OVER_HTTP1,
     .reason = "As above.",
     .instead = {"a_departed_client_is_noticed_at_the_second_write",
                 a_departed_client_is_noticed_at_the_second_write}},
    {.cell = "a_departed_client_is_noticed_without_a_write",
     .over = OVER_HTTP2,
     .reason =
         "The example goes through an inner host over HTTP/2, so that a killed responder's "
         "streams end: one step more that has to be refused.",
     .instead = {"a_departed_client_is_noticed_at_the_third_write",
                 a_departed_client_is_noticed_at_the_third_write}},
    {.cell = "a_departed_client_is_noticed_within_two_heartbeats",
     .over = OVER_HTTP2,
     .reason = "The same.",
     .instead = {"a_departed_client_is_noticed_within_three_heartbeats",
                 a_departed_client_is_noticed_within_three_heartbeats}},
    {.cell = NULL},
};

static void end_processes(struct stage *s)
{
    hosting_signal_responders(s, SIGTERM);
}

const struct hosting hosting_apache_fcgid = {
    .name = "Apache, mod_fcgid",
    .server = apache_start_fcgid,
    .drain = end_processes,
    .kill = hosting_kill_responders,
    .reload_ends_streams = true, /* mod_fcgid sends its processes TERM after 3 s */
    .has_http2 = true,
    .exceptions = exceptions,
};

static void start_proxy(struct stage *s)
{
    apache_start_proxy(s, hosting_socket(s));
}

static void replace_responder(struct stage *s)
{
    hosting_replace_responder(s);
    stage_give(s, hosting_socket(s), "www-data");
}

static void kill_responder(struct stage *s)
{
    hosting_kill_responder(s);
    stage_give(s, hosting_socket(s), "www-data");
}

const struct hosting hosting_apache_proxy = {
    .name = "Apache, mod_proxy_fcgi",
    .responder = hosting_responder,
    .server = start_proxy,
    .drain = replace_responder,
    .kill = kill_responder,
    .has_http2 = true,
    .exceptions = proxy_exceptions,
};
