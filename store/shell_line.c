#include "store/shell_line.h"

#include <stdio.h>
#include <string.h>

struct line {
    char *text;
    size_t size, len;
    bool failed;
};

static void line_add(struct line *l, const char *text)
{
    size_t n = strlen(text);
    l->failed |= l->len + n >= l->size;
    if (l->failed)
        return;
    memcpy(l->text + l->len, text, n + 1);
    l->len += n;
}

/* Inside a word that stands in single quotes. */
static void add_char(struct line *l, char c)
{
    const char one[] = {c, '\0'};
    line_add(l, c == '\'' ? "'\\''" : one);
}

static void line_add_text(struct line *l, const char *text)
{
    for (; *text; text++)
        add_char(l, *text);
}

static bool is_plain(char c)
{
    return (unsigned char)c >= 0x20 && c != 0x7F && c != '"';
}

/* A text of SQL, in that word: 'it''s', and what is not plain by its number. */
static void add_sql(struct line *l, const char *value)
{
    char number[24];
    add_char(l, '\'');
    for (; *value; value++) {
        snprintf(number, sizeof number, "'||char(%d)||'", (unsigned char)*value);
        if (!is_plain(*value))
            line_add_text(l, number);
        else
            line_add_text(l, *value == '\'' ? "''" : (const char[]){*value, '\0'});
    }
    add_char(l, '\'');
}

static void add_path(struct line *l, const char *path)
{
    static const char harmless[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                   "0123456789_./-";
    bool quoted = path[strspn(path, harmless)] != '\0';
    for (const char *p = path; *p; p++)
        l->failed |= !is_plain(*p);
    line_add(l, quoted ? "'" : "");
    line_add_text(l, path);
    line_add(l, quoted ? "'" : "");
}

bool shell_line_set(char *out, size_t size, const char *path, const char *name,
                    const char *value)
{
    struct line l = {.text = out, .size = size};
    line_add(&l, "sqlite3 ");
    add_path(&l, path);
    line_add(&l, " 'UPDATE rowcast_config SET value = ");
    add_sql(&l, value);
    line_add(&l, " WHERE name = ");
    add_sql(&l, name);
    line_add(&l, "'");
    return !l.failed;
}
