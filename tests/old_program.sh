#!/bin/sh
# Build the last program of revision 1 from the history of this repository, for the test that deploys
# it and the present one in turn, and print its path.  A copy of the sources without their history
# has no such program: then it prints nothing, and that test is skipped.
#   ROWCAST_OLD_PROGRAM=$(sh tests/old_program.sh)
set -eu
commit=67ea69d # of version 0.2.0
cd "$(dirname "$0")/.."
git cat-file -e "$commit^{commit}" 2>/dev/null || exit 0
into=build-old-$commit
if [ ! -x "$into/build/rowcast.fcgi" ]; then
    rm -rf "$into"
    mkdir "$into"
    git archive "$commit" | tar -x -C "$into"
    make -s -j"$(nproc)" -C "$into" build/rowcast.fcgi >&2
fi
echo "$PWD/$into/build/rowcast.fcgi"
