/* A request is a block of NAME=VALUE texts and a list of pointers into it, as in `environ`,
 * because that is what CGI gives, and FastCGI's pairs can be rewritten to it in place
 * (fastcgi.c).  The fields that every request needs are looked up once.  For the others (the
 * headers that a setting names) the list of about thirty texts is searched. */
#include "fcgi/request/request.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

enum { BODY_FIRST = 4096 };

/* Servers tell of TLS by HTTPS or by REQUEST_SCHEME; which of them is set depends on the server
 * and its configuration. */
static void name_fields(struct request *r)
{
    r->method = request_variable(r, "REQUEST_METHOD");
    r->script_name = request_variable(r, "SCRIPT_NAME");
    r->path_info = request_variable(r, "PATH_INFO");
    r->request_uri = request_variable(r, "REQUEST_URI");
    r->query_string = request_variable(r, "QUERY_STRING");
    r->content_type = request_variable(r, "CONTENT_TYPE");
    r->cookie = request_variable(r, "HTTP_COOKIE");
    r->authorization = request_variable(r, "HTTP_AUTHORIZATION");
    r->last_event_id = request_variable(r, "HTTP_LAST_EVENT_ID");
    r->session_token = request_variable(r, "HTTP_X_SSE_SESSION_ID");
    r->user_agent = request_variable(r, "HTTP_USER_AGENT");
    r->remote_addr = request_variable(r, "REMOTE_ADDR");
    const char *https = request_variable(r, "HTTPS");
    r->https = strcasecmp(https, "on") == 0 || strcmp(https, "1") == 0 ||
               strcasecmp(request_variable(r, "REQUEST_SCHEME"), "https") == 0;
}

void request_begin(struct request *r, int fd, enum framing_kind framing, uint16_t request_id)
{
    *r = (struct request){.fd = fd, .framing = framing, .request_id = request_id};
    name_fields(r);
}

void request_end(struct request *r)
{
    if (r->fd >= 0)
        close(r->fd);
    free(r->body);
    free(r->variable);
    free(r->text);
    request_begin(r, -1, r->framing, 0);
}

bool request_variables(struct request *r, const char *const *environment)
{
    size_t count = 0, size = 0;
    while (environment[count]) {
        size += strlen(environment[count++]) + 1;
        if (size > REQUEST_VARIABLES_MAX)
            return false;
    }
    const char **variable = malloc((count + 1) * sizeof *variable);
    char *text = malloc(size + 1);
    if (!variable || !text) {
        free(variable);
        free(text);
        return false;
    }
    char *at = text;
    for (size_t i = 0; i < count; i++) {
        size_t len = strlen(environment[i]) + 1;
        memcpy(at, environment[i], len);
        variable[i] = at;
        at += len;
    }
    variable[count] = NULL;
    request_take_variables(r, text, variable);
    return true;
}

void request_take_variables(struct request *r, char *text, const char **variable)
{
    free(r->variable);
    free(r->text);
    r->variable = variable;
    r->text = text;
    name_fields(r);
}

bool request_is_head(const struct request *r)
{
    return strcmp(r->method, "HEAD") == 0;
}

static bool request_body_fits(struct request *r, size_t wanted)
{
    size_t room = r->body_room == 0 ? BODY_FIRST : r->body_room;
    while (room < wanted)
        room *= 2;
    if (room == r->body_room)
        return true;
    char *body = realloc(r->body, room);
    if (!body)
        return false;
    r->body = body;
    r->body_room = room;
    return true;
}

bool request_body(struct request *r, const char *bytes, size_t len, size_t max)
{
    /* A body that is too large is dropped at once.  Nobody will read it, and the 100 MB of a
     * stranger would otherwise be in our memory until the end of the request. */
    if (r->body_too_large || len > max - r->body_len) {
        free(r->body);
        r->body = NULL;
        r->body_len = r->body_room = 0;
        r->body_too_large = true;
        return true;
    }
    if (len == 0)
        return true;
    if (!request_body_fits(r, r->body_len + len + 1))
        return false;
    memcpy(r->body + r->body_len, bytes, len);
    r->body_len += len;
    r->body[r->body_len] = '\0';
    return true;
}

const char *request_variable(const struct request *r, const char *name)
{
    size_t len = strlen(name);
    const char *value = "";
    for (const char **v = r->variable; v && *v; v++)
        if (strncmp(*v, name, len) == 0 && (*v)[len] == '=')
            value = *v + len + 1;
    return value;
}

/* CGI calls a header HTTP_ and its name in capitals (RFC 3875, 4.1.18).  No server sends one
 * with a name that is too long for the array. */
const char *request_header(const struct request *r, const char *name)
{
    char variable[256] = "HTTP_";
    size_t at = strlen(variable);
    for (; *name && at < sizeof variable - 1; name++)
        variable[at++] = *name == '-' ? '_' : (char)toupper((unsigned char)*name);
    variable[at] = '\0';
    return !*name ? request_variable(r, variable) : "";
}

bool request_content_length(const struct request *r, uint64_t *out)
{
    const char *text = request_variable(r, "CONTENT_LENGTH");
    size_t digits = strspn(text, "0123456789");
    bool is_number = digits > 0 && !text[digits];
    *out = is_number ? strtoull(text, NULL, 10) : 0;
    return is_number;
}

int request_take_fd(struct request *r)
{
    int fd = r->fd;
    r->fd = -1;
    return fd;
}
