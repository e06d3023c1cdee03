/* Many connections of a process find the same things, so the process remembers its newest
 * sentences. */
#include "store/sqlite/tell.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "store/notice.h"
#include "store/sqlite/engine.h"
#include "store/sqlite/now.h"

enum { SAID = 8, SAID_MS = 60000 };

static struct {
    pthread_mutex_t lock;
    struct {
        uint64_t hash;
        int64_t at;
    } said[SAID];
    size_t next;
} news = {.lock = PTHREAD_MUTEX_INITIALIZER};

static bool was_said(const char *line, int64_t now)
{
    uint64_t hash = mailbox_hash(line);
    for (size_t i = 0; i < SAID; i++)
        if (news.said[i].hash == hash && now - news.said[i].at < SAID_MS)
            return true;
    news.said[news.next].hash = hash;
    news.said[news.next].at = now;
    news.next = (news.next + 1) % SAID;
    return false;
}

void log_tell(struct sqlite_store *s, enum store_notice what, const char *format, ...)
{
    char line[sizeof s->told];
    va_list args;
    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    if (what == STORE_NOTICE_FILES)
        memcpy(s->told, line, sizeof line);
    pthread_mutex_lock(&news.lock);
    bool is_news = !was_said(line, now_monotonic_ms());
    pthread_mutex_unlock(&news.lock);
    if (is_news)
        notice_of(what, line);
}
