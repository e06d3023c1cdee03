/* Sessions whose details do not matter to the test. */
#ifndef ROWCAST_TESTS_SOME_SESSION_H
#define ROWCAST_TESTS_SOME_SESSION_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "store/store.h"

/* A request for a stream, from nobody in particular. */
static inline struct claim_request some_request(void)
{
    return (struct claim_request){.user_agent = "browser",
                                  .remote_addr = "192.0.2.1",
                                  .client_version = "",
                                  .query = "",
                                  .headers = "{}"};
}

/* Make a session with an open stream, and return its id. */
static inline void some_session(struct store *s, const struct settings *settings,
                                char id[SESSION_ID_SIZE])
{
    struct claim_request r = some_request();
    struct claim c;
    assert_int_equal(store_claim(s, settings, &r, &c), STORE_OK);
    assert_int_equal(c.saved, STORE_OK);
    memcpy(id, c.session_id, SESSION_ID_SIZE);
    subscription_free(c.subscription);
}

static inline bool is_hex(const char *text, size_t digits)
{
    return strlen(text) == digits && strspn(text, "0123456789abcdef") == digits;
}

#endif
