/* The listening socket: one that we make, or one that was given to us when we were started.
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
    int file; /* that file (O_PATH): while it is open, no other file gets its inode number */
};

/* False: a sentence went to the log file.  True with fd -1: nothing was asked for and nothing
 * was given.  The strings of `w` must stay.
 *
 * A socket file that nobody listens on any more is replaced.  Nobody can connect before mode
 * and owner are as asked for.  If several processes start at the same moment on one path, one
 * gets it and the others are refused: they queue for a lock of the directory, for up to
 * SOCKET_LOCK_MS (socket_file.h). */
bool listener_open(struct listener *l, const struct listener_wish *w);

/* Why nobody can connect any more, in a sentence; NULL: all is well.  Another process that
 * shares the socket may have shut it down, or somebody may have removed our file.  Costs up to
 * three system calls. */
const char *listener_lost(const struct listener *l);

/* Close it, and remove the socket file if it is still the one we made. */
void listener_close(struct listener *l);

#endif
