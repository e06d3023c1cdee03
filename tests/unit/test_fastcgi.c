#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>

#include "fcgi/request/fastcgi.h"
#include "fcgi/request/request.h"
#include "tests/unit/fastcgi_bytes.h"

/* What a reader made of some bytes, as text: `A=1;B=|body|.` and one letter for how it ended:
 * `?` more is needed, `!` broken, `r` another role. */
static void read_some(struct fastcgi *f, const uint8_t *at, const uint8_t *end,
                      struct buffer *said)
{
    enum fastcgi_part part;
    char *text;
    const char **variable;

    while ((part = fastcgi_read(f, &at, end)) != FASTCGI_MORE) {
        if (part == FASTCGI_VARIABLES)
            part = fastcgi_variables(f, &text, &variable);
        if (part == FASTCGI_VARIABLES) {
            for (const char **v = variable; *v; v++)
                buffer_printf(said, "%s;", *v);
            buffer_text(said, "|");
            free(text);
            free(variable);
        } else if (part == FASTCGI_BODY) {
            buffer_add(said, f->piece, f->piece_len);
        } else {
            buffer_text(said, part == FASTCGI_END ? "|." : part == FASTCGI_ROLE ? "r" : "!");
            return;
        }
    }
    assert_ptr_equal(at, end);
}

static bool is_over(const struct buffer *said)
{
    return said->len > 0 && strchr(".!r", said->bytes[said->len - 1]) != NULL;
}

/* The same, cut into pieces of `first` bytes and the rest (0: of one byte each). */
static char *reading(const struct buffer *bytes, size_t first)
{
    struct fastcgi f;
    struct buffer said = {0};
    const uint8_t *at = (const uint8_t *)bytes->bytes, *end = at + bytes->len;

    fastcgi_begin(&f);
    while (at < end && !is_over(&said)) {
        size_t len = first == 0 ? 1 : at == (const uint8_t *)bytes->bytes ? first : bytes->len;
        const uint8_t *stop = len < (size_t)(end - at) ? at + len : end;
        /* In memory of its own, so that the sanitizer sees a read beyond it. */
        uint8_t *own = malloc((size_t)(stop - at));
        memcpy(own, at, (size_t)(stop - at));
        read_some(&f, own, own + (stop - at), &said);
        free(own);
        at = stop;
    }
    if (!is_over(&said))
        buffer_text(&said, "?");
    fastcgi_end(&f);
    buffer_add(&said, "", 1);
    return said.bytes;
}

/* However the bytes are cut, they say the same. */
static void expect_reading(const struct buffer *bytes, const char *expected)
{
    for (size_t first = 0; first <= bytes->len; first++) {
        char *said = reading(bytes, first);
        if (strcmp(said, expected) != 0)
            fail_msg("cut at %zu of %zu: %s, not %s", first, bytes->len, said, expected);
        free(said);
    }
}

#define EXPECT(expected, ...)                                                                  \
    do {                                                                                       \
        struct buffer b = {0};                                                                 \
        __VA_ARGS__;                                                                           \
        expect_reading(&b, expected);                                                          \
        buffer_free(&b);                                                                       \
    } while (0)

static void test_a_request_is_read_the_same_wherever_its_bytes_are_cut(void **state)
{
    char value[300];

    (void)state;
    memset(value, 'v', sizeof value - 1);
    value[sizeof value - 1] = '\0';
    struct buffer b = {0}, expected = {0};
    add_begin(&b);
    add_variable(&b, "REQUEST_METHOD", "POST");
    add_record_of(&b, 1, FCGI_PARAMS, "\1\0A", 3, 255); /* padded */
    add_variable(&b, "LONG", value);
    add_variable(&b, "", "");
    add_end_of(&b, FCGI_PARAMS);
    add_record_of(&b, 1, FCGI_STDIN, "hello", 5, 3);
    add_record(&b, FCGI_STDIN, " you", 4);
    add_end_of(&b, FCGI_STDIN);
    buffer_printf(&expected, "REQUEST_METHOD=POST;A=;LONG=%s;=;|hello you|.", value);
    buffer_add(&expected, "", 1);
    expect_reading(&b, expected.bytes);
    buffer_free(&b);
    buffer_free(&expected);
}

