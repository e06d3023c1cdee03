/* UTF-8 as browsers decode it, so that what we replace is what they would replace.
 *
 * Pure.  Thread: any. */
#ifndef ROWCAST_FCGI_UTF8_H
#define ROWCAST_FCGI_UTF8_H

#include <stdbool.h>
#include <stddef.h>

#define UTF8_REPLACEMENT "\xEF\xBF\xBD" /* U+FFFD, which stands for what is not UTF-8 */

/* The length of the character at `s`, of `len` bytes, at least one.  If it is not sound, the
 * length of the part that one U+FFFD stands for (Unicode 15, 3.9: substitution of maximal
 * subparts). */
size_t utf8_part(const unsigned char *s, size_t len, bool *sound);

#endif
