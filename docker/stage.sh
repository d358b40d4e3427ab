#!/usr/bin/env bash
# What the image holds: the installed program, the names of the Debian packages it needs at run time, and the list of
# all it consists of (SPDX 2.3). Run inside the first stage of docker/Dockerfile, where everything is installed.
#   docker/stage.sh ON|OFF PREFIX     with or without the torch wing
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
torch=$1 prefix=$2
cmake --preset release -DGADOLIN_TORCH="$torch" -DGADOLIN_TESTS=OFF
cmake --build --preset release
cmake --install build/release --prefix "$prefix" --strip
share=$prefix/share/gadolin
# The package of a file; dpkg knows some by the path they had before /lib became /usr/lib.
owner() { dpkg-query -S "$1" 2>/dev/null || dpkg-query -S "${1#/usr}"; }
find "$prefix/bin" -type f -exec ldd {} + | sed -n 's#.* => \(/[^ ]*\) .*#\1#p' | grep -v "^$prefix" | sort -u |
  while read -r library; do owner "$(readlink -f "$library")"; done | cut -d: -f1 | sort -u >"$share/debian-packages.txt"
# Trained data that gadolin-worker reads text with: no library tells of them.
echo tesseract-ocr-eng >>"$share/debian-packages.txt"
python3 docker/sbom.py "$torch" "$share/debian-packages.txt" >"$share/sbom.spdx.json"
