/* A command line for people to paste: every value stays one word of the shell, and one text of
 * SQL, whatever is in it.  It has no double quote and no control character, which the log,
 * where such lines are told, would replace.
 *
 * Thread: any. */
#ifndef ROWCAST_STORE_SHELL_LINE_H
#define ROWCAST_STORE_SHELL_LINE_H

#include <stdbool.h>
#include <stddef.h>

/* The command that gives a setting of the log at `path` this value.  False: it does not fit, or
 * the path cannot be written so. */
bool shell_line_set(char *out, size_t size, const char *path, const char *name,
                    const char *value);

#endif
