/* Half of the hash is enough: 128 bits keep strangers from finding another text with the same
 * hash, and they take half the room in each row and index. */
#include "store/sha256.h"

#include <sha2.h>
#include <string.h>

void hex_format(char *out, const unsigned char *bytes, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        *out++ = "0123456789abcdef"[bytes[i] >> 4];
        *out++ = "0123456789abcdef"[bytes[i] & 15];
    }
    *out = '\0';
}

void sha256_half(char out[SHA256_HALF_SIZE], const char *text)
{
    unsigned char hash[SHA256_DIGEST_LENGTH];
    SHA2_CTX context;
    SHA256Init(&context);
    SHA256Update(&context, (const uint8_t *)text, strlen(text));
    SHA256Final(hash, &context);
    hex_format(out, hash, sizeof hash / 2);
}
