#include "fcgi/base/utf8.h"

/* The second byte has a narrower range after four lead bytes (Unicode 15, table 3-7).  That
 * keeps out overlong forms, surrogates and what lies beyond U+10FFFF. */
static bool second_fits(unsigned char lead, unsigned char second)
{
    switch (lead) {
    case 0xE0:
        return second >= 0xA0 && second <= 0xBF;
    case 0xED:
        return second >= 0x80 && second <= 0x9F;
    case 0xF0:
        return second >= 0x90 && second <= 0xBF;
    case 0xF4:
        return second >= 0x80 && second <= 0x8F;
    default:
        return second >= 0x80 && second <= 0xBF;
    }
}

size_t utf8_part(const unsigned char *s, size_t len, bool *sound)
{
    size_t want = s[0] < 0x80                   ? 1
                  : s[0] >= 0xC2 && s[0] < 0xE0 ? 2
                  : s[0] >= 0xE0 && s[0] < 0xF0 ? 3
                  : s[0] >= 0xF0 && s[0] < 0xF5 ? 4
                                                : 0;
    *sound = want == 1;
    if (want < 2 || len < 2 || !second_fits(s[0], s[1]))
        return 1;
    for (size_t n = 2; n < want; n++)
        if (n == len || (s[n] & 0xC0) != 0x80)
            return n;
    *sound = true;
    return want;
}
