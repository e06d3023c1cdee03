/* What people should know although no call failed: an engine says it, whoever store_notices
 * named hears it.  Private to store/.
 *
 * Thread: any. */
#ifndef ROWCAST_STORE_NOTICE_H
#define ROWCAST_STORE_NOTICE_H

#include "store/store.h"

/* Say a sentence, unless it is the one that was said last: each thread finds the same out. */
void notice(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The same, also when it was said before. */
void notice_again(const char *line);

/* Something of another kind; whoever says it takes care not to repeat it. */
void notice_of(enum store_notice what, const char *text);

#endif
