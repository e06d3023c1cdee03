/* The body of POST /batch: a row a line (application/x-ndjson), or a JSON array of rows
 * (application/json).  Any other content type says nothing, since curl calls every body a form:
 * then a body that begins with `[` is an array.
 *
 * Lines that are blank are passed over, and so is a byte order mark.
 *
 * Thread: its owner's. */
#ifndef ROWCAST_FCGI_ROWS_H
#define ROWCAST_FCGI_ROWS_H

#include <stdbool.h>
#include <stddef.h>

#include "fcgi/base/buffer.h"
#include "fcgi/request/row.h"
#include "store/store.h"

enum { ROWS_PLACE_SIZE = 32, ROWS_WHY_SIZE = ROW_WHY_SIZE + ROWS_PLACE_SIZE };

struct rows {
    struct buffer json;     /* as the store takes them … */
    struct store_rows list; /* … which points into it */
    bool lines;             /* a row a line, not an array */
};

enum rows_result { ROWS_OK, ROWS_WRONG, ROWS_NOMEM };

/* Read all rows.  ROWS_WRONG: `why` has a sentence, which names the row if one is to blame.
 * rows_free may be called afterwards in any case. */
enum rows_result rows_read(struct rows *rows, const char *body, size_t len,
                           const char *content_type, char why[ROWS_WHY_SIZE]);
void rows_free(struct rows *rows);

/* Where row `n`, from 1, stands in the body from which the rows were read: "line 7", or "row 7"
 * of an array. */
void rows_place(const struct rows *rows, const char *body, size_t len, size_t n,
                char place[ROWS_PLACE_SIZE]);

#endif
