/* SHA-256 (FIPS 180-4, by libmd), for texts that must not be stored as they are: a token, which
 * a reader of the file could use, and a long subscription, which would take too much room.
 *
 * Thread: any; no state. */
#ifndef ROWCAST_STORE_SHA256_H
#define ROWCAST_STORE_SHA256_H

#include <stddef.h>

enum { SHA256_HALF_SIZE = 33 };

/* The first half of the hash of `text`, in lower-case hex digits. */
void sha256_half(char out[SHA256_HALF_SIZE], const char *text);

/* `n` bytes as 2 * n lower-case hex digits and a NUL. */
void hex_format(char *out, const unsigned char *bytes, size_t n);

#endif
