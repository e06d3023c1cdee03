/* The store knows no log file, which is the program's.  So it hands its notices to a function
 * that the program set, which may be called from every thread that uses a store. */
#include "store/notice.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static _Atomic(store_say) listener;

void store_notices(store_say to)
{
    listener = to;
}

/* `listener` is read once: another thread may set it to NULL between a test and a call. */
void notice_of(enum store_notice what, const char *text)
{
    store_say tell = listener;
    if (tell)
        tell(what, text);
}

void notice_again(const char *line)
{
    notice_of(STORE_NOTICE_FILES, line);
}

/* Only the last sentence is remembered.  That is enough: the threads of a process open the same
 * files one after the other, and find the same thing wrong with them. */
void notice(const char *format, ...)
{
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    static char last[1024];
    char line[sizeof last];
    va_list args;
    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    pthread_mutex_lock(&lock);
    bool again = strcmp(last, line) == 0;
    memcpy(last, line, sizeof last);
    pthread_mutex_unlock(&lock); /* first: the function that hears it may be slow */
    if (!again)
        notice_again(line);
}
