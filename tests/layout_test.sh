#!/usr/bin/env bash
# Whether tests/layout.sh sees what it is for: each line below breaks a copy of the tree in one way,
# and the script has to say so.
set -u
cd "$(dirname "$0")/.." || exit 2
copy=$(mktemp -d /tmp/rowcast-layout-XXXXXX)
trap 'rm -rf "$copy"' EXIT
failed=0

# A fresh copy; $copy/tree.
fresh() {
    rm -rf "$copy/tree"
    mkdir -p "$copy/tree/tests"
    cp -r fcgi store sql Makefile "$copy/tree"
    cp -r tests/layout.sh tests/contract "$copy/tree/tests"
}

# judge PART: the script fails and says PART; "": it passes.
judge() {
    local part=$1 said status
    said=$(bash "$copy/tree/tests/layout.sh" 2>&1)
    status=$?
    if [ -z "$part" ] && [ $status -ne 0 ]; then
        echo "$what: it has to pass, and says: $said"
        failed=1
    elif [ -n "$part" ] && { [ $status -ne 1 ] || [[ $said != *"$part"* ]]; }; then
        echo "$what: it has to fail for \"$part\"; it ended with $status and says: $said"
        failed=1
    fi
}

# includes FILE HEADER PART: a line `#include HEADER` in FILE, made if need be.
includes() {
    what="$1 includes $2"
    fresh
    if [ -e "$copy/tree/$1" ]; then
        sed -i "1i #include $2" "$copy/tree/$1"
    else
        mkdir -p "$(dirname "$copy/tree/$1")"
        echo "#include $2" >"$copy/tree/$1"
    fi
    judge "$3"
}

# adds FILE TEXT PART: TEXT at the end of FILE.
adds() {
    what="$1 with: $2"
    fresh
    mkdir -p "$(dirname "$copy/tree/$1")"
    printf '%s\n' "$2" >>"$copy/tree/$1"
    judge "$3"
}

# compiled CC PART: with another compiler.
compiled() {
    what="CC=$1"
    fresh
    CC=$1 judge "$2"
}

what='the tree as it is'
fresh
judge ''

includes fcgi/base/buffer.c '"fcgi/stream/tail.h"' 'rule 1: fcgi/base/buffer.c includes fcgi/stream/tail.h'
includes fcgi/stream/tail.c '"fcgi/request/reply.h"' 'rule 1: '
includes fcgi/request/reply.h '"fcgi/hub/publisher.h"' 'rule 1: '
includes fcgi/hub/worker.c '"fcgi/process/serve.h"' 'rule 1: '

includes fcgi/hub/hub_clock.c '<sqlite3.h>' 'rule 2: '
includes fcgi/hub/hub_clock.c '"fcgi/hub/aside.h"' 'rule 2: store/store.h reaches fcgi/hub/hub_clock.c'
includes fcgi/base/buffer.h '"store/store.h"' 'rule 2: store/store.h reaches fcgi/stream/'

includes fcgi/base/board.h '"store/address.h"' 'rule 3: '
includes fcgi/hub/hub.c '"store/store.h"' 'rule 3: '
includes fcgi/request/answer.c '"store/engine.h"' 'rule 3: '
includes fcgi/hub/feeder.c '"store/sqlite/engine.h"' 'rule 3: '

includes store/store.c '"store/sqlite/engine.h"' 'rule 4: '
includes store/store.c '"fcgi/base/log.h"' 'rule 4: '
includes store/sqlite/log.c '"fcgi/base/log.h"' 'rule 4: '
includes store/sqlite/log.c '"store/other/engine.h"' 'store/other/engine.h'

includes store/store.c '<sqlite3.h>' 'rule 5: '
includes store/settings.c '"sql_text.h"' 'rule 5: '
includes fcgi/request/answer.c '<fastcgi.h>' 'rule 5: '
includes fcgi/request/accept.c '<fcgiapp.h>' 'rule 5: '
includes fcgi/hub/feeder.c '<uv.h>' 'rule 5: '
includes fcgi/request/meta.c '<jansson.h>' 'rule 5: '
includes fcgi/request/cookie.c '<sha2.h>' 'rule 5: '
includes store/sqlite/log.c '"log.h"' 'is not named by its path'

includes tests/contract/test_log.c '"store/sqlite/engine.h"' 'rule 6: '
adds tests/contract/test_log.c 'const char count[] = "SELECT count(*) FROM events";' 'rule 6: '

adds fcgi/feeder.c '' 'in no room: fcgi/feeder.c'
adds fcgi/web/page.c '' 'in no room: fcgi/web/page.c'
adds other/page.h '' 'in no room: other/page.h'

adds fcgi/hub/feeder.c $'static void drop_twice(void)\n{\n}' ''
sed -i '$a static void drop_twice(void)\n{\n}' "$copy/tree/fcgi/hub/worker.c"
judge 'the name drop_twice is in'
adds fcgi/hub/feeder.c $'static int buffer_add(void)\n{\n}' 'the name buffer_add is in'

adds fcgi/request/route.h $'#include "fcgi/request/parameters.h"' 'in a circle: '
adds fcgi/base/buffer.c $'int back(void)\n{\n    return inbox_take(0) != 0;\n}' ''
sed -i '$a void forth(struct buffer *b)\n{\n    buffer_free(b);\n}' "$copy/tree/fcgi/base/inbox.c"
judge 'in a circle: '

printf '#!/bin/sh\nexit 1\n' >"$copy/broken"
printf '#!/bin/sh\n' >"$copy/silent"
chmod +x "$copy/broken" "$copy/silent"
compiled "$copy/broken" 'rule 2 cannot be checked, the compiler failed'
compiled "$copy/silent" 'rule 2 cannot be checked'
what='without the flags'
fresh
sed -i '/^print-cflags/,+1d' "$copy/tree/Makefile"
judge 'print-cflags failed'

exit $failed
