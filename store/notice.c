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
    pthread_mutex_unlock(&lock);
    if (!again)
        notice_again(line);
}
