#!/usr/bin/env bash
# Who may include whom (ARCHITECTURE.md, Layout).  Prints each include that breaks a rule.
set -u
cd "$(dirname "$0")/.." || exit 2
broken=0

# only WHAT ALLOWED PLACES...: files of PLACES that include WHAT must match ALLOWED.
only() {
    local what=$1 allowed=$2
    shift 2
    local files
    files=$(grep -lE "^[[:space:]]*#[[:space:]]*include[[:space:]]*[<\"]$what[>\"]" "$@" 2>/dev/null |
        grep -vE "^($allowed)\$")
    if [ -n "$files" ]; then
        echo "$what is not for:" $files
        broken=1
    fi
}

responder=$(ls store/*.[ch] store/*/*.[ch] fcgi/*/*.[ch])
only 'sqlite3\.h' 'store/sqlite/[a-z_]*\.[ch]' $responder
only 'store/sqlite/[a-z_]*\.h' 'store/sqlite/[a-z_]*\.[ch]' $responder
only 'fastcgi\.h' 'fcgi/request/fastcgi\.c' $responder
only 'fcgiapp\.h|fcgi_stdio\.h|fcgi_config\.h|fcgios\.h' 'nobody' $responder
only 'sha2\.h' 'store/sha256\.c' $responder
only 'uv\.h|uv/.*\.h' 'fcgi/(hub/hub|process/supervisor)[a-z_]*\.[ch]' $responder
only 'fcgi/.*\.h' 'fcgi/.*' $responder
# The event loop can not touch SQLite if it can not see the store, by whatever way.
for f in fcgi/hub/hub*.c fcgi/stream/*.c; do
    [ -e "$f" ] || continue
    if ${CC:-cc} -std=gnu11 -D_GNU_SOURCE -I. -MM "$f" 2>/dev/null | grep -qE '[ /](store|sqlite3)\.h'; then
        echo "store.h or sqlite3.h reaches $f"
        broken=1
    fi
done
exit $broken