static void test_a_pair_may_be_spread_over_records(void **state)
{
    (void)state;
    EXPECT("AB=12;|?", add_begin(&b), add_record(&b, FCGI_PARAMS, "\2", 1),
           add_record(&b, FCGI_PARAMS, "\2AB1", 4), add_record(&b, FCGI_PARAMS, "2", 1),
           add_end_of(&b, FCGI_PARAMS));
    EXPECT("|?", add_begin(&b), add_end_of(&b, FCGI_PARAMS));
}

static void test_records_that_are_not_of_the_request_are_passed_over(void **state)
{
    struct buffer values = {0};

    (void)state;
    add_pair(&values, "FCGI_MAX_CONNS", 14, "", 0);
    add_pair(&values, "FCGI_MAX_REQS", 13, "", 0);
    add_pair(&values, "FCGI_MPXS_CONNS", 15, "", 0);
    add_pair(&values, "FCGI_MAX_CONNS", 14, "", 0); /* the fourth overran libfcgi's stack */
    EXPECT("A=1;|x|.", add_record_of(&b, 0, FCGI_GET_VALUES, values.bytes, values.len, 0),
           add_record_of(&b, 0, FCGI_PARAMS, "junk", 4, 0), add_begin(&b),
           add_record_of(&b, 0, 77, "of a later version", 18, 6), add_variable(&b, "A", "1"),
           add_record_of(&b, 2, FCGI_PARAMS, "\1\1B2", 4, 0),
           add_record_of(&b, 2, FCGI_PARAMS, "", 0, 0), add_end_of(&b, FCGI_PARAMS),
           add_record(&b, FCGI_DATA, "of a filter", 11),
           add_record_of(&b, 258, FCGI_STDIN, "no", 2, 0),
           add_record_of(&b, 2, FCGI_ABORT_REQUEST, "", 0, 0),
           add_record(&b, FCGI_STDIN, "x", 1), add_end_of(&b, FCGI_STDIN));
    buffer_free(&values);
}

static void test_what_is_no_request_is_broken(void **state)
{
    (void)state;
    EXPECT("!", buffer_text(&b, "GET / HTTP/1.1\r\n\r\n"));
    EXPECT("!", buffer_add(&b, "\2\1\0\1\0\10\0\0", 8));            /* another version */
    EXPECT("!", add_record(&b, 0, "", 0));                          /* no type */
    EXPECT("!", add_record(&b, FCGI_PARAMS, "", 0));                /* nobody began it */
    EXPECT("!", add_record(&b, FCGI_BEGIN_REQUEST, "\0\1\0\0", 4)); /* too short */
    EXPECT("!", add_record(&b, FCGI_BEGIN_REQUEST, "\0\1\0\0\0\0\0\0\0", 9));
    EXPECT("!", add_record_of(&b, 0, FCGI_BEGIN_REQUEST, "\0\1\0\0\0\0\0\0", 8, 0));
    EXPECT("!", add_begin(&b), add_begin(&b));
    EXPECT("!", add_begin(&b),
           add_record_of(&b, 2, FCGI_BEGIN_REQUEST, "\0\1\0\0\0\0\0\0", 8, 0));
    EXPECT("!", add_begin(&b), add_record(&b, FCGI_STDIN, "early", 5));
    EXPECT("|!", add_begin(&b), add_end_of(&b, FCGI_PARAMS), add_variable(&b, "A", "late"));
    EXPECT("!", add_begin(&b), add_record(&b, FCGI_ABORT_REQUEST, "", 0));
    EXPECT("|bit!", add_begin(&b), add_end_of(&b, FCGI_PARAMS),
           add_record(&b, FCGI_STDIN, "bit", 3), add_record(&b, FCGI_ABORT_REQUEST, "", 0));
    EXPECT("r", add_record(&b, FCGI_BEGIN_REQUEST, "\0\2\0\0\0\0\0\0", 8)); /* an authorizer */
    EXPECT("r", add_record(&b, FCGI_BEGIN_REQUEST, "\1\1\0\0\0\0\0\0", 8));
}

