#!/usr/bin/env bash
# Run cmocka programs side by side and say what failed.  Last line: `N passed, N failed`, where N
# counts single tests.  A program that crashes, hangs or runs no test counts as one more failed.
#   bash tests/programs.sh [NAME=value...] PROGRAM...    JOBS=4 at once, LIMIT=300 seconds each
#   TALLY=FILE adds the two numbers there; LABEL=words names the programs, WRAP=command runs each
# What stands as NAME=value is in the environment of the programs behind it, so that programs of
# several kinds can run side by side.
set -u
jobs=${JOBS:-4} limit=${LIMIT:-300}
work=$(mktemp -d /tmp/rowcast-run-XXXXXX)
trap 'rm -rf "$work"' EXIT
export CMOCKA_MESSAGE_OUTPUT=STDOUT

run_one() {
    local n=$1 program=$2 status=0
    # shellcheck disable=SC2086 # WRAP is words
    ${WRAP:-} timeout -k 5 "$limit" "$program" >"$work/$n.out" 2>&1 </dev/null || status=$?
    echo "$status" >"$work/$n.status"
}

programs=() labels=()
for word in "$@"; do
    case $word in [A-Z]*=*) export "${word?}" && continue ;; esac
    # What is named a load is measured, and has the machine for itself.
    case $word in */test_load_*) most=1 ;; *) most=$jobs ;; esac
    while [ "$(jobs -pr | wc -l)" -ge "$most" ]; do wait -n; done
    run_one "${#programs[@]}" "$word" &
    programs+=("$word") labels+=("${LABEL:-}")
    if [ "$most" -eq 1 ]; then wait; fi
done
wait

declare -A passed=() failed=()
kinds=() all=0
for n in "${!programs[@]}"; do
    program=${programs[$n]} label=${labels[$n]}
    status=$(cat "$work/$n.status" 2>/dev/null || echo lost)
    good=$(grep -ac '^\[       OK \]' "$work/$n.out")
    # cmocka says FAILED twice of a test, when it happens and at the end.
    bad=$(grep -aE '^\[  (FAILED|ERROR) +\] [a-z_]' "$work/$n.out" | sed 's/.*\] *//' | sort -u | wc -l)
    skipped=$(grep -acE '^\[  SKIPPED \] [a-z_]' "$work/$n.out")
    # The exit status is how many failed, so anything else is a crash or a leak at the end.
    if [ "$status" != 0 ] && [ "$bad" -eq 0 ]; then bad=1; fi
    if [ "$good" -eq 0 ] && [ "$bad" -eq 0 ] && [ "$skipped" -eq 0 ]; then bad=1; fi
    if [ -z "${passed[.$label]:-}" ]; then
        kinds+=("$label") passed[.$label]=0 failed[.$label]=0
    fi
    passed[.$label]=$((passed[.$label] + good)) failed[.$label]=$((failed[.$label] + bad))
    all=$((all + bad))
    if [ "$bad" -gt 0 ]; then
        echo "=== ${label:+$label: }$program: status $status"
        tail -c 20000 "$work/$n.out"
    elif [ "$skipped" -gt 0 ]; then
        echo "=== ${label:+$label: }$program: $skipped skipped"
    fi
done
[ "${#kinds[@]}" -gt 0 ] || echo '0 passed, 0 failed'
for label in "${kinds[@]}"; do
    if [ -n "${TALLY:-}" ]; then echo "${passed[.$label]} ${failed[.$label]}" >>"$TALLY"; fi
    echo "${label:+$label: }${passed[.$label]} passed, ${failed[.$label]} failed"
done
[ "$all" -eq 0 ]
