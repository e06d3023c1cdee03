/* What the address of a store may be.  So far it is the path of an SQLite log; any text without
 * "://" in it counts as a path.
 *
 * Thread: any; no state. */
#ifndef ROWCAST_STORE_ADDRESS_H
#define ROWCAST_STORE_ADDRESS_H

#include <stdbool.h>

enum { ADDRESS_WHY_SIZE = 256 };

/* Whether there is an engine for this address.  False: `why` says in a sentence what is wrong. */
bool address_check(const char *address, char why[ADDRESS_WHY_SIZE]);

/* Whether the address is the path of a file. */
bool address_is_path(const char *address);

#endif
