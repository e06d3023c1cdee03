#!/usr/bin/env bash
# `make test`: everything, on a machine that may be fresh.  Goes on after a failure, so that one
# run tells all of it.  Last line: `N passed, N failed`, single tests and single checks.
set -u
cd "$(dirname "$0")/.." || exit 2
sh packaging/install-packages.sh test || exit 1

export TALLY
TALLY=$(mktemp /tmp/rowcast-tally-XXXXXX)
reports=$(mktemp -d /tmp/rowcast-reports-XXXXXX)
trap 'rm -rf "$TALLY" "$reports"' EXIT
cores=$(nproc)
unset MAKEFLAGS MAKELEVEL MFLAGS

# One check that is not a program of tests: passed or failed as a whole.
check() {
    local name=$1 began=$SECONDS
    shift
    if "$@" >"$reports/check" 2>&1; then
        echo "1 0" >>"$TALLY"
        echo "$name: passed ($((SECONDS - began)) s)"
        grep '^note: ' "$reports/check"
        return 0
    else
        echo "0 1" >>"$TALLY"
        tail -n 100 "$reports/check"
        echo "$name: FAILED"
        return 1
    fi
}
build() {
    local name=$1
    shift
    check "$name" make -s -k -j"$cores" "$@" WERROR=-Werror
}
# The programs of FOLDER as they should be, also when one could not be built: list FOLDER BUILD
list() { basename -s .c -a "tests/$1"/test_*.c | sed "s|^|$2/$1/|"; }
# The longest begin, so that none of them is waited for at the end; the loads, which run alone, end.
stories() {
    list scenario build | sed -E 's/.*test_(host|server|fcgid)/1 &/; s/.*test_load/3 &/; t; s/^/2 /' |
        sort -s -k1,1 | cut -d' ' -f2
}

check 'layout' bash tests/layout.sh
check 'layout, each rule broken once' bash tests/layout_test.sh
check 'format' make -s format-check
check 'cppcheck' make -s cppcheck
check 'clang-tidy' make -s clang-tidy
build 'built by gcc' everything
build 'built by clang' BUILD=build-clang CC=clang everything
build 'built with ASan and UBSan' SANITIZE=address,undefined all tests
build 'built with TSan' SANITIZE=thread all tests

# Each parser of strangers' bytes, side by side; and that each run got to where it is meant to get.
check 'fuzzing, 20 s each' make -s fuzz SECONDS=20

check 'installed, units, socket activation' bash tests/install.sh

LABEL='unit' bash tests/programs.sh $(list unit build)
# What holds for each engine.
LABEL='contract' bash tests/programs.sh $(list contract build)

export ASAN_OPTIONS=detect_stack_use_after_return=1 UBSAN_OPTIONS=print_stacktrace=1
LABEL='unit, ASan and UBSan' bash tests/programs.sh $(list unit build-address-undefined)
LABEL='contract, ASan and UBSan' bash tests/programs.sh $(list contract build-address-undefined)
unset ASAN_OPTIONS UBSAN_OPTIONS

# TSan needs its shadow where address randomization may have put something else.
threaded=$(grep -lE 'pthread|thrd_|hub_|inbox_|worker_|feeder_|reader_|janitor_' tests/{unit,contract}/test_*.c |
    sed 's|tests/\(.*\)\.c|build-thread/\1|')
LABEL='unit and contract, TSan' WRAP='setarch -R' bash tests/programs.sh $threaded

# Stories mostly wait for servers, so more of them run than there are cores.
export JOBS=8
ROWCAST_PROGRAM=build/rowcast.fcgi LABEL='scenarios' bash tests/programs.sh $(stories)
# The same stories told to a responder that watches its own memory.
ROWCAST_PROGRAM=build-address-undefined/rowcast.fcgi ROWCAST_SANITIZED=1 \
    LABEL='scenarios, ASan and UBSan' bash tests/programs.sh $(stories)
# And one that watches its threads.  The loads and the troubles say nothing new to it.
ROWCAST_PROGRAM=build-thread/rowcast.fcgi ROWCAST_SANITIZED=1 LABEL='scenarios, TSan' \
    WRAP='setarch -R' bash tests/programs.sh build/scenario/test_{stream,resume,session,front,publish,log,supervisor,deploy,activation,restarts,poll,rotate}

JOBS=4 bash tests/browser/run.sh chromium
# Every snippet of the README, as a reader types it.
bash tests/readme/run.sh

# Measured last and alone: nothing else runs now.
check 'every delivery, 1,000 x 500 rows and 8,500 streams; 5,000 streams over a deploy' \
    bash tests/bench/run.sh build fanout many deploy

awk -v s="$SECONDS" '{ passed += $1; failed += $2 }
    END { printf "in %d s\n%d passed, %d failed\n", s, passed, failed; exit failed > 0 || passed == 0 }' "$TALLY"
