#!/usr/bin/env bash
# Every snippet of README.md and docs/state.md, run for real in a sandbox.  Last line: `N passed, N failed`.
#   bash tests/readme/run.sh       TALLY=FILE adds the two numbers there; LIMIT=180 seconds in all
set -u
cd "$(dirname "$0")/../browser" || exit 2
# The browser is driven by what tests/browser/run.sh installs, too.
if ! cmp -s package-lock.json node_modules/.installed; then
    npm ci --loglevel=error || exit 1
    cp package-lock.json node_modules/.installed
fi
exec timeout -k 10 "${LIMIT:-180}" node ../readme/readme.mjs
