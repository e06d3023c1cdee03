/* Where the lines of the responder's own log go.  A line never waits for its reader: what a
 * full pipe, a stuck terminal or a busy syslog does not take at once is lost, and the caller is
 * told.  Part of log.c, which counts the lost lines.
 *
 *     a file       appended to; followed by its path (out_look)
 *     a FIFO       by its path; as long as nobody reads it, it cannot be opened
 *     stderr       a pipe or terminal is opened once more, because O_NONBLOCK on the one we
 *                  were given would apply to all who share it
 *     syslog       a datagram to the socket of the daemon; syslog(3) would wait for it
 *
 * Thread: out_line any; the others main, before there is another thread or beside out_line. */
#ifndef ROWCAST_FCGI_LOG_OUT_H
#define ROWCAST_FCGI_LOG_OUT_H

#include <stdbool.h>
#include <stddef.h>

/* Choose the destination.  False: it cannot be opened now, and errno tells why.  Then lines go
 * where they went before, which at first is stderr. */
void out_stderr(void);
bool out_file(const char *path);   /* which must stay until out_close */
bool out_syslog(const char *path); /* of the daemon's socket; must stay as well */

/* Whether lines are datagrams of syslog: those begin with "<priority>", others with a time. */
bool out_is_syslog(void);

/* Write one line with its line break.  False: it is lost, or a part of it is. */
bool out_line(const char *line, size_t len);

/* Open the chosen destination again by its path, because a file was rotated or because it could
 * not be opened before.  False: as above. */
bool out_reopen(void);

/* Do out_reopen if the path leads to another file, or if the destination could not be opened
 * yet.  To be called about once a second: a file that is gone has until the next call to come
 * back, because logrotate renames the old file and then makes the new one itself. */
enum out_look { OUT_SAME, OUT_REOPENED, OUT_FAILED };
enum out_look out_look(void);

void out_close(void); /* back to stderr */

#endif
