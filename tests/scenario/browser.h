/* The inside of a browser, for browser.c and its parser. */
#ifndef ROWCAST_SCENARIO_BROWSER_H
#define ROWCAST_SCENARIO_BROWSER_H

#include "tests/scenario/scenario.h"
#include "tests/scenario/wire.h"

struct text {
    char *bytes; /* NUL-terminated once anything was added */
    size_t len, size;
};
void text_add(struct text *t, const char *bytes, size_t n);
void text_clear(struct text *t);
void text_free(struct text *t);

/* WHATWG HTML 9.2.6, "Interpreting an event stream". */
struct parser {
    struct text line, data, type, id_buffer;
    bool after_cr; /* a LF that follows belongs to the line before */
    bool began;    /* the byte order mark was looked for */
    bool has_data;
};
enum {
    PARSED_NOTHING,
    PARSED_EVENT, /* type and data hold an event until parser_next */
    PARSED_BLOCK, /* a block without data: only its id counts */
    PARSED_RETRY
};
/* Take what begins `bytes` and ends no line; how many bytes that was. */
size_t parser_run(struct parser *p, const char *bytes, size_t n);
int parser_byte(struct parser *p, char c, int64_t *retry_ms);
void parser_next(struct parser *p);  /* forget the event that was dispatched */
void parser_reset(struct parser *p); /* a new connection: only the last event id stays */
void parser_free(struct parser *p);

struct browser {
    struct stage *stage;
    struct browser *next;
    char *path;
    char headers[4096]; /* of the caller's */
    char cookie[256];
    struct wire wire;
    struct parser parser;
    struct sse_event event;
    struct text body;
    char last_id[256]; /* the last event id string of the source */
    int64_t retry_ms;
    int64_t back_at; /* reconnects then; 0: connected */
    bool dispatched; /* parser and event are waiting to be cleared */
    bool dead, closed, comes_back;
    char chunk[16384];
    size_t chunk_start, chunk_end;
};

void browsers_free(struct stage *s);

#endif
