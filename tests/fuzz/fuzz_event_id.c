/* Any text as a Last-Event-ID: what is taken for an id is written again the same. */
#include <stdlib.h>
#include <string.h>

#include "store/event_id.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    char *text = malloc(n + 1), again[EVENT_ID_SIZE];
    struct event_id id;
    if (!text)
        return 0;
    memcpy(text, bytes, n);
    text[n] = '\0';
    if (event_id_parse(&id, text)) {
        event_id_format(again, id.epoch, id.id);
        if (strcmp(again, text) != 0)
            abort();
    }
    free(text);
    return 0;
}
