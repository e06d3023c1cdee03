#include "store/rules.h"

#include <string.h>

const char *const rules_channel_prefixes[] = {"@", "user:", "rowcast:", NULL};

/* A browser's EventSource dispatches events `open` and `error` of its own (HTML Standard, 9.2);
 * the other types are those of blocks that we send, or may send one day. */
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

/* A CR or LF would end the field `event:` and begin another one, of the publisher's choice. */
bool rules_type_is_sound(const char *type)
{
    size_t len = strnlen(type, EVENT_TYPE_MAX + 1);
    return len > 0 && len <= EVENT_TYPE_MAX && !strpbrk(type, "\r\n") &&
           !rules_type_is_reserved(type);
}
