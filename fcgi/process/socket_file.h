/* The file of a unix socket that we make: whether somebody is there before us, its rights, and
 * whether it is still ours.
 *
 * Thread: main. */
#ifndef ROWCAST_FCGI_SOCKET_FILE_H
#define ROWCAST_FCGI_SOCKET_FILE_H

#include <stdbool.h>
#include <sys/types.h>

/* Whoever starts on a path looks whether somebody lives there, removes what is dead, binds and
 * listens.  Two that did so at once would each find the other's socket dead, and remove it; so
 * they take turns, by a lock of the directory, which leaves nothing behind.  Waits for up to
 * SOCKET_LOCK_MS.  -1: there can be no lock, because we may not read the directory or somebody
 * else keeps it; then go on without.  socket_file_unlock takes that as well. */
enum { SOCKET_LOCK_MS = 2000 };
int socket_file_lock(const char *path);
void socket_file_unlock(int lock);

/* Remove the file of a process that was killed.  One that lives still answers on it, or has more
 * waiting than it takes. */
void socket_file_clear(const char *path);

/* Give the file its owner (`USER`, `USER:GROUP` or `:GROUP`; NULL: as it is) and its mode.  False:
 * `why` says what is wrong. */
enum { SOCKET_FILE_WHY_SIZE = 320 };
bool socket_file_give(const char *path, const char *owner, mode_t mode,
                      char why[SOCKET_FILE_WHY_SIZE]);

/* `file` is the open file (O_PATH) that was made.  Whether it has no name any more (one that was
 * moved still leads to us); and whether it is what is at `path`. */
bool socket_file_is_removed(int file);
bool socket_file_is_at(int file, const char *path);

#endif
