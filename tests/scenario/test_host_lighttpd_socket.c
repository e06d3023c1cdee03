/* lighttpd before a supervisor with two processes. */
#include "tests/scenario/hosting.h"
#include "tests/scenario/supervisor.h"

static struct supervised supervised;

static void start_supervisor(struct stage *s)
{
    static const char *const more[] = {"--drain-seconds", "2", NULL};
    supervised_start(&supervised, s, 2, more);
}

static void start(struct stage *s)
{
    lighttpd_start_socket_with(s, "", supervised.socket);
}

/* As in a deploy: SIGHUP, and both are replaced, one after the other. */
static void deploy(struct stage *s)
{
    (void)s;
    supervised_hang_up(&supervised);
}

int main(void)
{
    const struct hosting h = {
        .name = "lighttpd, socket",
        .responder = start_supervisor,
        .server = start,
        .drain = deploy,
        .kill = hosting_kill_responders,
        .reload_ends_streams = true,
        .has_http2 = true,
    };
    return hosting_run(&h, OVER_ANY);
}
