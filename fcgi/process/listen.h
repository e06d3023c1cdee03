/* The listening socket: one of our own, or one that whoever started us made.
 *
 *     --listen PATH      a unix socket; its file is ours
 *     --listen :PORT     127.0.0.1
 *     --listen fd:N      descriptor N, which listens already
 *     (none)             socket activation's descriptor 3; else descriptor 0 if it listens
 *
 * Thread: main, before there is another one (the umask is the process's). */
#ifndef ROWCAST_FCGI_LISTEN_H
#define ROWCAST_FCGI_LISTEN_H

#include <stdbool.h>
#include <sys/types.h>

struct listener_wish {
    const char *where; /* of --listen; NULL: what we were given */
    int mode;          /* of the socket file; -1: by the umask */
    const char *owner; /* of the socket file, `USER`, `USER:GROUP` or `:GROUP`; NULL: as made */
};

struct listener {
    int fd;           /* close-on-exec; -1: none */
    const char *path; /* of the file we made; NULL: none */
    int file; /* that file itself (O_PATH): no other one gets its number while it is held */
};

/* False: a sentence went to the log.  True with fd -1: nothing was asked for and nothing was
 * given.  The strings of `w` must stay.
 *
 * A socket file that nobody listens on any more is replaced.  Nobody can connect before mode
 * and owner are as they were asked for.  Of several that start at the same moment on one path
 * one gets it, and the others are refused: they queue at a lock of the directory, for up to
 * SOCKET_LOCK_MS (socket_file.h). */
bool listener_open(struct listener *l, const struct listener_wish *w);

/* Why nobody can come any more, in a sentence; NULL: all is well.  Somebody who shares the
 * socket may have shut it down, or have removed our file.  Costs two system calls. */
const char *listener_lost(const struct listener *l);

/* Close it, and remove the socket file if it is still the one we made. */
void listener_close(struct listener *l);

#endif
