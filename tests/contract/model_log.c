#include <assert.h>
#include <string.h>

#include "tests/contract/model.h"

static int64_t greater(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static int64_t smaller(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* ---- questions --------------------------------------------------------------------- */

bool model_listens(const struct model_filter *f, const char *mailbox)
{
    if (mailbox[0] == '@')
        return f->session_id && strcmp(mailbox + 1, f->session_id) == 0;
    if (!mailbox[0])
        return true;
    for (size_t i = 0; i < f->channels; i++)
        if (strcmp(f->channel[i], mailbox) == 0)
            return true;
    return false;
}

bool model_wants(const struct model_filter *f, const struct model_row *r)
{
    return !r->due && model_listens(f, r->mailbox) &&
           (!f->types[0] || strchr(f->types, r->type));
}

const struct model_box *model_box(const struct model *m, const char *mailbox)
{
    for (size_t i = 0; i < m->boxes; i++)
        if (strcmp(m->box[i].name, mailbox) == 0)
            return &m->box[i];
    return NULL;
}

int64_t model_trimmed_to(const struct model *m, const char *mailbox)
{
    const struct model_box *b = model_box(m, mailbox);
    return b ? b->trimmed_to : m->forgotten_to;
}

int64_t model_kept(const struct model *m, const char *mailbox)
{
    int64_t n = 0;
    for (size_t i = 0; i < m->rows; i++)
        n += strcmp(m->row[i].mailbox, mailbox) == 0;
    return n;
}

int64_t model_oldest(const struct model *m, const struct model_filter *f, int64_t after)
{
    for (size_t i = 0; i < m->rows; i++)
        if (m->row[i].id > after && !m->row[i].due && model_listens(f, m->row[i].mailbox))
            return m->row[i].id;
    return 0;
}

/* ---- changes ----------------------------------------------------------------------- */

static struct model_box *remember(struct model *m, const char *mailbox)
{
    struct model_box *b = (struct model_box *)model_box(m, mailbox);
    if (b)
        return b;
    assert(m->boxes < MODEL_BOXES);
    b = &m->box[m->boxes++];
    strcpy(b->name, mailbox);
    b->trimmed_to = m->forgotten_to;
    return b;
}

/* Without a word to anybody. */
static void take_row(struct model *m, size_t i)
{
    m->bytes -= m->row[i].bytes;
    memmove(&m->row[i], &m->row[i + 1], (--m->rows - i) * sizeof m->row[i]);
}

static void drop_row(struct model *m, size_t i)
{
    const struct model_row r = m->row[i];
    struct model_box *b = remember(m, r.mailbox);
    b->trimmed_to = greater(b->trimmed_to, r.id);
    m->end.trimmed_to = greater(m->end.trimmed_to, r.id);
    take_row(m, i);
}

/* What the newest row replaces is not missing. */
static void take_older_of_its_key(struct model *m)
{
    const struct model_row newest = m->row[m->rows - 1];
    for (size_t i = m->rows - 1; newest.key && i-- > 0;)
        if (m->row[i].key == newest.key && strcmp(m->row[i].mailbox, newest.mailbox) == 0)
            take_row(m, i);
}

static void drop_oldest_of(struct model *m, const char *mailbox)
{
    for (size_t i = 0; i < m->rows; i++)
        if (strcmp(m->row[i].mailbox, mailbox) == 0) {
            drop_row(m, i);
            return;
        }
}

/* At most a hundred go for each event that comes. */
static void keep_the_size(struct model *m, const char *mailbox)
{
    int64_t excess = model_kept(m, mailbox) - m->buffer_size;
    for (int i = 0; i < 100 && i < excess; i++)
        drop_oldest_of(m, mailbox);
}

/* Whether there is a row that is not the one with the newest id. */
static bool has_older_row(const struct model *m)
{
    return m->rows > 0 && m->row[0].id < m->end.last_id;
}

/* One goes; where that is not enough, as many as the newest needs, and up to 99 more. */
static void keep_the_bytes(struct model *m)
{
    int64_t freed = 0, newest = 0;
    if (m->buffer_bytes == 0 || m->bytes <= m->buffer_bytes || !has_older_row(m))
        return;
    if (m->row[m->rows - 1].id == m->end.last_id)
        newest = m->row[m->rows - 1].bytes;
    drop_row(m, 0);
    int64_t excess = m->bytes - m->buffer_bytes;
    for (int n = 0; has_older_row(m) && freed < excess && (n < 99 || freed < newest); n++) {
        freed += m->row[0].bytes;
        drop_row(m, 0);
    }
}

void model_publish(struct model *m, const char *mailbox, char type, char key, bool brief,
                   int64_t data_len)
{
    struct model_row r = {.id = ++m->end.last_id,
                          .type = type,
                          .key = key,
                          .brief = brief,
                          .bytes = 200 + data_len};
    assert(m->rows < MODEL_ROWS);
    strcpy(r.mailbox, mailbox);
    remember(m, mailbox);
    m->row[m->rows++] = r;
    take_older_of_its_key(m);
    keep_the_size(m, mailbox);
    m->bytes += r.bytes;
    keep_the_bytes(m);
}

int64_t model_publish_once(struct model *m, const char *mailbox, char type, char key,
                           char dedup_key, int64_t data_len)
{
    for (size_t i = 0; dedup_key && i < m->rows; i++)
        if (m->row[i].dedup_key == dedup_key && strcmp(m->row[i].mailbox, mailbox) == 0)
            return m->row[i].id;
    model_publish(m, mailbox, type, key, false, data_len);
    m->row[m->rows - 1].dedup_key = dedup_key; /* the newest row always stays */
    return m->end.last_id;
}

void model_become_due(struct model *m)
{
    for (size_t i = 0; i < m->rows; i++)
        m->row[i].due = m->row[i].brief;
}

/* Nobody misses it. */
bool model_take_due(struct model *m)
{
    size_t before = m->rows;
    for (size_t i = m->rows; i-- > 0;)
        if (m->row[i].due)
            take_row(m, i);
    return m->rows < before;
}

void model_delete(struct model *m, const char *mailbox, int64_t from, int64_t to)
{
    for (size_t i = m->rows; i-- > 0;)
        if (m->row[i].id >= from && m->row[i].id <= to &&
            (!mailbox || strcmp(m->row[i].mailbox, mailbox) == 0)) {
            remember(m, m->row[i].mailbox)->removed |= m->row[i].key != '\0';
            drop_row(m, i);
        }
}

void model_empty(struct model *m, const char *mailbox)
{
    for (size_t i = m->rows; i-- > 0;)
        if (strcmp(m->row[i].mailbox, mailbox) == 0)
            drop_row(m, i);
}

void model_tell_removals(struct model *m)
{
    bool any = false;
    for (size_t i = 0; i < m->boxes; i++)
        any |= m->box[i].removed;
    m->end.last_id += any;
    if (any)
        keep_the_bytes(m); /* as with each new id */
    for (size_t i = 0; i < m->boxes; i++)
        if (m->box[i].removed) {
            m->box[i].removed = false;
            m->box[i].trimmed_to = m->end.trimmed_to = m->end.last_id;
        }
}

bool model_forget(struct model *m, const char *mailbox)
{
    struct model_box *b = (struct model_box *)model_box(m, mailbox);
    if (model_kept(m, mailbox) > 0)
        return false;
    if (!b)
        return true;
    m->forgotten_to = greater(m->forgotten_to, b->trimmed_to);
    *b = m->box[--m->boxes];
    return true;
}

void model_put_back(struct model *m, int64_t n)
{
    int64_t last = m->end.last_id -= n;
    while (m->rows > 0 && m->row[m->rows - 1].id > last)
        m->bytes -= m->row[--m->rows].bytes;
    for (size_t i = 0; i < m->boxes; i++)
        m->box[i].trimmed_to = smaller(m->box[i].trimmed_to, last);
    m->end.trimmed_to = smaller(m->end.trimmed_to, last);
    m->forgotten_to = smaller(m->forgotten_to, last);
}
