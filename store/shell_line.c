/* A value goes through three hands: the program's log file, a person's shell and SQLite.
 *
 * The shell gets one word in single quotes, in which only the quote itself is special: '\''
 * ends the word, adds a quote and begins the word again.  SQL gets a literal in single quotes of
 * its own, which are therefore written as '\'' each.  What the log file would replace is
 * written by its number, as char(10), so the text of the command is always plain. */
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

/* Add one character to a word that stands in single quotes. */
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

/* Add a literal of SQL to that word: 'it''s', and by its number what is not plain.  Bytes beyond
 * ASCII stay as they are, since char() would take each for a character of its own. */
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

/* A path is not SQL, so there is no char() to write a character with that is not plain: then
 * there is no command.  Quotes are left out if they are not needed, as people write paths. */
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
