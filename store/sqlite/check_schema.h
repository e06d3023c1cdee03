/* Whether a file's schema is what this version creates.
 *
 * Thread: that of the store. */
#ifndef ROWCAST_STORE_SQLITE_CHECK_SCHEMA_H
#define ROWCAST_STORE_SQLITE_CHECK_SCHEMA_H

#include "store/sqlite/database.h"
#include "store/sqlite/finding.h"

/* Compare them, and say what differs.  Tables are compared by their columns, since an upgrade adds
 * columns, and leaves the text of the table as it was; columns that we do not know are fine. */
void check_schema(struct checking *c, struct database *d);

#endif
