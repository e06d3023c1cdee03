/* lighttpd runs the responder as plain CGI, a process for each stream. */
#include <signal.h>

#include "tests/scenario/hosting.h"

static void drain(struct stage *s)
{
    hosting_signal_responders(s, SIGTERM);
}

int main(void)
{
    const struct hosting h = {
        .name = "lighttpd, mod_cgi",
        .server = lighttpd_start_cgi,
        .drain = drain,
        .kill = hosting_kill_responders,
        .reload_ends_streams = true,
        .has_http2 = true,
    };
    return hosting_run(&h, OVER_ANY);
}
