/* The table by which store.c calls this engine.  It is the only global of the engine that the
 * rest of the program names. */
#include "store/sqlite/engine.h"

#include "store/address.h"

const struct store_engine sqlite_engine = {
    .name = "SQLite",
    .owns = address_is_path,
    .open = sqlite_open,
    .close = sqlite_close,
    .rest = sqlite_rest,
    .deadline = sqlite_deadline,
    .where = sqlite_where,
    .read = sqlite_read,
    .wait = sqlite_wait,
    .wake = sqlite_wake,
    .append_all = sqlite_append_all,
    .settings_newer = sqlite_settings_newer,
    .environment = sqlite_environment,
    .fit = sqlite_fit,
    .upkeep = sqlite_upkeep,
    .join = sqlite_join,
    .recall = sqlite_recall,
    .survey = sqlite_survey,
    .enter = sqlite_enter,
    .open_streams = sqlite_open_streams,
    .save = sqlite_save,
    .ended = sqlite_ended,
    .beat = sqlite_beat,
    .disconnect = sqlite_disconnect,
    .tend = sqlite_tend,
    .stats = sqlite_stats,
    .check = sqlite_check,
};
