/* Reading JSON (RFC 8259) as it stands.  Nothing is decoded, copied or allocated: what is found is
 * a piece of the text.
 *
 * jansson, which writes our JSON, does not read what publishers send.  It rewrites numbers (0.1
 * becomes 0.10000000000000001), refuses those that it cannot hold, and takes twenty times the
 * memory of the text.  And when memory is short, it loses a character without a word (2.14;
 * measured: the name of a channel was another one then).
 *
 * Pure.  Thread: any. */
#ifndef ROWCAST_FCGI_JSON_READ_H
#define ROWCAST_FCGI_JSON_READ_H

#include <stdbool.h>
#include <stddef.h>

enum { JSON_DEPTH_MAX = 1000 }; /* arrays and objects in each other; more are refused */

/* A value, or a member's name in its quotes, as it stands. */
struct json_piece {
    const char *at; /* NULL: there is none */
    size_t len;
};

struct json_reader {
    const char *at, *end; /* what is left to read */
    const char *wrong;    /* what is wrong at `at`, in words; NULL: nothing */
};

struct json_reader json_read(const char *text, size_t len);

/* Read a whole value, with the white space before it.  False: it is not JSON. */
bool json_read_value(struct json_reader *r, struct json_piece *value);

/* Whether only white space is left; reads it. */
bool json_read_end(struct json_reader *r);

/* Go into an array ('[') or an object ('{'), if one begins here.  Then each call of the second
 * function reads one element, or one member and its `name` (of an array: NULL).  False: there
 * are no more, and `at` is behind the bracket; or r->wrong says what is wrong. */
bool json_read_into(struct json_reader *r, char bracket);
bool json_read_next(struct json_reader *r, char bracket, struct json_piece *name,
                    struct json_piece *value);

/* What a string that was read has, and some texts must not have. */
enum {
    JSON_NUL = 1,     /* \u0000 */
    JSON_CONTROL = 2, /* a control character, NUL among them */
    JSON_HALF = 4     /* half of a surrogate pair, which is no character */
};
unsigned json_string_flaws(const struct json_piece *string);

#endif