/* PARAMS of these bytes alone. */
#define PARAMS(bytes)                                                                          \
    EXPECT("!", add_begin(&b), add_record(&b, FCGI_PARAMS, bytes, sizeof(bytes) - 1),          \
           add_end_of(&b, FCGI_PARAMS))

static void test_lengths_that_claim_more_than_there_is_are_broken(void **state)
{
    (void)state;
    PARAMS("\xc0\0\0\0\xbf\xff\xff\xff"); /* 0x40000000 + 0x3fffffff: ended libfcgi */
    PARAMS("\xff\xff\xff\xff\xff\xff\xff\xff");
    PARAMS("\xff\xff\xff\xff\1x");
    PARAMS("\1\xff\xff\xff\xff"
           "A");
    PARAMS("\1");
    PARAMS("\1\1");
    PARAMS("\1\1A");
    PARAMS("\2\1AB");
    PARAMS("\x80\0\0");
    PARAMS("\1\x80\0\0");
    PARAMS("\1\1A1\5");
    PARAMS("\x7f\x7f"
           "A1");
}

static void test_names_and_values_that_would_read_as_others_are_broken(void **state)
{
    (void)state;
    PARAMS("\3\1A=B1");
    PARAMS("\3\1A\0B1");
    PARAMS("\1\3A1\0002");
    PARAMS("\1\1=1");
    EXPECT("A==1=;|?", add_begin(&b), add_variable(&b, "A", "=1="),
           add_end_of(&b, FCGI_PARAMS));
    EXPECT("A=1;|?", add_begin(&b), add_record(&b, FCGI_PARAMS, "\x80\0\0\1\x80\0\0\1A1", 10),
           add_end_of(&b, FCGI_PARAMS)); /* longer than need be, but fine */
}

static void test_variables_beyond_the_bound_are_broken(void **state)
{
    static char value[60000];
    struct buffer b = {0};
    size_t most = REQUEST_VARIABLES_MAX / (sizeof value + 6);

    (void)state;
    memset(value, 'v', sizeof value);
    add_begin(&b);
    for (size_t i = 0; i < most; i++) {
        struct buffer pair = {0};
        add_pair(&pair, "A", 1, value, sizeof value);
        add_record(&b, FCGI_PARAMS, pair.bytes, pair.len);
        buffer_free(&pair);
    }
    size_t fits = b.len;
    add_end_of(&b, FCGI_PARAMS);
    char *said = reading(&b, b.len);
    assert_int_equal(strlen(said), most * (sizeof value + 3) + 2);
    free(said);
    b.len = fits;
    add_record(&b, FCGI_PARAMS, value, sizeof value);
    said = reading(&b, b.len);
    assert_string_equal(said, "!");
    free(said);
    buffer_free(&b);
}

static void test_another_role_is_declined_by_its_request_id(void **state)
{
    struct buffer b = {0};
    struct fastcgi f;
    uint8_t out[FASTCGI_DECLINE];

    (void)state;
    add_record_of(&b, 0x0203, FCGI_BEGIN_REQUEST, "\0\2\0\0\0\0\0\0", 8, 0);
    const uint8_t *at = (const uint8_t *)b.bytes;
    fastcgi_begin(&f);
    assert_int_equal(fastcgi_read(&f, &at, at + b.len), FASTCGI_ROLE);
    fastcgi_decline(&f, out);
    assert_memory_equal(out, "\1\3\2\3\0\10\0\0\0\0\0\0\3\0\0\0", sizeof out);
    fastcgi_end(&f);
    buffer_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_request_is_read_the_same_wherever_its_bytes_are_cut),
        cmocka_unit_test(test_a_pair_may_be_spread_over_records),
        cmocka_unit_test(test_records_that_are_not_of_the_request_are_passed_over),
        cmocka_unit_test(test_what_is_no_request_is_broken),
        cmocka_unit_test(test_lengths_that_claim_more_than_there_is_are_broken),
        cmocka_unit_test(test_names_and_values_that_would_read_as_others_are_broken),
        cmocka_unit_test(test_variables_beyond_the_bound_are_broken),
        cmocka_unit_test(test_another_role_is_declined_by_its_request_id),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
