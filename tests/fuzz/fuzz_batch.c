/* Any bytes as the body of a batch: what is taken is JSON in the form of the store, and jansson
 * agrees about what is JSON, as far as it can. */
#include <jansson.h>
#include <stdbool.h>
#include <string.h>

#include "fcgi/request/json_read.h"
#include "fcgi/request/rows.h"
#include "tests/fuzz/reached.h"

enum {
    IN_LINES,
    IN_AN_ARRAY,
    WRONG,
    NO_ROW,
    FOR_A_SESSION,
    NO_TEXT,
    IS_JSON,
    NO_JSON,
    TOO_DEEP
};
static struct point points[] = {{"rows in lines", 0},
                                {"rows in an array", 0},
                                {"a row that is wrong", 0},
                                {"a body without a row", 0},
                                {"a row for a session", 0},
                                {"data that is not a text", 0},
                                {"JSON", 0},
                                {"what is no JSON", 0},
                                {"JSON that is too deep", 0},
                                {NULL, 0}};

enum { FLAGS = JSON_DECODE_ANY | JSON_DECODE_INT_AS_REAL | JSON_ALLOW_NUL };

static void must(bool is_so)
{
    if (!is_so)
        abort();
}

/* Halves of surrogate pairs: their escapes are JSON, but jansson has no text for them. */
static bool may_have_a_half(const char *text, size_t n)
{
    return memmem(text, n, "\\ud", 3) || memmem(text, n, "\\uD", 3);
}

static void compare(const char *text, size_t n)
{
    struct json_reader r = json_read(text, n);
    struct json_piece value;
    json_error_t e;
    bool ours = json_read_value(&r, &value) && json_read_end(&r);
    json_t *theirs = json_loadb(text, n, FLAGS, &e);
    if (ours && !theirs) {
        enum json_error_code why = json_error_code(&e);
        must(why == json_error_numeric_overflow || why == json_error_null_byte_in_key ||
             may_have_a_half(text, n));
    }
    if (!ours && theirs && !memchr(text, '\0', n)) { /* which jansson takes for the end */
        must(r.wrong && strstr(r.wrong, "deep"));
        reach(TOO_DEEP);
    }
    const char *string = json_string_value(theirs); /* NULL: it is none */
    if (ours && string) {
        bool nul = strlen(string) != json_string_length(theirs);
        must(nul == ((json_string_flaws(&value) & JSON_NUL) != 0));
        must(!(json_string_flaws(&value) & JSON_HALF));
    }
    reach(ours ? IS_JSON : NO_JSON);
    json_decref(theirs);
}

static void check_row(const json_t *row)
{
    must(json_is_array(row) && json_array_size(row) == 7);
    for (size_t i = 0; i < 6; i++) {
        const json_t *member = json_array_get(row, i);
        bool may_lack = i == 1 || i == 4 || i == 5;
        must(json_is_string(member) || (may_lack && json_is_null(member)));
        if (json_is_string(member))
            must(strlen(json_string_value(member)) == json_string_length(member));
    }
    const json_t *expires = json_array_get(row, 6);
    must(json_is_null(expires) || (json_is_real(expires) && json_real_value(expires) >= 1));
    if (json_is_string(json_array_get(row, 1)))
        reach(FOR_A_SESSION);
    const char *data = json_string_value(json_array_get(row, 3));
    if (data[0] == '{')
        reach(NO_TEXT);
}

static void check_rows(const struct rows *rows, const char *body, size_t n)
{
    char place[ROWS_PLACE_SIZE];
    json_error_t e;
    json_t *all = json_loadb(rows->list.json, rows->list.len, FLAGS, &e);
    must(all && json_array_size(all) == rows->list.count);
    must(rows->list.count > 0 && rows->list.count <= STORE_ROWS_MAX);
    for (size_t i = 0; i < rows->list.count; i++) {
        check_row(json_array_get(all, i));
        rows_place(rows, body, n, i + 1, place);
        must(strtoul(place + (rows->lines ? 5 : 4), NULL, 10) > i);
    }
    reach(rows->lines ? IN_LINES : IN_AN_ARRAY);
    json_decref(all);
}

static void read_body(const char *body, size_t n, const char *type)
{
    struct rows rows;
    char why[ROWS_WHY_SIZE];
    memset(why, 'x', sizeof why);
    switch (rows_read(&rows, body, n, type, why)) {
    case ROWS_OK:
        check_rows(&rows, body, n);
        break;
    case ROWS_WRONG:
        must(strnlen(why, sizeof why) > 10 && strnlen(why, sizeof why) < sizeof why);
        reach(strstr(why, "no row") ? NO_ROW : WRONG);
        break;
    case ROWS_NOMEM:
        break;
    }
    rows_free(&rows);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    char *own = malloc(n > 0 ? n : 1);
    if (!own)
        return 0;
    if (n > 0)
        memcpy(own, bytes, n);
    compare(own, n);
    read_body(own, n, "application/x-ndjson");
    read_body(own, n, "application/json; charset=utf-8");
    read_body(own, n, "");
    free(own);
    return 0;
}
