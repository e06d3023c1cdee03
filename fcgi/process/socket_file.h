/* The file of a unix socket that we make: whether another process has it already, its rights,
 * and whether it is still ours.
 *
 * Thread: main. */
#ifndef ROWCAST_FCGI_SOCKET_FILE_H
#define ROWCAST_FCGI_SOCKET_FILE_H

#include <stdbool.h>
#include <sys/types.h>

/* A process that starts on a path removes the file if nobody listens there, binds, and listens.
 * Two that did so at the same time could each find the other's new socket without a listener,
 * and remove it.  So they take turns, by a lock of the directory, which leaves nothing behind.
 * Waits for up to SOCKET_LOCK_MS.  -1: there is no lock, because we may not read the directory
 * or somebody else keeps it; go on without one.  socket_file_unlock accepts -1. */
enum { SOCKET_LOCK_MS = 2000 };
int socket_file_lock(const char *path);
void socket_file_unlock(int lock);

/* Remove the file if nobody listens on it, because its process was killed. */
void socket_file_clear(const char *path);

/* Give the file its owner (`USER`, `USER:GROUP` or `:GROUP`; NULL: as it is) and its mode.
 * False: `why` says what is wrong. */
enum { SOCKET_FILE_WHY_SIZE = 320 };
bool socket_file_give(const char *path, const char *owner, mode_t mode,
                      char why[SOCKET_FILE_WHY_SIZE]);

/* `file` is the file that was made, open by O_PATH.  Whether it was removed (clients still
 * reach us by a file that was only renamed), and whether it is the file at `path`. */
bool socket_file_is_removed(int file);
bool socket_file_is_at(int file, const char *path);

#endif
