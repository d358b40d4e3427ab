#!/usr/bin/env bash
# Set-up, build and tests in one command. Ends with ctest's own closing line.
#   tests/run.sh            fast tests and CI's part of the slow ones
#   tests/run.sh fast       only the fast ones
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
preset=$(./third_party/build.sh)
label='fast|slow'
[[ ${1:-} == fast ]] && label=fast
[[ $preset == cuda ]] && label="$label|gpu"
ctest --test-dir "build/$preset" -L "$label" --output-on-failure -j 2
