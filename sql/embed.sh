#!/bin/sh
# Turn sql/*.sql into C: sql_text.h has an enum with one name a file (log_read.sql is
# SQL_LOG_READ), sql_text.c the texts, byte for byte, comments and all.
#   sh sql/embed.sh OUT.h OUT.c FILE.sql...
set -eu
header=$1 source=$2
shift 2
name() { basename "$1" .sql | tr 'a-z-' 'A-Z_'; }
{
    printf '/* Made from sql/ by sql/embed.sh. */\n#ifndef ROWCAST_SQL_TEXT_H\n#define ROWCAST_SQL_TEXT_H\n'
    printf 'enum sql {\n'
    for f in "$@"; do printf '    SQL_%s,\n' "$(name "$f")"; done
    printf '    SQL_COUNT\n};\nextern const char *const sql_text[SQL_COUNT];\n'
    printf 'extern const char *const sql_name[SQL_COUNT];\n#endif\n'
} >"$header"
{
    printf '#include "sql_text.h"\nconst char *const sql_text[SQL_COUNT] = {\n'
    for f in "$@"; do
        printf '    [SQL_%s] =\n' "$(name "$f")"
        sed -e 's/\\/\\\\/g' -e 's/"/\\"/g' -e 's/^/        "/' -e 's/$/\\n"/' "$f"
        printf '        ,\n'
    done
    printf '};\nconst char *const sql_name[SQL_COUNT] = {\n'
    for f in "$@"; do printf '    [SQL_%s] = "%s",\n' "$(name "$f")" "$(basename "$f")"; done
    printf '};\n'
} >"$source"
