/* Apache starts the responders, one for each stream, by mod_fcgid: HTTP/1.1. */
#include "tests/scenario/hosting.h"

int main(void)
{
    return hosting_run(&hosting_apache_fcgid, OVER_HTTP1);
}
