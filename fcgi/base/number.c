#include "fcgi/base/number.h"

#include <stdlib.h>

bool number_read(int *out, const char *text, int base, long least, long most)
{
    char *end;
    /* Too many digits give LONG_MAX, which is beyond any `most`.  strtol would also take blanks
     * and a sign, so the first character is looked at here. */
    long n = strtol(text, &end, base);
    if (*text < '0' || *text > '9' || *end || n < least || n > most)
        return false;
    *out = (int)n;
    return true;
}
