#!/usr/bin/env bash
# Set-up and build. The CUDA preset is taken by itself where there is an NVIDIA GPU, nvcc and a CUDA LibTorch.
#   third_party/build.sh              everything
#   third_party/build.sh TARGET...    these targets
# The last line of its output is the preset, so that scripts know where the build lies (build/PRESET).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
./third_party/install.sh >&2
preset=release
torch=${GADOLIN_LIBTORCH:-$(compgen -G 'third_party/.venv/lib/python3*/site-packages/torch' | head -1 || true)}
if command -v nvcc >/dev/null && nvidia-smi -L >/dev/null 2>&1 && [[ -e $torch/lib/libtorch_cuda.so ]]; then preset=cuda; fi
start=$SECONDS
cmake --preset "$preset" -DGADOLIN_UNITY=ON >/dev/null
cmake --build --preset "$preset" ${1:+--target "$@"} >&2
echo "build.sh: built in $((SECONDS - start)) s" >&2
echo "$preset"
