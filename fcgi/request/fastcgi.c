/* A record's header is read byte by byte, its content in runs.  A record is over when its
 * content and padding are.  An empty one is over with its header; that is how PARAMS and STDIN
 * end.  What a record means is decided once, when its header is complete. */
#include "fcgi/request/fastcgi.h"

#include <assert.h>
#include <fastcgi.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "fcgi/request/request.h"

/* Room for the variables of an ordinary request, in one allocation. */
enum { PAIRS_FIRST = 2048 };

_Static_assert(FCGI_HEADER_LEN == FASTCGI_HEADER, "the record header");
_Static_assert(sizeof(FCGI_BeginRequestBody) == FASTCGI_HEADER, "the content of BEGIN_REQUEST");
_Static_assert(sizeof(FCGI_EndRequestRecord) == FASTCGI_DECLINE, "a whole END_REQUEST");

void fastcgi_begin(struct fastcgi *f)
{
    *f = (struct fastcgi){.stage = FASTCGI_IDLE};
}

void fastcgi_end(struct fastcgi *f)
{
    free(f->pairs);
    f->pairs = NULL;
    f->pairs_len = f->pairs_room = 0;
}

static FCGI_Header record_header(const struct fastcgi *f)
{
    FCGI_Header h;
    memcpy(&h, f->header, sizeof h);
    return h;
}

static uint16_t record_id(const FCGI_Header *h)
{
    return (uint16_t)(h->requestIdB1 << 8 | h->requestIdB0);
}

/* Whether a record of the request may come now; an empty one ends its stage. */
static enum fastcgi_part open_ours(struct fastcgi *f, uint8_t type)
{
    switch (type) {
    case FCGI_PARAMS:
        if (f->stage != FASTCGI_IN_VARIABLES)
            return FASTCGI_BROKEN;
        if (f->content_left > 0)
            return FASTCGI_MORE;
        f->stage = FASTCGI_IN_BODY;
        return FASTCGI_VARIABLES;
    case FCGI_STDIN:
        if (f->stage != FASTCGI_IN_BODY)
            return FASTCGI_BROKEN;
        if (f->content_left > 0)
            return FASTCGI_MORE;
        f->stage = FASTCGI_ENDED;
        return FASTCGI_END;
    case FCGI_ABORT_REQUEST:
        return FASTCGI_BROKEN;
    default:
        return FASTCGI_MORE;
    }
}

/* The header is complete: decide what the record means. */
static enum fastcgi_part open_record(struct fastcgi *f)
{
    FCGI_Header h = record_header(f);
    uint16_t id = record_id(&h);
    f->content_left = (uint16_t)(h.contentLengthB1 << 8 | h.contentLengthB0);
    f->padding_left = h.paddingLength;
    if (h.version != FCGI_VERSION_1 || h.type == 0)
        return FASTCGI_BROKEN;
    if (h.type == FCGI_BEGIN_REQUEST) {
        bool fits = f->stage == FASTCGI_IDLE && id != FCGI_NULL_REQUEST_ID &&
                    f->content_left == FASTCGI_HEADER;
        return fits ? FASTCGI_MORE : FASTCGI_BROKEN;
    }
    if (id == FCGI_NULL_REQUEST_ID)
        return FASTCGI_MORE;
    if (f->stage == FASTCGI_IDLE)
        return FASTCGI_BROKEN; /* the request has not begun */
    return id == f->request_id ? open_ours(f, h.type) : FASTCGI_MORE;
}

/* The flag FCGI_KEEP_CONN is not looked at: a responder may always close the connection, and a
 * stream's goes to the hub. */
static enum fastcgi_part begin_request(struct fastcgi *f, const FCGI_Header *h)
{
    FCGI_BeginRequestBody b;
    memcpy(&b, f->begin, sizeof b);
    f->request_id = record_id(h);
    f->stage = FASTCGI_IN_VARIABLES;
    return (b.roleB1 << 8 | b.roleB0) == FCGI_RESPONDER ? FASTCGI_MORE : FASTCGI_ROLE;
}

/* Records and reads may end in the middle of a pair, so all pairs are put together first. */
static enum fastcgi_part add_pairs(struct fastcgi *f, const uint8_t *bytes, size_t len)
{
    size_t room = f->pairs_room == 0 ? PAIRS_FIRST : f->pairs_room;
    if (len > REQUEST_VARIABLES_MAX - f->pairs_len)
        return FASTCGI_BROKEN;
    while (room < f->pairs_len + len)
        room *= 2;
    if (room != f->pairs_room) {
        char *pairs = realloc(f->pairs, room);
        if (!pairs)
            return FASTCGI_NOMEM;
        f->pairs = pairs;
        f->pairs_room = room;
    }
    memcpy(f->pairs + f->pairs_len, bytes, len);
    f->pairs_len += len;
    return FASTCGI_MORE;
}

/* Use `len` bytes of the record's content, which are counted as read already. */
static enum fastcgi_part take_content(struct fastcgi *f, const uint8_t *bytes, size_t len)
{
    FCGI_Header h = record_header(f);
    if (h.type == FCGI_BEGIN_REQUEST) {
        memcpy(f->begin + f->begin_have, bytes, len);
        f->begin_have = (uint8_t)(f->begin_have + len);
        return f->content_left > 0 ? FASTCGI_MORE : begin_request(f, &h);
    }
    if (f->stage == FASTCGI_IDLE || record_id(&h) != f->request_id)
        return FASTCGI_MORE;
    if (h.type == FCGI_PARAMS)
        return add_pairs(f, bytes, len);
    if (h.type != FCGI_STDIN)
        return FASTCGI_MORE;
    f->piece = (const char *)bytes;
    f->piece_len = len;
    return FASTCGI_BODY;
}

