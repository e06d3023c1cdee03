/* What people should know although no call failed.  The engine says it, and the function that
 * store_notices() set hears it.  Private to store/.
 *
 * Thread: any. */
#ifndef ROWCAST_STORE_NOTICE_H
#define ROWCAST_STORE_NOTICE_H

#include "store/store.h"

/* Say a sentence, unless the last one was the same: each thread finds out the same things. */
void notice(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The same, even if it was said before. */
void notice_again(const char *line);

/* A notice of any kind; the caller takes care not to repeat it. */
void notice_of(enum store_notice what, const char *text);

#endif
