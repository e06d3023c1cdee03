/* The limits and reserved words of the data, for every part of the program.
 *
 * sql/schema.sql has them as well, as rules for whoever publishes; a test compares the two.  They
 * are looked at again here because a request is refused before it costs anything, and because a
 * row can be put into a log whose triggers are gone.
 *
 * Thread: any; no state. */
#ifndef ROWCAST_STORE_RULES_H
#define ROWCAST_STORE_RULES_H

#include <stdbool.h>

enum {
    EVENT_TYPE_MAX = 128,        /* bytes */
    EVENT_NAME_MAX = 128,        /* bytes of a channel's or a session's name */
    EVENT_MAILBOX_MAX = 129,     /* a name and its mark */
    EVENT_DATA_MAX = 16777216,   /* bytes; max_event_bytes cannot be more */
    EVENT_DATA_MAX_LEAST = 1024, /* … nor less */
    RETRY_LEAST = 100,           /* ms; of the setting `retry` */
    RETRY_MOST = 3600000,
    HEARTBEAT_MOST = 3600 /* s; of the setting `heartbeat_interval` */
};

/* What a session's mailbox begins with, and no channel. */
#define MAILBOX_MARK '@'

/* Whether a channel begins with MAILBOX_MARK, or with another word that is kept for later. */
bool rules_channel_is_reserved(const char *channel);
#define RULES_CHANNEL_IS_RESERVED "channels that begin with @, user: or rowcast: are reserved"

/* Whether a type is a word of the protocol: an event of it would be taken for one of ours, or for
 * one of the client's own. */
bool rules_type_is_reserved(const char *type);

/* Whether a type can be one: 1 to EVENT_TYPE_MAX bytes without CR and LF, and not reserved. */
bool rules_type_is_sound(const char *type);

/* The reserved ones, for whoever wants to go through them; NULL ends each. */
extern const char *const rules_channel_prefixes[], *const rules_reserved_types[];

#endif
