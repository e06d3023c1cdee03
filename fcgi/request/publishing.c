/* Request, address and form move into one block, because the texts of the publication point
 * into them, and because the worker that read them is free for the next connection as soon as
 * it has handed the block over. */
#include "fcgi/request/publishing.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fcgi/base/monotonic.h"
#include "fcgi/base/stop.h"
#include "fcgi/request/json.h"
#include "fcgi/request/reply.h"

enum { SLICE_MS = 100 /* between looks at a stop */ };

struct publishing *publishing_new(struct request *r, struct query *q)
{
    struct publishing *p = calloc(1, sizeof *p);
    if (!p)
        return NULL;
    p->request = *r;
    p->query = *q;
    p->form.query = &p->query;
    request_begin(r, -1, r->framing, 0);
    *q = (struct query){0};
    return p;
}

void publishing_free(struct publishing *p)
{
    if (!p)
        return;
    form_free(&p->form);
    query_free(&p->query);
    request_end(&p->request);
    rows_free(&p->rows);
    free(p->sessions);
    free(p->appending.ids);
    free(p);
}

size_t publishing_rows(const struct publishing *p)
{
    return publication_rows(&p->appending.what);
}

size_t publishing_data(const struct publishing *p)
{
    const struct publication *what = &p->appending.what;
    return what->rows ? what->rows->len : what->data_len;
}

/* The body counts twice, since a form is decoded into a copy.  This is what a bound on memory
 * is compared with (publisher_room.h), so an estimate is enough. */
static size_t size_of(const struct publishing *p)
{
    const struct request *r = &p->request;
    size_t size = sizeof *p + 2 * r->body_room + p->rows.json.room +
                  2 * sizeof *p->appending.ids * publishing_rows(p);
    for (const char **v = r->variable; v && *v; v++)
        size += sizeof *v + strlen(*v) + 1;
    return size;
}

bool publishing_prepare(struct publishing *p)
{
    p->appending.ids = calloc(publishing_rows(p), sizeof *p->appending.ids);
    p->bytes = size_of(p);
    return p->appending.ids;
}

static void answer_ids(struct publishing *p)
{
    char *json = json_of_published(&p->appending);
    /* The event is in the log.  A lack of memory for its ids must not tell the client to send
     * it again. */
    reply_json(&p->request, 200, NULL, json ? json : "{}");
    free(json);
}

/* If one row of a batch is to blame, the sentence names it. */
static void answer_failure(struct publishing *p)
{
    const struct appending *a = &p->appending;
    char place[ROWS_PLACE_SIZE], sentence[ROWS_PLACE_SIZE + 2 + STORE_WHY_SIZE];
    if (a->row == 0) {
        reply_failure(&p->request, a->result, a->why);
        return;
    }
    rows_place(&p->rows, p->request.body, p->request.body_len, a->row, place);
    snprintf(sentence, sizeof sentence, "%s: %s", place, a->why);
    reply_failure(&p->request, a->result, sentence);
}

void publishing_answer(struct publishing *p, struct unsent *unsent)
{
    p->request.unsent = unsent;
    if (p->appending.result == STORE_OK)
        answer_ids(p);
    else
        answer_failure(p);
    publishing_free(p);
}

/* Try in slices, because a plain CGI process has no other thread that would hear of a stop
 * meanwhile, and must not wait for a lock for all of STORE_PATIENCE_MS then.  What was not
 * committed when the stop came is not tried again. */
static void append_here(struct store *s, struct appending *a)
{
    int64_t until = monotonic_ms() + STORE_PATIENCE_MS;
    while (store_append_all(s, &a, 1, SLICE_MS) == STORE_BUSY) {
        if (stop_is_pending()) {
            snprintf(a->why, sizeof a->why, "%s", STOP_SENTENCE);
            return;
        }
        if (monotonic_ms() >= until)
            return;
    }
}

void publishing_commit(struct publishing *p, struct store *s)
{
    append_here(s, &p->appending);
    publishing_answer(p, NULL);
}
