#include <stdlib.h>
#include <string.h>

#include "tests/scenario/browser.h"

void text_add(struct text *t, const char *bytes, size_t n)
{
    if (t->len + n + 1 > t->size) {
        t->size = (t->len + n + 1) * 2;
        t->bytes = realloc(t->bytes, t->size);
        assert_non_null(t->bytes);
    }
    memcpy(t->bytes + t->len, bytes, n);
    t->len += n;
    t->bytes[t->len] = '\0';
}

void text_clear(struct text *t)
{
    t->len = 0;
    if (t->bytes)
        t->bytes[0] = '\0';
}

void text_free(struct text *t)
{
    free(t->bytes);
    *t = (struct text){0};
}

void parser_next(struct parser *p)
{
    text_clear(&p->data);
    text_clear(&p->type);
    p->has_data = false;
}

void parser_reset(struct parser *p)
{
    parser_next(p);
    text_clear(&p->line);
    p->after_cr = p->began = false;
}

void parser_free(struct parser *p)
{
    text_free(&p->line);
    text_free(&p->data);
    text_free(&p->type);
    text_free(&p->id_buffer);
}

static int set_retry(const char *value, int64_t *retry_ms)
{
    if (!*value || value[strspn(value, "0123456789")] || strlen(value) > 15)
        return PARSED_NOTHING;
    *retry_ms = atoll(value);
    return PARSED_RETRY;
}

static int field(struct parser *p, const char *name, const char *value, size_t n,
                 int64_t *retry)
{
    if (strcmp(name, "event") == 0) {
        text_clear(&p->type);
        text_add(&p->type, value, n);
    } else if (strcmp(name, "data") == 0) {
        text_add(&p->data, value, n);
        text_add(&p->data, "\n", 1);
        p->has_data = true;
    } else if (strcmp(name, "id") == 0 && !memchr(value, '\0', n)) {
        text_clear(&p->id_buffer);
        text_add(&p->id_buffer, value, n);
    } else if (strcmp(name, "retry") == 0) {
        return set_retry(value, retry);
    }
    return PARSED_NOTHING;
}

static int line_complete(struct parser *p, int64_t *retry)
{
    text_add(&p->line, "", 0);
    char *line = p->line.bytes, *colon = memchr(line, ':', p->line.len);
    if (p->line.len == 0) {
        if (p->has_data) {
            p->data.bytes[--p->data.len] = '\0'; /* the last line's end */
            return PARSED_EVENT;
        }
        text_clear(&p->type);
        return PARSED_BLOCK;
    }
    if (!colon)
        return field(p, line, "", 0, retry);
    if (colon == line)
        return PARSED_NOTHING;
    *colon = '\0';
    const char *value = colon + 1;
    if (*value == ' ')
        value++;
    return field(p, line, value, (size_t)(line + p->line.len - value), retry);
}

size_t parser_run(struct parser *p, const char *bytes, size_t n)
{
    size_t run = 0;
    if (!p->began || p->after_cr)
        return 0;
    while (run < n && bytes[run] != '\n' && bytes[run] != '\r')
        run++;
    text_add(&p->line, bytes, run);
    return run;
}

int parser_byte(struct parser *p, char c, int64_t *retry_ms)
{
    if (c == '\n' && p->after_cr) {
        p->after_cr = false;
        return PARSED_NOTHING;
    }
    p->after_cr = c == '\r';
    if (c != '\n' && c != '\r') {
        text_add(&p->line, &c, 1);
        if (!p->began && p->line.len == 3) {
            p->began = true;
            if (memcmp(p->line.bytes, "\xef\xbb\xbf", 3) == 0)
                text_clear(&p->line);
        }
        return PARSED_NOTHING;
    }
    p->began = true;
    int what = line_complete(p, retry_ms);
    text_clear(&p->line);
    return what;
}
