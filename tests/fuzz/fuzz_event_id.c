/* Any text as a Last-Event-ID: what is taken for an id is written again the same. */
#include <string.h>

#include "store/event_id.h"
#include "tests/fuzz/reached.h"

enum { AN_ID, NO_ID, A_LARGE_NUMBER };
static struct point points[] = {
    {"an id", 0}, {"a text that is none", 0}, {"an id beyond 32 bits", 0}, {NULL, 0}};

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    char *text = malloc(n + 1), again[EVENT_ID_SIZE];
    struct event_id id;
    if (!text)
        return 0;
    memcpy(text, bytes, n);
    text[n] = '\0';
    if (event_id_parse(&id, text)) {
        reach(id.id > UINT32_MAX ? A_LARGE_NUMBER : AN_ID);
        event_id_format(again, id.epoch, id.id);
        if (strcmp(again, text) != 0)
            abort();
    } else {
        reach(NO_ID);
    }
    free(text);
    return 0;
}
