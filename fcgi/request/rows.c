/* Each line is read alone before the lines are joined: otherwise two objects on one line would pass
 * for two rows.  A row is found wrong by the same function wherever it stands; only the way to the
 * next one is another in an array. */
#include "fcgi/request/rows.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "fcgi/request/json_read.h"

static const char white[] = " \t\r\n";

/* Whether the media type, without its parameters, is this one. */
static bool media_is(const char *content_type, const char *type)
{
    size_t len = strlen(type);
    return strncasecmp(content_type, type, len) == 0 && strchr("; \t", content_type[len]);
}

static size_t byte_order_mark(const char *body, size_t len)
{
    static const char mark[] = "\xef\xbb\xbf";
    size_t size = sizeof mark - 1;
    return len >= size && memcmp(body, mark, size) == 0 ? size : 0;
}

/* ---- lines --------------------------------------------------------------------------- */

struct lines {
    const char *at, *end;
    size_t number; /* of the line that was read last, from 1 */
};

static struct lines lines_of(const char *body, size_t len)
{
    return (struct lines){.at = body + byte_order_mark(body, len), .end = body + len};
}

static bool is_blank(const struct json_piece *line)
{
    for (size_t i = 0; i < line->len; i++)
        if (!memchr(white, line->at[i], sizeof white - 1))
            return false;
    return true;
}

/* The next line that is not blank, without its end. */
static bool next_line(struct lines *l, struct json_piece *line)
{
    while (l->at < l->end) {
        const char *feed = memchr(l->at, '\n', (size_t)(l->end - l->at));
        *line = (struct json_piece){l->at, (size_t)((feed ? feed : l->end) - l->at)};
        l->at = feed ? feed + 1 : l->end;
        l->number++;
        if (!is_blank(line))
            return true;
    }
    return false;
}

/* ---- rows ---------------------------------------------------------------------------- */

static bool name_row(const struct rows *rows, size_t number, const char *sentence,
                     char why[ROWS_WHY_SIZE])
{
    snprintf(why, ROWS_WHY_SIZE, "%s %zu: %s", rows->lines ? "line" : "row", number, sentence);
    return false;
}

/* Add one row, which stands in line or row `number`. */
static bool take_row(struct rows *rows, const struct json_piece *row, size_t number,
                     char why[ROWS_WHY_SIZE])
{
    char sentence[ROW_WHY_SIZE];
    if (rows->list.count == STORE_ROWS_MAX) {
        snprintf(why, ROWS_WHY_SIZE, "a batch has at most %d rows: send it in several",
                 STORE_ROWS_MAX);
        return false;
    }
    buffer_text(&rows->json, rows->list.count > 0 ? "," : "[");
    rows->list.count++;
    return row_add(&rows->json, row->at, row->len, &rows->list.has_sessions, sentence) ||
           name_row(rows, number, sentence, why);
}

static bool read_lines(struct rows *rows, const char *body, size_t len, char why[ROWS_WHY_SIZE])
{
    struct lines l = lines_of(body, len);
    struct json_piece line;
    while (next_line(&l, &line))
        if (!take_row(rows, &line, l.number, why))
            return false;
    return true;
}

static bool read_array(struct rows *rows, const char *body, size_t len, char why[ROWS_WHY_SIZE])
{
    char sentence[ROW_WHY_SIZE];
    size_t mark = byte_order_mark(body, len);
    struct json_reader r = json_read(body + mark, len - mark);
    struct json_piece row;
    if (!json_read_into(&r, '[')) {
        snprintf(why, ROWS_WHY_SIZE,
                 "application/json has to be an array of rows; for a row a line, send "
                 "application/x-ndjson");
        return false;
    }
    while (json_read_next(&r, '[', NULL, &row))
        if (!take_row(rows, &row, rows->list.count + 1, why))
            return false;
    if (r.wrong) {
        snprintf(sentence, sizeof sentence, "this is not JSON: %s, at byte %zu of the body",
                 r.wrong, (size_t)(r.at - body) + 1);
        return name_row(rows, rows->list.count + 1, sentence, why);
    }
    if (json_read_end(&r))
        return true;
    snprintf(why, ROWS_WHY_SIZE, "something follows the array, at byte %zu of the body",
             (size_t)(r.at - body) + 1);
    return false;
}

/* Whether the rows stand a line each, by the content type, or else by the first byte. */
static bool has_lines(const char *body, size_t len, const char *content_type)
{
    struct lines l = lines_of(body, len);
    struct json_piece line;
    if (media_is(content_type, "application/x-ndjson"))
        return true;
    if (media_is(content_type, "application/json") || !next_line(&l, &line))
        return false;
    size_t at = 0;
    while (memchr(white, line.at[at], sizeof white - 1))
        at++;
    return line.at[at] != '[';
}

enum rows_result rows_read(struct rows *rows, const char *body, size_t len,
                           const char *content_type, char why[ROWS_WHY_SIZE])
{
    struct lines l = lines_of(body, len);
    struct json_piece any;
    bool empty = !next_line(&l, &any);
    *rows = (struct rows){.lines = has_lines(body, len, content_type)};
    if (!empty && !(rows->lines ? read_lines : read_array)(rows, body, len, why))
        return ROWS_WRONG;
    if (rows->list.count == 0) {
        snprintf(why, ROWS_WHY_SIZE, "there is no row: a batch has 1 to %d", STORE_ROWS_MAX);
        return ROWS_WRONG;
    }
    buffer_text(&rows->json, "]");
    rows->list.json = rows->json.bytes;
    rows->list.len = rows->json.len;
    return rows->json.failed ? ROWS_NOMEM : ROWS_OK;
}

void rows_free(struct rows *rows)
{
    buffer_free(&rows->json);
}

void rows_place(const struct rows *rows, const char *body, size_t len, size_t n,
                char place[ROWS_PLACE_SIZE])
{
    struct lines l = lines_of(body, len);
    struct json_piece line;
    size_t at = 0;
    while (rows->lines && at < n && next_line(&l, &line))
        at++;
    snprintf(place, ROWS_PLACE_SIZE, "%s %zu", rows->lines ? "line" : "row",
             rows->lines ? l.number : n);
}
