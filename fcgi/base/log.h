/* The responder's own log: lines of `key=value` words on stderr, syslog or a file (lighttpd
 * gives a bin-path child /dev/null as stderr, so it needs one of the others).  No line waits
 * for its reader (log_out.h).
 *
 *     2026-05-04T10:11:12.345Z level=warn pid=71 what=sessions_unsaved why="disk is full"
 *
 * Of one `what` at most 20 lines are written in a second; the rest is counted, and told by
 * `repeated=N` on the next one, or by a line of its own when the log is closed.  Lines that
 * could not be written (a full pipe, a full disk) are counted too, and the next one that can be
 * tells how many were `lost=N` before it.
 *
 * Never a token, never an event's data.  Thread: log_line any; the others while there is
 * one. */
#ifndef ROWCAST_FCGI_LOG_H
#define ROWCAST_FCGI_LOG_H

#include <stdbool.h>

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARN, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

/* `to`: "stderr", "syslog" or a file's path (appended to), which must stay until log_close.
 * False: it cannot be opened now; the lines go to stderr then, and a line there says why, as
 * does one to syslog, since stderr may be /dev/null.  log_look tries again. */
bool log_open(const char *to, enum log_level most);

/* Open the file by its name again, because it was rotated, and say so there; nothing where the
 * log is no file.  One that cannot be opened: the lines go where they went, and say so.  A
 * line that is written meanwhile is in one of the two.  Thread: main. */
void log_reopen(void);

/* The same where the path leads to another file than is open, or could not be opened so far; to
 * be called about once a second.  A log that is rotated is followed with it, whatever rotates
 * it.  Costs two stat().  Thread: main. */
void log_look(void);
void log_close(void);
bool log_level_parse(enum log_level *out, const char *text);
const char *log_level_word(enum log_level level); /* what log_level_parse understands */

/* One line: `what` is one word, then words as `format` gives them (quote what people wrote with
 * %s inside \"…\"; the log replaces control characters and inner quotes). */
void log_line(enum log_level level, const char *what, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
