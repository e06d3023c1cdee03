/* Apache before a responder with a socket of its own, by mod_proxy_fcgi: HTTP/2. */
#include "tests/scenario/hosting.h"

int main(void)
{
    return hosting_run(&hosting_apache_proxy, OVER_HTTP2);
}
