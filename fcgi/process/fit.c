/* The results of the store are sorted by one question: would the log be usable later, with
 * nothing done by people?  The switch has no default, so the compiler asks it for each new
 * result, too. */
#include "fcgi/process/fit.h"

#include "fcgi/base/log.h"
#include "store/store.h"

static bool will_pass(enum store_result r)
{
    switch (r) {
    case STORE_NEWER:
    case STORE_CORRUPT:
    case STORE_READONLY:
        return false;
    case STORE_OK:
    case STORE_BUSY:
    case STORE_FULL:
    case STORE_NOMEM:
    case STORE_REFUSED:
    case STORE_TOO_LARGE:
    case STORE_UNKNOWN:
    case STORE_IO:
        return true;
    }
    return true;
}

static void fit_say_line(void *arg, const char *line)
{
    (void)arg;
    log_line(LOG_LEVEL_WARN, "environment", "note=\"%s\"", line);
}

bool fit_for(const char *db_path, bool tell)
{
    struct store *s;
    if (store_open(&s, db_path) != STORE_OK)
        return true; /* out of memory, which passes */
    enum store_result r = store_fit(s);
    if (tell && r != STORE_OK)
        log_line(LOG_LEVEL_ERROR, "log_unavailable", "doing=start why=\"%s\"", store_why(s));
    else if (tell)
        store_environment(s, fit_say_line, NULL);
    store_close(s);
    return will_pass(r);
}
