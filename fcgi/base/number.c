#include "fcgi/base/number.h"

#include <stdlib.h>

bool number_read(int *out, const char *text, int base, long least, long most)
{
    char *end;
    long n =
        strtol(text, &end, base); /* too many digits: LONG_MAX, which is beyond any `most` */
    if (*text < '0' || *text > '9' || *end || n < least || n > most)
        return false;
    *out = (int)n;
    return true;
}
