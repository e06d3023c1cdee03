#include "store/shell_line.h"

#include <stdio.h>
#include <string.h>

struct line {
    char *text;
    size_t size, len;
    bool failed;
};

static void add(struct line *l, const char *text)
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
    add(l, c == '\'' ? "'\\''" : one);
}

static void add_text(struct line *l, const char *text)
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
            add_text(l, number);
        else
            add_text(l, *value == '\'' ? "''" : (const char[]){*value, '\0'});
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
    add(l, quoted ? "'" : "");
    add_text(l, path);
    add(l, quoted ? "'" : "");
}

bool shell_line_set(char *out, size_t size, const char *path, const char *name,
                    const char *value)
{
    struct line l = {.text = out, .size = size};
    add(&l, "sqlite3 ");
    add_path(&l, path);
    add(&l, " 'UPDATE rowcast_config SET value = ");
    add_sql(&l, value);
    add(&l, " WHERE name = ");
    add_sql(&l, name);
    add(&l, "'");
    return !l.failed;
}
