/* A record's length stands before its content, so a record that was begun binds us: that many
 * bytes of content have to follow, whatever else there is to say meanwhile.  That is why what
 * is owed is counted here, and why framing_open is asked before anything else is said. */
#include "fcgi/stream/framing.h"

#include <assert.h>
#include <string.h>

/* FastCGI specification, 8: the protocol's numbers, and the size of END_REQUEST's body. */
enum { VERSION = 1, END_REQUEST = 3, STDOUT = 6, END_BODY = 8 };

/* No padding: it is there to align data (3.3), and no reader asks for that. */
static void write_header(uint8_t *out, uint8_t type, uint16_t id, size_t content)
{
    out[0] = VERSION;
    out[1] = type;
    out[2] = (uint8_t)(id >> 8);
    out[3] = (uint8_t)id;
    out[4] = (uint8_t)(content >> 8);
    out[5] = (uint8_t)content;
    out[6] = out[7] = 0;
}

void framing_begin(struct framing *f, enum framing_kind kind, uint16_t request_id)
{
    *f = (struct framing){.kind = kind, .request_id = request_id};
}

bool framing_open(const struct framing *f)
{
    return f->header_left > 0 || f->record_left > 0;
}

void framing_record(struct framing *f, size_t content)
{
    assert(content >= 1 && content <= FRAMING_RECORD_MAX && !framing_open(f));
    if (f->kind == FRAMING_NONE)
        return;
    write_header(f->header, STDOUT, f->request_id, content);
    f->header_left = FRAMING_HEADER;
    f->record_left = (uint32_t)content;
}

size_t framing_wrote(struct framing *f, size_t written)
{
    if (f->kind == FRAMING_NONE)
        return written;
    size_t header = written < f->header_left ? written : f->header_left;
    size_t content = written - header;
    assert(content <= f->record_left);
    f->header_left = (uint8_t)(f->header_left - header);
    f->record_left -= (uint32_t)content;
    return content;
}

size_t framing_end(const struct framing *f, uint8_t out[FRAMING_END_SIZE])
{
    if (f->kind == FRAMING_NONE)
        return 0;
    memset(out, 0, FRAMING_END_SIZE); /* the body: status 0, FCGI_REQUEST_COMPLETE */
    write_header(out, STDOUT, f->request_id, 0);
    write_header(out + FRAMING_HEADER, END_REQUEST, f->request_id, END_BODY);
    return FRAMING_END_SIZE;
}
