/* Any bytes on a FastCGI connection: a whole request or none, and the descriptor is closed. */
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fcgi/accept.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);
const char *__lsan_default_suppressions(void);

/* libfcgi 2.4.2 keeps 48 bytes of a connection that begins with no request. */
const char *__lsan_default_suppressions(void)
{
    return "leak:libfcgi.so\n";
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    static bool ready;
    int pair[2];
    struct request r;
    if (!ready && !accept_setup())
        abort();
    ready = true;
    if (n > 65536 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair))
        return 0;
    if (write(pair[1], bytes, n) == (ssize_t)n) {
        shutdown(pair[1], SHUT_WR);
        if (accept_request(&r, pair[0], 4096)) {
            if (r.body_len > 4096 || (r.body && r.body[r.body_len] != '\0'))
                abort();
            (void)request_header(&r, "X-Forwarded-For");
            request_end(&r);
        }
    } else {
        close(pair[0]);
    }
    close(pair[1]);
    return 0;
}
