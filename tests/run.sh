#!/usr/bin/env bash
# Set-up, build and tests in one command. Ends with ctest's own closing line.
#   tests/run.sh            fast tests and CI's part of the slow ones
#   tests/run.sh fast       only the fast ones
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
./third_party/install.sh
preset=release
if command -v nvidia-smi >/dev/null && nvidia-smi -L >/dev/null 2>&1 && command -v nvcc >/dev/null &&
  compgen -G "${GADOLIN_LIBTORCH:-third_party/.venv/lib/python3*/site-packages/torch}/lib/libtorch_cuda.so" >/dev/null; then
  preset=cuda
fi
start=$SECONDS
cmake --preset "$preset" >/dev/null
cmake --build --preset "$preset"
echo "run.sh: built in $((SECONDS - start)) s"
label='fast|slow'
[[ ${1:-} == fast ]] && label=fast
[[ $preset == cuda ]] && label="$label|gpu"
ctest --test-dir "build/$preset" -L "$label" --output-on-failure -j 2
