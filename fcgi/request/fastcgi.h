/* The input side of FastCGI: from the bytes of one connection, however they are cut, to the
 * parts of one request (FastCGI specification, 3.3, 3.4 and 5).
 *
 *     BEGIN_REQUEST  PARAMS... PARAMS(empty)  STDIN... STDIN(empty)
 *                                 |              |       |
 *                      FASTCGI_VARIABLES   FASTCGI_BODY  FASTCGI_END
 *
 * It replaces libfcgi's reader, which ends the process on lengths that it does not check (1 GiB
 * and more in PARAMS; four names in GET_VALUES, whose answer overruns its stack).  Here a
 * length is only compared with the bytes that are there, and never asked of the allocator.
 *
 * Ignored: management records (GET_VALUES; no web server sends one), records of another
 * request, DATA.  Broken: another version, a record out of order, more than
 * REQUEST_VARIABLES_MAX bytes of variables, a name with NUL or '=', a value with NUL (as
 * NAME=VALUE texts they would be other variables than were sent), and ABORT_REQUEST, since
 * nobody waits for an answer then.
 *
 * Pure.  Thread: its owner's. */
#ifndef ROWCAST_FCGI_FASTCGI_H
#define ROWCAST_FCGI_FASTCGI_H

#include <stddef.h>
#include <stdint.h>

enum fastcgi_part {
    FASTCGI_MORE,      /* all bytes were taken, and more are needed */
    FASTCGI_VARIABLES, /* the variables are complete: take them by fastcgi_variables */
    FASTCGI_BODY,      /* a piece of the body is in `piece`, inside the bytes that were read */
    FASTCGI_END,       /* the end of the body, and of the request */
    FASTCGI_ROLE,      /* another role than a responder's was asked for: fastcgi_decline */
    FASTCGI_BROKEN,    /* this is no request: close the connection */
    FASTCGI_NOMEM
};

enum { FASTCGI_HEADER = 8, FASTCGI_DECLINE = 16 };

struct fastcgi {
    uint8_t header[FASTCGI_HEADER]; /* of the record that is being read */
    uint8_t header_have;
    uint16_t content_left;
    uint8_t padding_left;
    uint8_t begin[FASTCGI_HEADER]; /* the content of BEGIN_REQUEST */
    uint8_t begin_have;
    enum fastcgi_stage {
        FASTCGI_IDLE,
        FASTCGI_IN_VARIABLES,
        FASTCGI_IN_BODY,
        FASTCGI_ENDED
    } stage;
    uint16_t request_id;
    char *pairs; /* the content of PARAMS, as it came */
    size_t pairs_len, pairs_room;
    const char *piece;
    size_t piece_len;
};

void fastcgi_begin(struct fastcgi *f);
void fastcgi_end(struct fastcgi *f); /* frees */

/* Read from *at up to `end`, and move *at behind what was taken.  After FASTCGI_MORE that is
 * all of it; after other parts call again.  Not to be called after FASTCGI_END, or after one of
 * the last three parts. */
enum fastcgi_part fastcgi_read(struct fastcgi *f, const uint8_t **at, const uint8_t *end);

/* After FASTCGI_VARIABLES, once: *variable is a list of NAME=VALUE texts inside *text, and ends
 * with NULL; the caller frees both.  Returns FASTCGI_VARIABLES, FASTCGI_BROKEN or
 * FASTCGI_NOMEM. */
enum fastcgi_part fastcgi_variables(struct fastcgi *f, char **text, const char ***variable);

/* After FASTCGI_ROLE: the answer that is sent before closing. */
void fastcgi_decline(const struct fastcgi *f, uint8_t out[FASTCGI_DECLINE]);

#endif
