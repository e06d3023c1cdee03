/* One row of POST /batch: a JSON object with the members of one publication.
 *
 * Here it is checked whatever can be seen without the log: that it is one object, its members,
 * and what kind of value each has.  The rules of the data, such as lengths and reserved words,
 * are the log's.
 *
 * Pure, but for the buffer.  Thread: any. */
#ifndef ROWCAST_FCGI_ROW_H
#define ROWCAST_FCGI_ROW_H

#include <stdbool.h>
#include <stddef.h>

#include "fcgi/base/buffer.h"

enum { ROW_WHY_SIZE = 320 };

/* Add the row that stands in the text, in the form that struct store_rows has.  Data that is not
 * a text is added as the text that it is in the JSON, byte for byte.  *has_session becomes true if the
 * row is for a session.  False: `why` has a sentence; a lack of memory is noted in `out`. */
bool row_add(struct buffer *out, const char *text, size_t len, bool *has_session,
             char why[ROW_WHY_SIZE]);

#endif
