/* nginx before a responder with a socket of its own. */
#include "tests/scenario/hosting.h"

static void start(struct stage *s)
{
    nginx_start(s, hosting_socket(s));
}

int main(void)
{
    const struct hosting h = {
        .name = "nginx",
        .responder = hosting_responder,
        .server = start,
        .drain = hosting_replace_responder,
        .kill = hosting_kill_responder,
        .has_http2 = true,
    };
    return hosting_run(&h, OVER_ANY);
}
