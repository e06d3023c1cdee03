/* A command line for people to paste: every value stays one word of the shell and one text of
 * SQL, whatever is in it.  The line has no double quote and no control character, because the
 * log file, where such lines are written, would replace them.
 *
 * Thread: any. */
#ifndef ROWCAST_STORE_SHELL_LINE_H
#define ROWCAST_STORE_SHELL_LINE_H

#include <stdbool.h>
#include <stddef.h>

/* Write the command that gives a setting of the log at `path` this value.  False: the command
 * does not fit, or the path has a character that it cannot have. */
bool shell_line_set(char *out, size_t size, const char *path, const char *name,
                    const char *value);

#endif
