#!/usr/bin/env bash
# The tests in real browsers.  Last line: `N passed, N failed`, single tests.
#   bash tests/browser/run.sh [ENGINE...]      chromium (default), firefox, webkit
#   JOBS=4 files at once, LIMIT=240 seconds each; TALLY=FILE adds the two numbers there;
#   ONLY=words just the files whose name has the words
# Each file is a program of its own.  Its line `// Engines: …` names the engines it is for; without
# one it is for Chromium.
set -u
cd "$(dirname "$0")" || exit 2
jobs=${JOBS:-4} limit=${LIMIT:-240}
work=$(mktemp -d /tmp/rowcast-browsers-XXXXXX)
trap 'rm -rf "$work"' EXIT
[ $# -gt 0 ] || set -- chromium

# What is installed is what the lock file says.
if ! cmp -s package-lock.json node_modules/.installed; then
    npm ci --loglevel=error || exit 1
    cp package-lock.json node_modules/.installed
fi

runs=()
for engine in "$@"; do
    for file in *"${ONLY:-}"*.test.js; do
        engines=$(sed -n 's|^// Engines: *||p' "$file")
        case " ${engines:-chromium} " in *" $engine "*) runs+=("$engine $file") ;; esac
    done
done

one() {
    local n=$1 engine=$2 file=$3 status=0
    ROWCAST_ENGINE=$engine timeout -k 10 "$limit" node --test --test-reporter=tap "$file" \
        >"$work/$n.out" 2>&1 </dev/null || status=$?
    echo "$status" >"$work/$n.status"
}
for n in "${!runs[@]}"; do
    while [ "$(jobs -pr | wc -l)" -ge "$jobs" ]; do wait -n; done
    read -r engine file <<<"${runs[$n]}"
    one "$n" "$engine" "$file" &
done
wait

passed=0 failed=0
for n in "${!runs[@]}"; do
    good=$(sed -n 's/^# pass //p' "$work/$n.out" | tail -n 1)
    bad=$(sed -nE 's/^# (fail|cancelled) //p' "$work/$n.out" | awk '{ n += $1 } END { print n + 0 }')
    status=$(cat "$work/$n.status" 2>/dev/null || echo lost)
    # What crashed, hung or had no test is a failure too.
    if [ "$bad" -eq 0 ] && { [ "$status" != 0 ] || [ "${good:-0}" -eq 0 ]; }; then bad=1; fi
    passed=$((passed + ${good:-0})) failed=$((failed + bad))
    if [ "$bad" -gt 0 ]; then
        echo "=== ${runs[$n]}: status $status"
        tail -c 20000 "$work/$n.out"
    else
        echo "${runs[$n]}: $good passed"
    fi
done
if [ -n "${TALLY:-}" ]; then echo "$passed $failed" >>"$TALLY"; fi
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
