#!/usr/bin/env bash
# Run cmocka programs side by side and say what failed.  Last line: `N passed, N failed`, where N
# counts single tests.  A program that crashes, hangs or runs no test counts as one more failed.
#   bash tests/programs.sh PROGRAM...       JOBS=4 at once, LIMIT=300 seconds each
#   TALLY=FILE adds the two numbers there; LABEL=words names the run; WRAP=command runs each
set -u
jobs=${JOBS:-4} limit=${LIMIT:-300} label=${LABEL:-}
work=$(mktemp -d /tmp/rowcast-run-XXXXXX)
trap 'rm -rf "$work"' EXIT
export CMOCKA_MESSAGE_OUTPUT=STDOUT

run_one() {
    local n=$1 program=$2 status=0
    # shellcheck disable=SC2086 # WRAP is words
    ${WRAP:-} timeout -k 5 "$limit" "$program" >"$work/$n.out" 2>&1 </dev/null || status=$?
    echo "$status" >"$work/$n.status"
}

n=0
for program in "$@"; do
    n=$((n + 1))
    # What is named a load is measured, and has the machine for itself.
    case $program in */test_load_*) most=1 ;; *) most=$jobs ;; esac
    while [ "$(jobs -pr | wc -l)" -ge "$most" ]; do wait -n; done
    run_one "$n" "$program" &
    if [ "$most" -eq 1 ]; then wait; fi
done
wait

passed=0 failed=0 n=0
for program in "$@"; do
    n=$((n + 1))
    status=$(cat "$work/$n.status" 2>/dev/null || echo lost)
    good=$(grep -ac '^\[       OK \]' "$work/$n.out")
    # cmocka says FAILED twice of a test, when it happens and at the end.
    bad=$(grep -aE '^\[  (FAILED|ERROR) +\] [a-z_]' "$work/$n.out" | sed 's/.*\] *//' | sort -u | wc -l)
    skipped=$(grep -acE '^\[  SKIPPED \] [a-z_]' "$work/$n.out")
    # The exit status is how many failed, so anything else is a crash or a leak at the end.
    if [ "$status" != 0 ] && [ "$bad" -eq 0 ]; then bad=1; fi
    if [ "$good" -eq 0 ] && [ "$bad" -eq 0 ] && [ "$skipped" -eq 0 ]; then bad=1; fi
    passed=$((passed + good)) failed=$((failed + bad))
    if [ "$bad" -gt 0 ]; then
        echo "=== ${label:+$label: }$program: status $status"
        tail -c 20000 "$work/$n.out"
    elif [ "$skipped" -gt 0 ]; then
        echo "=== ${label:+$label: }$program: $skipped skipped"
    fi
done
if [ -n "${TALLY:-}" ]; then echo "$passed $failed" >>"$TALLY"; fi
echo "${label:+$label: }$passed passed, $failed failed"
[ "$failed" -eq 0 ]
