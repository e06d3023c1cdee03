/* What the web servers' files share: server_lighttpd.c, server_apache.c, server_nginx.c. */
#ifndef ROWCAST_SCENARIO_SERVER_H
#define ROWCAST_SCENARIO_SERVER_H

#include "tests/scenario/scenario.h"

/* An example configuration's absolute path, valid until the next call.  The tests run in the
 * repository's root. */
const char *server_example(struct stage *s, const char *name);

/* Give the stage's folder its own packaging/rowcast-later.cgi, the pages, and, when it is
 * secure, a certificate with its key.  All may be called again. */
void server_place_later(struct stage *s);   /* <folder>/rowcast-later.cgi */
void server_place_pages(struct stage *s);   /* <folder>/pages */
void server_place_secrets(struct stage *s); /* <folder>/tls.pem */

/* Write the configuration to s->config. */
void server_configure(struct stage *s, const char *name, const char *text);

/* Start `argv` (the strings stay: constants, or those of the stage), which listens at s->host
 * and s->port; `reload` is the signal by which it reads its configuration anew.  Returns when
 * it answers a request, since one that only accepts may still be starting: lighttpd ends if a
 * program that it has started dies before its start is over. */
void server_start(struct stage *s, const char *const argv[], int reload);

#endif
