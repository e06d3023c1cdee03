#include "store/address.h"

#include <stdio.h>
#include <string.h>

/* A folder may have a name that ends in a colon, so "://" after another slash says nothing. */
bool address_is_path(const char *address)
{
    size_t scheme = strcspn(address, "/:");
    return strncmp(address + scheme, "://", 3) != 0;
}

/* The sentence shows the scheme alone, cut short: what follows may hold a password. */
bool address_check(const char *address, char why[ADDRESS_WHY_SIZE])
{
    enum { SCHEME_SHOWN = 40 };
    why[0] = '\0';
    if (!*address)
        snprintf(why, ADDRESS_WHY_SIZE, "it is empty; give the path of an SQLite log");
    else if (!address_is_path(address))
        snprintf(
            why, ADDRESS_WHY_SIZE,
            "there is no engine for %.*s:// in this version; give the path of an SQLite log",
            (int)strcspn(address, ":") < SCHEME_SHOWN ? (int)strcspn(address, ":")
                                                      : SCHEME_SHOWN,
            address);
    return !*why;
}
