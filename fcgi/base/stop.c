/* sigpending only looks.  The signal stays pending, so main still gets it from its signalfd
 * later, and ends in the one way that there is. */
#include "fcgi/base/stop.h"

#include <signal.h>

bool stop_is_pending(void)
{
    sigset_t s;
    return sigpending(&s) == 0 &&
           (sigismember(&s, SIGTERM) == 1 || sigismember(&s, SIGINT) == 1 ||
            sigismember(&s, SIGUSR1) == 1);
}
