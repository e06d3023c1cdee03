/* All of this was written by a stranger, and is shown to people later by a query in the shell.
 * So it is bounded (META_VALUE_SIZE, META_HEADERS_MAX, META_HEADERS_SIZE), stays on one line,
 * and is valid JSON whatever was sent. */
#include "fcgi/request/meta.h"

#include <stdlib.h>
#include <string.h>

#include "fcgi/request/json.h"

void meta_clip(char *out, size_t size, const char *text)
{
    size_t len = strnlen(text, size);
    /* Do not cut in the middle of a character: go back to its first byte. */
    if (len == size)
        for (len--; len > 0 && ((unsigned char)text[len] & 0xc0) == 0x80;)
            len--;
    for (size_t i = 0; i < len; i++)
        out[i] = (unsigned char)text[i] < 0x20 || text[i] == 0x7f ? ' ' : text[i];
    out[len] = '\0';
}

char *meta_headers(const struct request *r, const char *names)
{
    struct json_header kept[META_HEADERS_MAX];
    char value[META_HEADERS_MAX][META_VALUE_SIZE];
    char *copy = strdup(names), *rest = copy;
    size_t n = 0;
    if (!copy)
        return NULL;
    for (char *name; (name = strsep(&rest, ", \t")) && n < META_HEADERS_MAX;) {
        meta_clip(value[n], sizeof value[n], name[0] ? request_header(r, name) : "");
        kept[n] = (struct json_header){.name = name, .value = value[n]};
        n += value[n][0] != '\0';
    }
    char *json = json_of_headers(kept, n, META_HEADERS_SIZE);
    free(copy);
    return json;
}
