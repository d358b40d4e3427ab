#!/usr/bin/env bash
# Makes the environment of the peers that `gadolin bench --peers tests/bench` times: Python packages of pinned versions in
# tests/bench/.venv, apart from the one that LibTorch comes from. Does nothing when it is there.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
[[ -e $here/.venv/complete ]] && exit 0
python3 -m venv "$here/.venv"
"$here/.venv/bin/pip" install --quiet -r "$here/requirements.txt"
touch "$here/.venv/complete"
