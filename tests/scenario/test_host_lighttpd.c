/* lighttpd starts the responder itself (bin-path). */
#include <signal.h>

#include "tests/scenario/hosting.h"

static void drain(struct stage *s)
{
    hosting_signal_responders(s, SIGTERM);
}

int main(void)
{
    const struct hosting h = {
        .name = "lighttpd, bin-path",
        .server = lighttpd_start,
        .drain = drain,
        .kill = hosting_kill_responders,
        .reload_ends_streams = true,
        .has_http2 = true,
    };
    return hosting_run(&h, OVER_ANY);
}
