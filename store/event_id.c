/* A position has exactly one text.  A client that sends an id in any other form is told of a gap
 * (GAP_UNKNOWN): that is better than a guess at what the id might mean. */
#include "store/event_id.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

size_t event_id_format(char text[EVENT_ID_SIZE], const char *epoch, int64_t id)
{
    int n = snprintf(text, EVENT_ID_SIZE, "%.8s-%" PRId64, epoch, id < 0 ? 0 : id);
    return (size_t)n;
}

bool epoch_is_sound(const char *text)
{
    return strspn(text, "0123456789abcdef") >= EPOCH_SIZE - 1;
}

/* Not strtoll(): it would take blanks, signs and leading zeros, and a number that does not fit
 * would become the largest one, which is a position like any other. */
static bool number_parse(int64_t *out, const char *text)
{
    int64_t n = 0;
    if (text[0] == '\0' || (text[0] == '0' && text[1] != '\0'))
        return false;
    for (; *text; text++) {
        if (*text < '0' || *text > '9')
            return false;
        int digit = *text - '0';
        if (n > (INT64_MAX - digit) / 10)
            return false;
        n = n * 10 + digit;
    }
    *out = n;
    return true;
}

bool event_id_parse(struct event_id *out, const char *text)
{
    int64_t id;
    if (!epoch_is_sound(text) || text[EPOCH_SIZE - 1] != '-' ||
        !number_parse(&id, text + EPOCH_SIZE))
        return false;
    memcpy(out->epoch, text, EPOCH_SIZE - 1);
    out->epoch[EPOCH_SIZE - 1] = '\0';
    out->id = id;
    return true;
}
