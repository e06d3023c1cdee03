/* Positions come from many authors: EventSource itself, polyfills, pages that once kept "null"
 * in their storage.  Of several ids of one epoch the smallest counts: to begin too early
 * repeats some events, to begin too late loses them.  A value that cannot be read is remembered
 * as such (POSITION_UNUSABLE), so the client is told of a gap instead of being taken for a new
 * one. */
#include "fcgi/request/position.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

/* Leave out the blanks and quotes around a value: returns where it begins, and sets *len. */
static const char *trim(const char *value, size_t *len)
{
    while (*len > 0 && strchr(" \t\"", value[*len - 1]))
        --*len;
    while (*len > 0 && strchr(" \t\"", *value)) {
        value++;
        --*len;
    }
    return value;
}

static bool is_word(const char *value, size_t len, const char *word)
{
    return strlen(word) == len && strncasecmp(value, word, len) == 0;
}

bool position_means_none(const char *value, size_t len)
{
    static const char *const words[] = {"", "null", "undefined", "none", "nil", "nan"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (is_word(value, len, words[i]))
            return true;
    return false;
}

/* Whether `than` is to be taken instead of what `p` has.  Ids of two epochs cannot be compared;
 * then the later one in the text is taken. */
static bool is_better(const struct position *p, const struct event_id *than)
{
    struct event_id known;
    return p->kind != POSITION_ID || !event_id_parse(&known, p->text) ||
           strcmp(known.epoch, than->epoch) != 0 || than->id < known.id;
}

static void position_take(struct position *p, const char *value, size_t len)
{
    char text[EVENT_ID_SIZE];
    struct event_id id;
    if (position_means_none(value, len))
        return;
    if (is_word(value, len, "earliest")) {
        if (p->kind != POSITION_ID)
            p->kind = POSITION_EARLIEST;
        return;
    }
    memcpy(text, value, len < sizeof text ? len : 0);
    text[len < sizeof text ? len : 0] = '\0';
    if (!event_id_parse(&id, text)) {
        if (p->kind == POSITION_NONE)
            p->kind = POSITION_UNUSABLE;
    } else if (is_better(p, &id)) {
        p->kind = POSITION_ID;
        memcpy(p->text, text, len + 1);
    }
}

struct position position_read(const char *value)
{
    struct position p = {.kind = POSITION_NONE};
    for (const char *at = value; *at; at += *at != '\0') {
        size_t part = strcspn(at, ","), len = part;
        const char *begin = trim(at, &len);
        position_take(&p, begin, len);
        at += part;
    }
    return p;
}

/* Case, `-` and `_` do not count, so one word stands for all the spellings in use. */
bool position_is_name(const char *name)
{
    const char *wanted = "lasteventid";
    if (strncmp(name, "evs_", 4) == 0) /* eventsource-polyfill's own */
        name += 4;
    for (; *name; name++)
        if (*name != '-' && *name != '_' && tolower((unsigned char)*name) != *wanted++)
            return false;
    return !*wanted;
}
