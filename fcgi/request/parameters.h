/* Which parameters each path has.  Any other is refused, with a sentence that names those that
 * the path has: a misspelt channel= would reach everyone, and with a misspelt lastEventId= a
 * client would miss events, both without a word.
 *
 * Pure.  Thread: any. */
#ifndef ROWCAST_FCGI_PARAMETERS_H
#define ROWCAST_FCGI_PARAMETERS_H

#include <stdbool.h>
#include <stddef.h>

#include "fcgi/request/query.h"
#include "fcgi/request/route.h"

enum { PARAMETERS_WHY_SIZE = 320 };

/* Whether the path has each parameter in `q`.  False: `why` names one that it does not have.
 * Names that begin with `_`, which libraries add to defeat caches, are let through, and so is
 * an empty name without a value (`a=1&`). */
bool parameters_fit(enum route route, const struct query *q, char why[PARAMETERS_WHY_SIZE]);

#endif
