#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "fcgi/base/buffer.h"
#include "fcgi/stream/framing.h"

/* What a web server reads: the content of all FCGI_STDOUT records, whether the request was
 * ended. */
static void decode(const struct buffer *wire, uint16_t id, struct buffer *content, bool *ended)
{
    const uint8_t *p = (const uint8_t *)wire->bytes;
    *ended = false;
    for (size_t at = 0; at < wire->len;) {
        assert_true(wire->len - at >= FRAMING_HEADER && !*ended);
        size_t len = (size_t)p[at + 4] << 8 | p[at + 5];
        assert_int_equal(p[at], 1);
        assert_int_equal(p[at + 2] << 8 | p[at + 3], id);
        assert_true(wire->len - at >= FRAMING_HEADER + len + p[at + 6]);
        if (p[at + 1] == 6)
            buffer_add(content, p + at + FRAMING_HEADER, len);
        else
            *ended = p[at + 1] == 3;
        at += FRAMING_HEADER + len + p[at + 6];
    }
}

static void test_any_split_of_writes_decodes_to_the_same_bytes(void **state)
{
    (void)state;
    enum { TOTAL = 300000 };
    unsigned seed = 20;
    char *data = malloc(TOTAL);
    assert_non_null(data);
    for (size_t i = 0; i < TOTAL; i++)
        data[i] = (char)rand_r(&seed);
    for (int round = 0; round < 20; round++) {
        struct framing f;
        struct buffer wire = {0}, content = {0};
        size_t sent = 0;
        framing_begin(&f, FRAMING_FASTCGI, 259);
        while (sent < TOTAL) {
            if (!framing_open(&f)) {
                size_t left = TOTAL - sent,
                       record = 1 + (size_t)rand_r(&seed) % FRAMING_RECORD_MAX;
                framing_record(&f, record < left ? record : left);
            }
            size_t could = f.header_left + f.record_left;
            size_t n = 1 + (size_t)rand_r(&seed) % (round % 2     ? could
                                                    : 100 < could ? 100
                                                                  : could);
            size_t header = n < f.header_left ? n : f.header_left;
            buffer_add(&wire, f.header + FRAMING_HEADER - f.header_left, header);
            buffer_add(&wire, data + sent, n - header);
            size_t passed = framing_wrote(&f, n);
            assert_int_equal(passed, n - header);
            sent += passed;
        }
        uint8_t end[FRAMING_END_SIZE];
        bool ended;
        assert_false(framing_open(&f));
        buffer_add(&wire, end, framing_end(&f, end));
        decode(&wire, 259, &content, &ended);
        assert_true(ended);
        assert_int_equal(content.len, TOTAL);
        assert_memory_equal(content.bytes, data, TOTAL);
        buffer_free(&wire);
        buffer_free(&content);
    }
    free(data);
}

static void test_record_is_open_until_its_last_byte(void **state)
{
    (void)state;
    struct framing f;
    framing_begin(&f, FRAMING_FASTCGI, 1);
    assert_false(framing_open(&f));
    framing_record(&f, 10);
    assert_int_equal(framing_wrote(&f, 8), 0);
    assert_true(framing_open(&f));
    assert_int_equal(framing_wrote(&f, 9), 9);
    assert_true(framing_open(&f));
    assert_int_equal(framing_wrote(&f, 1), 1);
    assert_false(framing_open(&f));
}

static void test_end_is_an_empty_stdout_and_end_request(void **state)
{
    (void)state;
    static const uint8_t expected[FRAMING_END_SIZE] = {1, 6, 1, 2, 0, 0, 0, 0,
                                                       1, 3, 1, 2, 0, 8, 0, 0};
    uint8_t out[FRAMING_END_SIZE];
    struct framing f;
    framing_begin(&f, FRAMING_FASTCGI, 0x102);
    assert_int_equal(framing_end(&f, out), FRAMING_END_SIZE);
    assert_memory_equal(out, expected, sizeof expected);
}

static void test_without_framing_every_byte_is_content(void **state)
{
    (void)state;
    uint8_t out[FRAMING_END_SIZE];
    struct framing f;
    framing_begin(&f, FRAMING_NONE, 1);
    framing_record(&f, 1000);
    assert_false(framing_open(&f));
    assert_int_equal(f.header_left, 0);
    assert_int_equal(framing_wrote(&f, 7), 7);
    assert_int_equal(framing_end(&f, out), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_any_split_of_writes_decodes_to_the_same_bytes),
        cmocka_unit_test(test_record_is_open_until_its_last_byte),
        cmocka_unit_test(test_end_is_an_empty_stdout_and_end_request),
        cmocka_unit_test(test_without_framing_every_byte_is_content),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
