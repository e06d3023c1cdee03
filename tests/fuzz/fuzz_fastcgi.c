/* Any bytes on a FastCGI connection.  However they are cut, the reader makes the same of them;
 * and what comes in whole on a real socket is understood as far as it goes without a log: path,
 * parameters, form, or what a stream asks for. */
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fcgi/base/buffer.h"
#include "fcgi/request/form.h"
#include "fcgi/request/intake.h"
#include "fcgi/request/route.h"
#include "fcgi/request/wish.h"
#include "tests/fuzz/reached.h"

enum { VARIABLES, NO_PAIRS, BODY, END, ROLE, BROKEN, A_FORM, A_WISH, TOO_LARGE };
static struct point points[] = {{"variables that are whole", 0},
                                {"variables that are none", 0},
                                {"a piece of a body", 0},
                                {"the end of a request", 0},
                                {"another role", 0},
                                {"what is no request", 0},
                                {"a form", 0},
                                {"what a stream asks for", 0},
                                {"a body that is too large", 0},
                                {NULL, 0}};

enum { BODY_MAX = 4096, INPUT_MAX = 65536 };

static void take_variables(struct fastcgi *f, struct buffer *said, bool *over)
{
    char *text;
    const char **variable;
    if (fastcgi_variables(f, &text, &variable) != FASTCGI_VARIABLES) {
        reach(NO_PAIRS);
        *over = true;
        return;
    }
    reach(VARIABLES);
    for (const char **v = variable; *v; v++) {
        if (!strchr(*v, '='))
            abort();
        buffer_add(said, *v, strlen(*v) + 1);
    }
    free(text);
    free(variable);
}

/* What the reader says of a piece, which is in memory of its own: a byte beyond it is seen. */
static bool read_piece(struct fastcgi *f, const uint8_t *bytes, size_t n, struct buffer *said)
{
    uint8_t *own = malloc(n);
    const uint8_t *at = own;
    bool over = !own;
    if (own)
        memcpy(own, bytes, n);
    while (!over && at < own + n) {
        enum fastcgi_part part = fastcgi_read(f, &at, own + n);
        if (part == FASTCGI_VARIABLES) {
            take_variables(f, said, &over);
        } else if (part == FASTCGI_BODY) {
            reach(BODY);
            buffer_add(said, f->piece, f->piece_len);
        } else if (part != FASTCGI_MORE) {
            reach(part == FASTCGI_END ? END : part == FASTCGI_ROLE ? ROLE : BROKEN);
            buffer_printf(said, "ends with %d", (int)part);
            over = true;
        }
    }
    free(own);
    return !over;
}

/* The same, in pieces of `first` bytes and the rest; 0: of one byte each. */
static struct buffer reading(const uint8_t *bytes, size_t n, size_t first)
{
    struct fastcgi f;
    struct buffer said = {0};
    fastcgi_begin(&f);
    for (size_t at = 0, len; at < n; at += len) {
        len = first == 0 ? 1 : at == 0 ? first : n - at;
        if (!read_piece(&f, bytes + at, len, &said))
            break;
    }
    fastcgi_end(&f);
    return said;
}

static bool same(const struct buffer *a, const struct buffer *b)
{
    return a->len == b->len && (a->len == 0 || memcmp(a->bytes, b->bytes, a->len) == 0);
}

/* At every byte, and once somewhere, as the bytes will have it. */
static void cut(const uint8_t *bytes, size_t n)
{
    size_t somewhere = 1;
    for (size_t i = 0; i < n; i++)
        somewhere = somewhere * 31 + bytes[i];
    struct buffer whole = reading(bytes, n, n), every = reading(bytes, n, 0);
    struct buffer once = reading(bytes, n, n > 1 ? 1 + somewhere % (n - 1) : n);
    if (!same(&whole, &every) || !same(&whole, &once))
        abort();
    buffer_free(&whole);
    buffer_free(&every);
    buffer_free(&once);
}

static void understand(const struct request *r)
{
    static struct settings *settings;
    struct query q;
    struct form form;
    struct wish w;
    bool nomem;
    if (!settings)
        settings = settings_new();
    if (query_parse(&q, r->query_string, strlen(r->query_string)) == QUERY_OK) {
        form_read(&form, r, &q, "data");
        form_fit(&form, route_of(r) == ROUTE_UNKNOWN ? ROUTE_BROADCAST : route_of(r));
        if (form.body.list)
            reach(A_FORM);
        form_free(&form);
        if (!wish_read(&w, settings, r, &q, &nomem))
            reach(A_WISH);
        wish_free(&w);
        (void)wish_read_history(&w, settings, r, &q, &nomem);
        wish_free(&w);
    }
    query_free(&q);
}

/* On a socket, as a worker reads it. */
static void serve(struct intake *i)
{
    enum intake_news news = intake_step(i);
    if (news == INTAKE_HEADERS) {
        intake_want(i, BODY_MAX, 0);
        news = intake_step(i);
    }
    if (news != INTAKE_WHOLE)
        return;
    const struct request *r = &i->request;
    if (r->body_len > BODY_MAX || (r->body && r->body[r->body_len] != '\0'))
        abort();
    if (r->body_too_large)
        reach(TOO_LARGE);
    else
        understand(r);
    if (r->body_unread) {
        intake_rest(i, 0);
        while (intake_step(i) == INTAKE_WAITS)
            ;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    int pair[2];
    struct intake i;
    if (n > INPUT_MAX)
        return 0;
    cut(bytes, n);
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair))
        return 0;
    intake_begin(&i, pair[0], NULL, 0);
    if (write(pair[1], bytes, n) == (ssize_t)n) {
        shutdown(pair[1], SHUT_WR);
        serve(&i);
    }
    intake_end(&i);
    close(pair[1]);
    return 0;
}
