/* The sentences in which sql/schema.sql refuses an event. */
#ifndef ROWCAST_TESTS_SENTENCES_H
#define ROWCAST_TESTS_SENTENCES_H

static const char bad_type[] = "type must be 1 to 128 bytes without CR, LF and NUL";
static const char bad_channel[] = "channel must be at most 512 bytes without CR, LF and NUL";
static const char reserved[] = "channels that begin with @, user: or rowcast: are reserved";
static const char bad_session[] =
    "session_id must be NULL, or 1 to 128 bytes of text without CR, LF and NUL";
static const char both[] = "an event is for a session_id or for a channel, not for both";
static const char bad_key[] = "dedup_key must be NULL, or 1 to 128 bytes of text";
static const char bad_state_key[] = "key must be NULL, or 1 to 128 bytes of text without NUL";
static const char bad_expiry[] =
    "expires_at must be NULL, or milliseconds since 1970, an integer";
static const char expiry_in_seconds[] =
    "expires_at looks like seconds: it must be milliseconds since 1970, or NULL";
static const char expiry_in_microseconds[] =
    "expires_at looks like microseconds: it must be milliseconds since 1970, or NULL";
static const char in_seconds[] =
    "created_at looks like seconds: it must be milliseconds since 1970, or be left out";
static const char too_far[] =
    "created_at is more than a day ahead of the clock of this machine: it must be milliseconds "
    "since 1970, or be left out";
static const char bad_time[] = "created_at must be milliseconds since 1970, an integer";

#endif