/* Read what comes next: a byte of the header, a run of content, or padding. */
static enum fastcgi_part read_run(struct fastcgi *f, const uint8_t **at, const uint8_t *end)
{
    size_t have = (size_t)(end - *at), len;
    const uint8_t *bytes = *at;
    if (f->header_have < FASTCGI_HEADER) {
        f->header[f->header_have++] = *(*at)++;
        return f->header_have == FASTCGI_HEADER ? open_record(f) : FASTCGI_MORE;
    }
    if (f->content_left > 0) {
        len = have < f->content_left ? have : f->content_left;
        *at += len;
        f->content_left = (uint16_t)(f->content_left - len);
        return take_content(f, bytes, len);
    }
    len = have < f->padding_left ? have : f->padding_left;
    *at += len;
    f->padding_left = (uint8_t)(f->padding_left - len);
    return FASTCGI_MORE;
}

enum fastcgi_part fastcgi_read(struct fastcgi *f, const uint8_t **at, const uint8_t *end)
{
    enum fastcgi_part part = FASTCGI_MORE;
    assert(f->stage != FASTCGI_ENDED);
    while (part == FASTCGI_MORE && *at < end) {
        part = read_run(f, at, end);
        if (f->header_have == FASTCGI_HEADER && f->content_left == 0 && f->padding_left == 0)
            f->header_have = 0;
    }
    return part;
}

/* A length is one byte, or four with the topmost bit set (3.4).  False: it is cut off. */
static bool read_length(const char **at, const char *end, uint32_t *out)
{
    const unsigned char *b = (const unsigned char *)*at;
    size_t have = (size_t)(end - *at);
    if (have < 1 || (b[0] >= 0x80 && have < 4))
        return false;
    *out = b[0] < 0x80 ? b[0]
                       : (uint32_t)(b[0] & 0x7f) << 24 | (uint32_t)b[1] << 16 |
                             (uint32_t)b[2] << 8 | b[3];
    *at += b[0] < 0x80 ? 1 : 4;
    return true;
}

struct pair {
    const char *name, *value;
    uint32_t name_len, value_len;
};

/* Read the pair at *at, and move *at behind it.  False: it is broken. */
static bool read_pair(const char **at, const char *end, struct pair *p)
{
    if (!read_length(at, end, &p->name_len) || !read_length(at, end, &p->value_len))
        return false;
    size_t have = (size_t)(end - *at);
    if (p->name_len > have || p->value_len > have - p->name_len)
        return false;
    p->name = *at;
    p->value = *at + p->name_len;
    *at = p->value + p->value_len;
    return !memchr(p->name, '\0', p->name_len) && !memchr(p->name, '=', p->name_len) &&
           !memchr(p->value, '\0', p->value_len);
}

/* False: one of the pairs is broken. */
static bool count_pairs(const struct fastcgi *f, size_t *count)
{
    struct pair p;
    *count = 0;
    if (!f->pairs)
        return true;
    for (const char *at = f->pairs, *end = at + f->pairs_len; at < end; ++*count)
        if (!read_pair(&at, end, &p))
            return false;
    return true;
}

/* The two lengths of a pair take at least as many bytes as '=' and NUL.  So each text fits
 * where its pair was, and no second block is needed. */
static void rewrite_pairs(struct fastcgi *f, size_t count, const char **variable)
{
    const char *at = f->pairs;
    char *out = f->pairs;
    struct pair p;
    for (size_t i = 0; i < count && read_pair(&at, f->pairs + f->pairs_len, &p); i++) {
        variable[i] = out;
        memmove(out, p.name, p.name_len);
        out += p.name_len;
        *out++ = '=';
        memmove(out, p.value, p.value_len);
        out += p.value_len;
        *out++ = '\0';
    }
    variable[count] = NULL;
}

enum fastcgi_part fastcgi_variables(struct fastcgi *f, char **text, const char ***variable)
{
    size_t count;
    assert(f->stage == FASTCGI_IN_BODY);
    if (!count_pairs(f, &count))
        return FASTCGI_BROKEN;
    *variable = malloc((count + 1) * sizeof **variable);
    if (!*variable)
        return FASTCGI_NOMEM;
    rewrite_pairs(f, count, *variable);
    *text = f->pairs;
    f->pairs = NULL;
    f->pairs_len = f->pairs_room = 0;
    return FASTCGI_VARIABLES;
}

void fastcgi_decline(const struct fastcgi *f, uint8_t out[FASTCGI_DECLINE])
{
    FCGI_EndRequestRecord r = {.header = {.version = FCGI_VERSION_1,
                                          .type = FCGI_END_REQUEST,
                                          .requestIdB1 = (uint8_t)(f->request_id >> 8),
                                          .requestIdB0 = (uint8_t)f->request_id,
                                          .contentLengthB0 = sizeof(FCGI_EndRequestBody)},
                               .body = {.protocolStatus = FCGI_UNKNOWN_ROLE}};
    memcpy(out, &r, sizeof r);
}
