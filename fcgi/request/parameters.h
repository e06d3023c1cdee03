/* Which parameters each path has.  One that it has not is refused, with a sentence that names
 * those there are: a misspelt channel= would reach everyone, and a misspelt lastEventId= would
 * lose what was missed, both without a word.
 *
 * Pure. */
#ifndef ROWCAST_FCGI_PARAMETERS_H
#define ROWCAST_FCGI_PARAMETERS_H

#include <stdbool.h>
#include <stddef.h>

#include "fcgi/request/query.h"
#include "fcgi/request/route.h"

enum { PARAMETERS_WHY_SIZE = 320 };

/* Whether the path has each parameter in `q`.  False: `why` says which it has not.  Let through
 * are names that begin with `_`, which libraries add so that nothing is cached, and an empty
 * name without a value (`a=1&`). */
bool parameters_fit(enum route route, const struct query *q, char why[PARAMETERS_WHY_SIZE]);

#endif
