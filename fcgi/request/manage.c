/* Whether a client may publish is asked before its body is read (answer_judge), and in the same
 * way on each path.  403 and 401 differ on purpose: the first tells an administrator that
 * publishing is closed, and no token would help; the second tells a client to send one. */
#include "fcgi/request/manage.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "fcgi/request/form.h"
#include "fcgi/request/json.h"
#include "fcgi/request/reply.h"

static const char CLOSED[] =
    "publishing over HTTP is off: set publish_token in rowcast_config, or INSERT rows";

/* A guess that is nearly right takes as long as one that is all wrong, so the time does not
 * tell an attacker how much of it was right. */
static bool same_secret(const char *given, const char *secret)
{
    size_t len = strlen(given), wanted = strlen(secret);
    unsigned char different = len != wanted;
    for (size_t i = 0; i < len; i++)
        different |= (unsigned char)(given[i] ^ secret[wanted == 0 ? 0 : i % wanted]);
    return different == 0;
}

bool manage_allows(const struct settings *settings, struct request *r)
{
    static const char scheme[] = "Bearer ";
    const char *given = r->authorization;
    if (!settings->publish_token[0]) {
        reply_error(r, 403, NULL, CLOSED);
        return false;
    }
    if (strncasecmp(given, scheme, sizeof scheme - 1) == 0) {
        given += sizeof scheme - 1;
        given += strspn(given, " ");
        if (same_secret(given, settings->publish_token))
            return true;
    }
    reply_error(r, 401, "WWW-Authenticate: Bearer realm=\"rowcast\"\r\n",
                "this needs the header Authorization: Bearer with the publish_token");
    return false;
}

/* The session is not looked up first: the store says STORE_UNKNOWN, which becomes a 404. */
void manage_disconnect(struct store *s, struct request *r, const struct query *q)
{
    struct form f;
    form_read(&f, r, q, NULL);
    form_fit(&f, ROUTE_DISCONNECT);
    const char *session = form_text(&f, "session", "");
    if (!session[0])
        form_wrong(&f, "session= is missing: name the session whose streams should end");
    enum store_result result = STORE_REFUSED;
    if (!f.nomem && !f.wrong[0])
        result = store_disconnect(s, session);
    if (f.nomem)
        reply_failure(r, STORE_NOMEM, "out of memory");
    else if (f.wrong[0])
        reply_error(r, 400, NULL, f.wrong);
    else if (result != STORE_OK)
        reply_failure(r, result, store_why(s));
    else
        reply_json(r, 200, NULL, "{\"disconnected\":true}");
    form_free(&f);
}

void manage_stats(struct store *s, const struct settings *settings, struct request *r)
{
    struct store_stats stats;
    enum store_result result = store_stats(s, &stats);
    if (result != STORE_OK) {
        reply_failure(r, result, store_why(s));
        return;
    }
    char *json = json_of_stats(&stats, settings);
    if (json)
        reply_json(r, 200, NULL, json);
    else
        reply_failure(r, STORE_NOMEM, "out of memory");
    free(json);
}
