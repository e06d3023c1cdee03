/* The version of this program: what --version says, and what each process enters in the sessions.
 * web/package.json and CHANGELOG.md repeat it; tests/install.sh compares them. */
#ifndef ROWCAST_STORE_VERSION_H
#define ROWCAST_STORE_VERSION_H

#define ROWCAST_VERSION "0.3.0"

#endif
