/* Numbers that people write in options and environment variables.
 *
 * Thread: any. */
#ifndef ROWCAST_FCGI_NUMBER_H
#define ROWCAST_FCGI_NUMBER_H

#include <stdbool.h>

/* Read digits of `base`, and nothing else, that make a number from `least` to `most`.  False:
 * the text is anything else, and *out is unchanged. */
bool number_read(int *out, const char *text, int base, long least, long most);

#endif
