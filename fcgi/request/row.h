/* One row of POST /batch: a JSON object with the members of one publication.
 *
 * What can be seen without the log is checked here: that it is one object, which members it has,
 * and what kind of value each of them is.  The rules of the data, such as lengths and reserved
 * words, are the log's.
 *
 * Pure, but for the buffer.  Thread: any. */
#ifndef ROWCAST_FCGI_ROW_H
#define ROWCAST_FCGI_ROW_H

#include <stdbool.h>
#include <stddef.h>

#include "fcgi/base/buffer.h"

enum { ROW_WHY_SIZE = 320 };

/* Add the row that stands in `text`, in the form that struct store_rows has.  Data that is not a
 * text in the JSON becomes one, byte for byte as it stands there.  *has_session becomes true if
 * the row is for a session.  False: `why` has a sentence.  A lack of memory is noted in `out`. */
bool row_add(struct buffer *out, const char *text, size_t len, bool *has_session,
             char why[ROW_WHY_SIZE]);

#endif
