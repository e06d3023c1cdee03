/* Any bytes as a query string or a form: every value ends where it should, and what no path has
 * is refused in a sentence. */
#include <string.h>

#include "fcgi/request/parameters.h"
#include "fcgi/request/query.h"
#include "tests/fuzz/reached.h"

enum { A_VALUE, REPEATED, A_NUL, TOO_MANY, FITS, REFUSED };
static struct point points[] = {{"a value", 0},
                                {"a key that is there twice", 0},
                                {"a NUL", 0},
                                {"too many items", 0},
                                {"parameters that a path has", 0},
                                {"a parameter that no path has", 0},
                                {NULL, 0}};

static void look_up(const struct query *q, size_t n)
{
    static const char *const key[] = {"data", "types", "channel", "lastEventId", ""};
    const char *values[8];
    for (size_t i = 0; i < sizeof key / sizeof *key; i++) {
        const char *v = query_value(q, key[i]);
        size_t have = query_values(q, key[i], values, 8);
        if ((v && strlen(v) > n) || (have > 0) != (v != NULL))
            abort();
        if (v)
            reach(A_VALUE);
        if (v)
            (void)query_is_plain(v);
        if (have > 1)
            reach(REPEATED);
    }
}

static void judge(const struct query *q)
{
    char why[PARAMETERS_WHY_SIZE];
    bool fits = false;
    for (int route = 0; route < ROUTE_UNKNOWN; route++) {
        memset(why, 'x', sizeof why);
        if (parameters_fit((enum route)route, q, why))
            fits = true;
        else if (strnlen(why, sizeof why) < 20 || strnlen(why, sizeof why) == sizeof why)
            abort();
    }
    reach(fits ? FITS : REFUSED);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    struct query q = {0};
    switch (query_parse(&q, (const char *)bytes, n)) {
    case QUERY_OK:
        look_up(&q, n);
        judge(&q);
        if (q.nul)
            reach(A_NUL);
        break;
    case QUERY_TOO_MANY:
        reach(TOO_MANY);
        break;
    case QUERY_NOMEM:
        break;
    }
    query_free(&q);
    return 0;
}
