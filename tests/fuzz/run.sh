#!/usr/bin/env bash
# Run fuzz targets side by side, each from its seeds, and see that they reach what they are for.
#   bash tests/fuzz/run.sh SECONDS TARGET...      what was found is kept in TARGET.corpus
# A target fails when it finds a fault, when a point of its list (reached.h) was never reached, or
# when it does not notice a fault that is planted at one.
set -u
seconds=$1
shift
seeds=$(realpath "$(dirname "$0")")/seeds
failed=0

# planted TARGET SEEDS: each point, with a fault there, over the seeds alone.
planted() {
    local points point
    points=$("$1" -runs=0 -artifact_prefix="$1-" "$2" 2>&1 | grep -c '^reached: ')
    if [ "$points" -eq 0 ]; then
        echo "$1: it lists nothing to reach"
        return 1
    fi
    for ((point = 0; point < points; point++)); do
        if ! ROWCAST_PLANT=$point "$1" -runs=0 -artifact_prefix="$1-planted-" "$2" 2>&1 |
            grep -q 'heap-buffer-overflow'; then
            echo "$1: a fault at point $point of its list is not noticed"
            return 1
        fi
    done
    rm -f "$1"-planted-*
}

fuzz() {
    local target=$1 name=${1##*/fuzz_}
    planted "$target" "$seeds/$name" || return 1
    mkdir -p "$target.corpus"
    "$target" -max_total_time="$seconds" -print_final_stats=1 -artifact_prefix="$target-" \
        "$target.corpus" "$seeds/$name" || return 1
}

for target in "$@"; do
    fuzz "$target" >"$target.log" 2>&1 &
done
wait
for target in "$@"; do
    if grep -q '^stat::number_of_executed_units: [1-9]' "$target.log" &&
        ! grep -qE '^reached: 0 |^SUMMARY: ' "$target.log"; then
        echo "$target: $(sed -n 's/^stat::number_of_executed_units: *//p' "$target.log") runs"
    else
        failed=1
        tail -n 60 "$target.log"
        echo "$target: FAILED"
    fi
done
exit $failed
