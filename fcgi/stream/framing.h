/* How a stream's bytes are packed for the web server: as FastCGI records, or not at all (CGI).
 *
 * A record (FastCGI specification, 8 and 5.3) is {version 1, type, request id (2), content
 * length (2), padding, 0} and up to 65,535 bytes of content.  A write puts one 8-byte header
 * before as much as a whole batch, and the framing remembers how much of the record is owed.
 *
 * FRAMING_NONE has no records: it is never open, framing_record does nothing, and all that was
 * written was content.
 *
 * Pure; thread: its owner's. */
#ifndef ROWCAST_FCGI_FRAMING_H
#define ROWCAST_FCGI_FRAMING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum framing_kind { FRAMING_NONE, FRAMING_FASTCGI };
enum { FRAMING_RECORD_MAX = 65535, FRAMING_HEADER = 8, FRAMING_END_SIZE = 24 };

struct framing {
    enum framing_kind kind;
    uint16_t request_id;
    uint8_t header[FRAMING_HEADER];
    uint8_t header_left;  /* bytes of the header still to be sent */
    uint32_t record_left; /* bytes of content still to be sent in the open record */
};

void framing_begin(struct framing *f, enum framing_kind kind, uint16_t request_id);

/* Whether a record was begun and is not complete. */
bool framing_open(const struct framing *f);

/* Begin an FCGI_STDOUT record of `content` bytes (1 to FRAMING_RECORD_MAX).  Not while open. */
void framing_record(struct framing *f, size_t content);

/* Count `written` bytes that went out, the header's first; returns how many were content. */
size_t framing_wrote(struct framing *f, size_t written);

/* Write the end of the request: an empty FCGI_STDOUT and FCGI_END_REQUEST.  (Without it
 * lighttpd logs two lines for each client; measured.) Returns its length: FRAMING_END_SIZE, or
 * 0 for FRAMING_NONE. */
size_t framing_end(const struct framing *f, uint8_t out[FRAMING_END_SIZE]);

#endif
