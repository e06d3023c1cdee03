/* Any bytes as a query string or a form: every value ends where it should. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "fcgi/query.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    static const char *const key[] = {"data", "types", "channel", "lastEventId", ""};
    struct query q = {0};
    const char *values[8];
    if (query_parse(&q, (const char *)bytes, n) == QUERY_OK)
        for (size_t i = 0; i < sizeof key / sizeof *key; i++) {
            const char *v = query_value(&q, key[i]);
            if (v && strlen(v) > n)
                abort();
            size_t have = query_values(&q, key[i], values, 8);
            if ((have > 0) != (v != NULL))
                abort();
            if (v)
                (void)query_is_plain(v);
        }
    query_free(&q);
    return 0;
}
