/* One table says which parameters a path has, for the check and for the sentence about it.  The
 * sentence names what was given, so it is cut to its room and made printable: a stranger wrote
 * the name, and it goes into an answer and perhaps a terminal. */
#include "fcgi/request/parameters.h"

#include <string.h>

#include "fcgi/request/position.h"

enum { NAMES_MAX = 24, NAME_SHOWN = 40 };

/* A stream takes other spellings of lastEventId, too (position.h). */
static const char *const table[][NAMES_MAX] = {
    [ROUTE_EVENTS] = {"channel", "types", "lastEventId", "last", "wait", "heartbeat", "v"},
    [ROUTE_BROADCAST] = {"channel", "type", "key", "dedup_key", "expires_in", "data"},
    [ROUTE_SEND] = {"session", "type", "key", "dedup_key", "expires_in", "data"},
    [ROUTE_BATCH] = {NULL},
    [ROUTE_DISCONNECT] = {"session"},
    [ROUTE_STATS] = {NULL},
    [ROUTE_HISTORY] = {"channel", "types", "after", "limit"},
};

/* Names that clients add to a stream's address by themselves (datastar, eventsource-polyfill,
 * event-source; seen), and that we ignore. */
static const char *const added_by_clients[] = {"datastar", "evs_buffer_size_limit",
                                               "evs_preamble", "r", NULL};

static bool is_one_of(const char *const *names, const char *name)
{
    for (; *names; names++)
        if (strcmp(*names, name) == 0)
            return true;
    return false;
}

static bool has(enum route route, const char *name)
{
    if (route == ROUTE_EVENTS && (position_is_name(name) || is_one_of(added_by_clients, name)))
        return true;
    return is_one_of(table[route], name);
}

struct text {
    char *out;
    size_t len;
};

static void parameters_add(struct text *t, const char *words)
{
    size_t room = PARAMETERS_WHY_SIZE - 1 - t->len, len = strlen(words);
    len = len < room ? len : room;
    memcpy(t->out + t->len, words, len);
    t->out[t->len += len] = '\0';
}

/* Add a name that a stranger wrote, printable and cut. */
static void add_name(struct text *t, const char *name)
{
    char shown[NAME_SHOWN + 1];
    size_t n = 0;
    for (; n < NAME_SHOWN && name[n]; n++)
        shown[n] = name[n] >= ' ' && name[n] <= '~' && name[n] != '"' ? name[n] : '?';
    shown[n] = '\0';
    parameters_add(t, shown);
    parameters_add(t, name[n] ? "..." : "");
}

static void add_names(struct text *t, const char *const *names)
{
    parameters_add(t, names[0] ? "it has " : "it has none");
    for (int i = 0; names[i]; i++) {
        parameters_add(t, i == 0 ? "" : names[i + 1] ? ", " : " and ");
        parameters_add(t, names[i]);
        parameters_add(t, "=");
    }
}

/* Say to a publisher which other path has the parameter, if one has it. */
static void add_owner(struct text *t, enum route route, const char *name)
{
    bool reads = route == ROUTE_EVENTS || route == ROUTE_HISTORY;
    for (int i = ROUTE_BROADCAST; i < ROUTE_UNKNOWN; i++)
        if (!reads && i != (int)route && is_one_of(table[i], name)) {
            parameters_add(t, " (");
            add_name(t, name);
            parameters_add(t, "= belongs to /");
            parameters_add(t, route_segment((enum route)i));
            parameters_add(t, ")");
            return;
        }
}

static void explain(char *why, enum route route, const char *name)
{
    struct text t = {.out = why};
    why[0] = '\0';
    add_name(&t, name);
    parameters_add(&t, "= is not a parameter of /");
    parameters_add(&t, route_segment(route));
    parameters_add(&t, "; ");
    add_names(&t, table[route]);
    add_owner(&t, route, name);
}

bool parameters_fit(enum route route, const struct query *q, char why[PARAMETERS_WHY_SIZE])
{
    struct query_item item;
    for (const struct UriQueryListStructA *at = q->list; query_next(&at, &item);) {
        bool nothing = !item.name[0] && !item.value;
        if (nothing || item.name[0] == '_' || has(route, item.name))
            continue;
        explain(why, route, item.name);
        return false;
    }
    return true;
}
