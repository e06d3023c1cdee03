/* The reasons of a gap, by the words that clients see on the wire. */
#include "store/store.h"

/* There is no `default`, so the compiler reports a reason that has no word yet. */
const char *gap_reason_text(enum gap_reason r)
{
    switch (r) {
    case GAP_NONE:
        break;
    case GAP_TRIMMED:
        return "trimmed";
    case GAP_UNKNOWN:
        return "unknown";
    case GAP_EPOCH:
        return "epoch";
    case GAP_FUTURE:
        return "future";
    case GAP_SESSION:
        return "session";
    }
    return "";
}
