/* Where the lines of the responder's own log go.  A line never waits for its reader: what a
 * full pipe, a stuck terminal or a busy syslog does not take at once is lost, and whoever wrote
 * it is told.  Part of log.c, which counts what was lost.
 *
 *     a file       appended to; followed by its path (out_look)
 *     a FIFO       by its path; as long as nobody reads it, it cannot be opened
 *     stderr       a pipe or terminal is opened once more, because O_NONBLOCK on ours would be
 *                  everybody's who shares it
 *     syslog       a datagram to the socket of the daemon; syslog(3) would wait for it
 *
 * Thread: out_line any; the others main, before there is another thread or beside out_line. */
#ifndef ROWCAST_FCGI_LOG_OUT_H
#define ROWCAST_FCGI_LOG_OUT_H

#include <stdbool.h>
#include <stddef.h>

/* Each gives false where that cannot be opened now; then lines go where they went before, at
 * first to stderr, and errno tells why. */
void out_stderr(void);
bool out_file(const char *path);   /* which must stay until out_close */
bool out_syslog(const char *path); /* of the daemon's socket; the same */

/* Whether lines are datagrams of syslog: those begin with "<priority>", others with a time. */
bool out_is_syslog(void);

/* Write one line with its line break.  False: it is lost, or a part of it is. */
bool out_line(const char *line, size_t len);

/* What was asked for, opened anew: by its path (a file was rotated), or at last. */
bool out_reopen(void);

/* Called about once a second: does out_reopen where the path leads to another file, or where
 * what was asked for could not be opened yet.  A file that is gone has a second to come back,
 * because logrotate renames the old one and then makes the new one itself. */
enum out_look { OUT_SAME, OUT_REOPENED, OUT_FAILED };
enum out_look out_look(void);

void out_close(void); /* back to stderr */

#endif
