#include "store/rules.h"

#include <string.h>

const char *const rules_channel_prefixes[] = {"@", "user:", "rowcast:", NULL};

/* EventSource has events `open` and `error` of its own; the others are blocks that we send, or
 * may send one day. */
const char *const rules_reserved_types[] = {
    "open",       "error",     "opening", "connected",    "gap",
    "replay-end", "heartbeat", "later",   "replay-start", NULL};

bool rules_channel_is_reserved(const char *channel)
{
    for (const char *const *prefix = rules_channel_prefixes; *prefix; prefix++)
        if (strncmp(channel, *prefix, strlen(*prefix)) == 0)
            return true;
    return false;
}

bool rules_type_is_reserved(const char *type)
{
    for (const char *const *word = rules_reserved_types; *word; word++)
        if (strcmp(type, *word) == 0)
            return true;
    return false;
}

bool rules_type_is_sound(const char *type)
{
    size_t len = strnlen(type, EVENT_TYPE_MAX + 1);
    return len > 0 && len <= EVENT_TYPE_MAX && !strpbrk(type, "\r\n") &&
           !rules_type_is_reserved(type);
}
