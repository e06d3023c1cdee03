#!/usr/bin/env bash
# `make test`: everything, on a machine that may be fresh.  Goes on after a failure, so that one
# run tells all of it.  Last line: `N passed, N failed`, single tests and single checks.
set -u
cd "$(dirname "$0")/.." || exit 2
sh packaging/install-packages.sh test || exit 1

export TALLY
TALLY=$(mktemp /tmp/rowcast-tally-XXXXXX)
reports=$(mktemp -d /tmp/rowcast-reports-XXXXXX)
beside=
trap '[ -z "$beside" ] || kill -- "-$beside"; rm -rf "$TALLY" "$reports"' EXIT
cores=$(nproc)
unset MAKEFLAGS MAKELEVEL MFLAGS

# One check that is not a program of tests: passed or failed as a whole.
check() {
    local name=$1 began=$SECONDS report
    report=$(mktemp "$reports/check-XXXXXX")
    shift
    if "$@" >"$report" 2>&1; then
        echo "1 0" >>"$TALLY"
        echo "$name: passed ($((SECONDS - began)) s)"
        grep '^note: ' "$report"
        return 0
    else
        echo "0 1" >>"$TALLY"
        tail -n 100 "$report"
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
# The same list, with those that take long before the others, so that none is waited for at the end.
long_first() {
    sed -E "s/.*test_($1)/1 &/; t; s/^/2 /" | sort -s -k1,1 | cut -d' ' -f2
}
units() { { list unit "$1" && list contract "$1"; } | long_first 'hub|model|out_of_memory|heartbeat|files|store|publisher'; }
# The scenarios, which are the same programs for each build of the responder: scenarios long, short
# or load.
scenarios() {
    local long='fcgid_limit|front|host|down|server|reload|poll|files'
    case $1 in
    long) list scenario build | grep -E "test_($long)" | long_first fcgid_limit ;;
    short) list scenario build | grep -vE "test_($long|load_)" ;;
    load) list scenario build | grep test_load_ ;;
    esac
}

check 'layout' bash tests/layout.sh
check 'format' make -s format-check
build 'built by gcc' everything
build 'built with ASan and UBSan' SANITIZE=address,undefined all tests
build 'built with TSan' SANITIZE=thread all tests

# For the test that deploys it and the present one in turn.
old_program() { sh tests/old_program.sh >"$reports/old"; }
check 'built as of revision 1' old_program
ROWCAST_OLD_PROGRAM=$(cat "$reports/old")
export ROWCAST_OLD_PROGRAM

# What only computes, while the tests below mostly wait: it gets what time they leave.
compute() {
    chrt --idle --pid 0 "$BASHPID"
    check 'layout, each rule broken once' bash tests/layout_test.sh
    check 'cppcheck' make -s cppcheck
    check 'clang-tidy' make -s clang-tidy
    build 'built by clang' BUILD=build-clang CC=clang everything
    # Each parser of strangers' bytes, side by side; and that each run got to where it is meant to get.
    check 'fuzzing, 20 s each' make -s fuzz SECONDS=20
}
set -m # a group of its own, to be ended with this script
compute >"$reports/beside" 2>&1 &
beside=$!
set +m

check 'installed, units, socket activation' bash tests/install.sh

# Tests mostly wait, so more programs run than there are cores.
export JOBS=8
watched=(ASAN_OPTIONS=detect_stack_use_after_return=1 UBSAN_OPTIONS=print_stacktrace=1)
# TSan needs its shadow where address randomization may have put something else.
fixed=(WRAP='setarch -R')
threads='pthread|thrd_|hub_|inbox_|worker_|feeder_|reader_|janitor_|publisher_|responder_'
# The unit tests, and what holds for each engine.
bash tests/programs.sh LABEL='unit and contract' $(units build) \
    LABEL='unit and contract, ASan and UBSan' "${watched[@]}" $(units build-address-undefined) \
    LABEL='unit and contract, TSan' "${fixed[@]}" \
    $(grep -lE "$threads" tests/{unit,contract}/test_*.c | sed 's|tests/\(.*\)\.c|build-thread/\1|' | long_first 'hub')

# The scenarios, by the responder as it is, by one that watches its own memory, and by one that
# watches its threads.  The loads and the troubles say nothing new to that.
plain=(LABEL=scenarios ROWCAST_PROGRAM=build/rowcast.fcgi ROWCAST_SANITIZED=)
memory=(LABEL='scenarios, ASan and UBSan' ROWCAST_PROGRAM=build-address-undefined/rowcast.fcgi ROWCAST_SANITIZED=1)
threaded=(LABEL='scenarios, TSan' ROWCAST_PROGRAM=build-thread/rowcast.fcgi ROWCAST_SANITIZED=1)
bash tests/programs.sh "${memory[@]}" $(scenarios long) "${plain[@]}" $(scenarios long) \
    "${memory[@]}" $(scenarios short) "${plain[@]}" $(scenarios short) "${threaded[@]}" "${fixed[@]}" \
    build/scenario/test_{stream,resume,session,front,publish,log,supervisor,deploy,activation,restarts,poll,rotate}

wait "$beside"
ended=$?
beside=
cat "$reports/beside"
# It ends with 0 or 1.  If it was killed (memory, for example), what it had left to check is not known.
[ "$ended" -le 1 ] || check "beside the tests, which ended with $ended" false
# Measured, so each has the machine for itself.
bash tests/programs.sh "${plain[@]}" LABEL='loads' $(scenarios load) \
    "${memory[@]}" LABEL='loads, ASan and UBSan' $(scenarios load)

JOBS=4 bash tests/browser/run.sh chromium
# Every snippet of the README and of docs/state.md, as a reader types it.
bash tests/readme/run.sh

# Measured last and alone: nothing else runs now.
check 'every delivery, 1,000 x 500 rows and 8,500 streams; 5,000 streams over a deploy' \
    bash tests/bench/run.sh build fanout many deploy

awk -v s="$SECONDS" '{ passed += $1; failed += $2 }
    END { printf "in %d s\n%d passed, %d failed\n", s, passed, failed; exit failed > 0 || passed == 0 }' "$TALLY"
