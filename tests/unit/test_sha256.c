/* The hash, against what FIPS 180-4's examples and other implementations say. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "store/sha256.h"

static void test_known_texts_have_their_known_hashes(void **state)
{
    static const struct {
        const char *text, *hash;
    } cases[] = {
        {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
        {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
        {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
         "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
        {"abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmno"
         "pqrlmnopqrsmnopqrstnopqrstu",
         "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        unsigned char hash[SHA256_SIZE];
        char text[2 * SHA256_SIZE + 1], half[SHA256_HALF_SIZE];
        sha256(hash, cases[i].text, strlen(cases[i].text));
        hex_format(text, hash, sizeof hash);
        assert_string_equal(text, cases[i].hash);
        sha256_half(half, cases[i].text);
        assert_int_equal(strlen(half), 32);
        assert_memory_equal(half, cases[i].hash, 32);
    }
}

/* Wherever the padding falls. */
static void test_a_million_letters_have_their_known_hash(void **state)
{
    unsigned char hash[SHA256_SIZE];
    char text[2 * SHA256_SIZE + 1], *letters = malloc(1000000);
    (void)state;
    assert_non_null(letters);
    memset(letters, 'a', 1000000);
    sha256(hash, letters, 1000000);
    free(letters);
    hex_format(text, hash, sizeof hash);
    assert_string_equal(text,
                        "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known_texts_have_their_known_hashes),
        cmocka_unit_test(test_a_million_letters_have_their_known_hash),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
