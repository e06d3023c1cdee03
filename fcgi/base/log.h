/* The responder's own log: lines of `key=value` words on stderr, syslog or in a log file
 * (lighttpd gives a bin-path child /dev/null as stderr, so it needs one of the others).  No
 * line waits for its reader (log_out.h).
 *
 *     2026-05-04T10:11:12.345Z level=warn pid=71 what=sessions_unsaved why="disk is full"
 *
 * At most 20 lines of one `what` are written in a second.  The rest is counted, and told by
 * `repeated=N` on the next line, or by a line of its own when the log is closed.  Lines that
 * could not be written (a full pipe, a full disk) are counted, too; the next line that can be
 * written tells by `lost=N` how many there were.
 *
 * No line holds a token or an event's data.  Thread: log_line any; the others, unless they say
 * otherwise, while there is only one thread. */
#ifndef ROWCAST_FCGI_LOG_H
#define ROWCAST_FCGI_LOG_H

#include <stdatomic.h>
#include <stdbool.h>

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARN, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

/* `to`: "stderr", "syslog" or a file's path (appended to), which must stay until log_close.
 * False: it cannot be opened now; the lines go to stderr then, and a line there says why, as
 * does one to syslog, since stderr may be /dev/null.  log_look tries again. */
bool log_open(const char *to, enum log_level most);

/* Open the log file by its name again, because it was rotated, and write a line about it there.
 * Does nothing if the log is not a file.  If the file cannot be opened, lines go where they
 * went before, and one of them says so.  A line that is written meanwhile is in one of the two
 * files.  Thread: main. */
void log_reopen(void);

/* Do the same if the path leads to another file than the open one, or could not be opened so
 * far.  Called about once a second, it follows a log file through a rotation by any program.
 * Costs two stat().  Thread: main. */
void log_look(void);
void log_close(void);
bool log_level_parse(enum log_level *out, const char *text);
const char *log_level_word(enum log_level level); /* what log_level_parse understands */

/* Write one line: `what`, which is one word, then the words that `format` gives.  Text that
 * people wrote belongs inside \"%s\"; the log replaces control characters and inner quotes. */
void log_line(enum log_level level, const char *what, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* An outage gets one warning when it begins and one line when it is over, however often and by
 * however many threads it is noticed.  `outage` is the process's; `failed` says how it is now. */
void log_outage(atomic_bool *outage, bool failed, const char *what, const char *why);

#endif
