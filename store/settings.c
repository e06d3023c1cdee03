#include "store/settings.h"

#include <stdlib.h>

struct settings *settings_new(void)
{
    struct settings *s = malloc(sizeof *s);
    if (!s)
        return NULL;
    *s = (struct settings){
        .version = -1,
        .buffer_size = 1000,
        .buffer_age = 86400,
        .buffer_bytes = 64 << 20,
        .buffer_ttl = 30,
        .enable_reconnection = true,
        .cleanup_interval = 10,
        .heartbeat_interval = 15,
        .retry = 3000,
        .stream_max_age = 0,
        .max_event_bytes = 1 << 20,
        .tail_bytes = 8 << 20,
        .memory_bytes = 48 << 20,
        .mark_replayed = true,
        .session_check = SESSION_CHECK_USER_AGENT,
        .cookie_name = "sse-session-id",
    };
    atomic_init(&s->refs, 1);
    return s;
}

struct settings *settings_ref(struct settings *s)
{
    atomic_fetch_add_explicit(&s->refs, 1, memory_order_relaxed);
    return s;
}

void settings_unref(struct settings *s)
{
    if (s && atomic_fetch_sub_explicit(&s->refs, 1, memory_order_acq_rel) == 1)
        free(s);
}

int64_t settings_heartbeat(const struct settings *s, int64_t asked)
{
    return asked > 0 && asked < s->heartbeat_interval ? asked : s->heartbeat_interval;
}
