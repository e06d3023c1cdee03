/* The one way in which events are read: a cursor asks, a batch answers.
 *
 * Thread: that of the store given. */
#ifndef ROWCAST_FCGI_REPLAY_H
#define ROWCAST_FCGI_REPLAY_H

#include "fcgi/stream/batch.h"
#include "store/store.h"

/* The rows that follow `q->after`, formatted, with the holes; *out has one reference.  *end
 * is the log's end at that moment: a batch whose `through` is end->last_id reaches it.  When
 * the log ends at or before q->after, *out is NULL and the result STORE_OK. */
enum store_result replay_next(struct store *s, struct batch_builder *w,
                              const struct settings *settings, const struct store_question *q,
                              struct batch **out, struct store_end *end);

#endif
