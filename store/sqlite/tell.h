/* What is wrong with the files although no call failed.
 *
 * Thread: that of the store. */
#ifndef ROWCAST_STORE_SQLITE_TELL_H
#define ROWCAST_STORE_SQLITE_TELL_H

#include "store/store.h"

struct sqlite_store;

/* Say a notice, a sentence, the same one once a minute at most.  s->told keeps those of the kind
 * STORE_NOTICE_FILES. */
void log_tell(struct sqlite_store *s, enum store_notice what, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
