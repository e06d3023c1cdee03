/* Whatever comes in here was written by a stranger and is shown to people later (/stats, a
 * query in the shell).  So it is bounded (META_VALUE_SIZE, META_HEADERS_MAX,
 * META_HEADERS_SIZE), one line, and JSON whatever was sent. */
#include "fcgi/request/meta.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "fcgi/base/buffer.h"

void meta_clip(char *out, size_t size, const char *text)
{
    size_t len = strnlen(text, size);
    /* Not in the middle of a character: back to its first byte. */
    if (len == size)
        for (len--; len > 0 && ((unsigned char)text[len] & 0xc0) == 0x80;)
            len--;
    for (size_t i = 0; i < len; i++)
        out[i] = (unsigned char)text[i] < 0x20 || text[i] == 0x7f ? ' ' : text[i];
    out[len] = '\0';
}

/* All but printable ASCII is written as an escape, byte by byte: a header's other bytes have no
 * agreed meaning, and read as Latin-1 they are JSON whatever was sent. */
static void add_string(struct buffer *out, const char *text)
{
    buffer_text(out, "\"");
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        if (c < 0x20 || c > 0x7e || c == '"' || c == '\\')
            buffer_printf(out, "\\u%04x", c);
        else
            buffer_add(out, text, 1);
    }
    buffer_text(out, "\"");
}

static bool add_header(struct buffer *out, const struct request *r, const char *name,
                       bool first)
{
    char value[META_VALUE_SIZE];
    size_t before = out->len;
    meta_clip(value, sizeof value, request_header(r, name));
    if (!value[0])
        return false;
    buffer_text(out, first ? "" : ",");
    add_string(out, name);
    buffer_text(out, ":");
    add_string(out, value);
    if (out->len + 2 <= META_HEADERS_SIZE)
        return true;
    out->len = before;
    return false;
}

char *meta_headers(const struct request *r, const char *names)
{
    struct buffer out = {0};
    char *copy = strdup(names), *rest = copy;
    int kept = 0;
    if (!copy)
        return NULL;
    buffer_text(&out, "{");
    for (char *name; (name = strsep(&rest, ", \t")) && kept < META_HEADERS_MAX;)
        kept += name[0] != '\0' && add_header(&out, r, name, kept == 0);
    buffer_add(&out, "}", 2); /* with its NUL */
    free(copy);
    if (!out.failed)
        return out.bytes;
    buffer_free(&out);
    return NULL;
}
