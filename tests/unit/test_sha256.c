/* The hash, against what FIPS 180-4's examples and other implementations say: a file of
 * sessions must be understood by the next version, whatever library that uses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "store/sha256.h"

static void test_known_texts_have_their_known_hashes(void **state)
{
    static const struct {
        const char *text, *half;
    } cases[] = {
        {"", "e3b0c44298fc1c149afbf4c8996fb924"},
        {"abc", "ba7816bf8f01cfea414140de5dae2223"},
        {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
         "248d6a61d20638b8e5c026930c3e6039"},
        {"abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmno"
         "pqrlmnopqrsmnopqrstnopqrstu",
         "cf5b16a778af8380036ce59e7b049237"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char half[SHA256_HALF_SIZE];
        sha256_half(half, cases[i].text);
        assert_string_equal(half, cases[i].half);
    }
}

static void test_bytes_are_written_as_two_digits_each(void **state)
{
    char text[9];
    (void)state;
    hex_format(text, (const unsigned char *)"\x00\x0f\xa0\xff", 4);
    assert_string_equal(text, "000fa0ff");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known_texts_have_their_known_hashes),
        cmocka_unit_test(test_bytes_are_written_as_two_digits_each),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
