#!/usr/bin/env bash
# Installs what gadolin is built from: Debian packages by name, and LibTorch from its Python wheel.
#
#   third_party/install.sh                 install what is missing (says what and how large first); does nothing when all is there
#   third_party/install.sh --check         only say what is missing; exit 1 when something is
#   third_party/install.sh --without-torch leave LibTorch out (for -DGADOLIN_TORCH=OFF)
#   third_party/install.sh --ci            also the tools of .ci/run (clang, clang-format, clang-tidy)
#   third_party/install.sh --unpack DIR    bundle for a machine without a network and with its own LibTorch: headers and
#                                          static libraries of the small dependencies, so that the torch wing builds there
#
# GADOLIN_LIBTORCH=DIR uses the LibTorch (>= 2.11) in DIR and installs no wheel. Which build the wheel is (CPU or CUDA) is the
# package index's choice; pip's own settings (PIP_INDEX_URL, PIP_EXTRA_INDEX_URL, pip.conf) select another one.
set -euo pipefail

readonly torch_version=2.13.0
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
venv=$here/.venv
readonly here venv

# The part of the list that the torch wing alone needs comes first: --unpack bundles exactly those.
readonly torch_wing=(libhdf5-dev libboost1.81-dev libboost-json1.81-dev libboost-container1.81-dev libgtest-dev libcli11-dev
  libyaml-cpp-dev libspdlog-dev libfmt-dev libssl-dev libdeflate-dev libpng-dev zlib1g-dev libhwy-dev
  liblz4-dev libxxhash-dev)
readonly imaging=(libinsighttoolkit5-dev libdcmtk-dev libopenjp2-7-dev libsqlite3-dev libtesseract-dev tesseract-ocr-eng)
readonly tools=(g++ cmake ninja-build git ca-certificates pkg-config python3 python3-venv libbenchmark-dev)
readonly ci_tools=(clang-14 libclang-rt-14-dev clang-format-14 clang-tidy-14 dicom3tools)

check= without_torch= ci= unpack=
while [[ $# -gt 0 ]]; do
  case $1 in
    --check) check=1 ;;
    --without-torch) without_torch=1 ;;
    --ci) ci=1 ;;
    --unpack) unpack=${2:?--unpack needs a directory}; shift ;;
    -h | --help) sed -n '2,13p' "$0"; exit 0 ;;
    *) echo "install.sh: unknown option $1 (see --help)" >&2; exit 2 ;;
  esac
  shift
done

as_root() {
  if [[ $(id -u) == 0 ]]; then "$@"; elif command -v sudo >/dev/null; then sudo "$@"; else
    echo "install.sh: packages are missing and neither root nor sudo is at hand; ask an administrator to run: $*" >&2
    exit 1
  fi
}

missing_packages() {
  local wanted=("${tools[@]}" "${torch_wing[@]}" "${imaging[@]}")
  [[ -n $ci ]] && wanted+=("${ci_tools[@]}")
  local have
  have=$(dpkg-query -W -f='${Package} ${db:Status-Status}\n' "${wanted[@]}" 2>/dev/null | sed -n 's/ installed$//p' || true)
  comm -23 <(printf '%s\n' "${wanted[@]}" | sort -u) <(printf '%s\n' "$have" | sort -u)
}

torch_missing() {
  [[ -z $without_torch && -z ${GADOLIN_LIBTORCH:-} ]] || return 1
  local found
  found=$(compgen -G "$venv/lib/python3*/site-packages/torch/version.py" | head -1 || true)
  [[ -z $found ]] || ! grep -q "'$torch_version" "$found"
}

bundle() {
  local dir=$1 work
  mkdir -p "$dir"
  work=$(mktemp -d)
  (cd "$work" && chmod 755 . && apt-get -o APT::Sandbox::User=root download "${torch_wing[@]}" $(apt-cache depends --recurse --no-recommends --no-suggests \
    --no-conflicts --no-breaks --no-replaces --no-enhances "${torch_wing[@]}" | grep -E \
    '^(libhdf5[a-z-]*-[0-9]+|libboost-(json|container)1.81.0|libyaml-cpp0.7|libspdlog1.10|libfmt9|libssl3|libdeflate0|libpng16-16|libaec[0-9]+|libaec-dev|libsz2|hdf5-helpers|libgmock-dev|googletest|libhwy1|liblz4-1|libxxhash0)$' | sort -u)) >/dev/null
  for deb in "$work"/*.deb; do dpkg -x "$deb" "$dir"; done
  rm -rf "$work" "$dir"/usr/share/{doc,man,lintian} "$dir"/usr/src "$dir"/usr/lib/*/hdf5/openmpi
  # Boost is 180 MiB of headers; the torch wing uses Boost.JSON, its version, and what those include.
  local kept=$dir/usr/include/boost.kept
  (cd "$dir/usr/include" && printf '#include <boost/json.hpp>\n#include <boost/version.hpp>\n' |
    g++ -std=c++20 -M -I . -x c++ - | tr ' \\' '\n\n' | sed -n 's#^\(\./\)\?\(boost/.*\)#\2#p' | sort -u >boost.list
    mkdir boost.kept && tar -cf - -T boost.list | tar -C boost.kept -xf -)
  rm -rf "$dir/usr/include/boost" "$dir/usr/include/boost.list"
  mv "$kept/boost" "$dir/usr/include/boost" && rmdir "$kept"
  rm -rf "$dir"/usr/share/man "$dir"/usr/lib/*/{libcrypto.a,libssl.a,libhdf5_serial_cpp.a,libhdf5_serial_fortran.a}
  echo "install.sh: bundle in $dir, $(du -sm "$dir" | cut -f1) MiB; there: cmake --preset release -DCMAKE_PREFIX_PATH=$dir/usr -DGADOLIN_IMAGING=OFF"
}

if [[ -n $unpack ]]; then bundle "$unpack"; exit 0; fi

mapfile -t packages < <(missing_packages)
[[ ${#packages[@]} == 1 && -z ${packages[0]} ]] && packages=()
need_torch=
torch_missing && need_torch=1

if [[ -n $check ]]; then
  [[ ${#packages[@]} == 0 && -z $need_torch ]] && { echo "install.sh: nothing is missing"; exit 0; }
  echo "install.sh: missing: ${packages[*]:-} ${need_torch:+torch==$torch_version}"
  exit 1
fi

if [[ ${#packages[@]} -gt 0 ]]; then
  as_root apt-get update -qq
  size=$(apt-get install -s --no-install-recommends "${packages[@]}" 2>/dev/null | grep -c '^Inst' || true)
  echo "install.sh: installing ${#packages[@]} Debian packages (${size} with what they need, about 1.2 GB when all are new): ${packages[*]}"
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${packages[@]}" >/dev/null
fi
if [[ -n $need_torch ]]; then
  echo "install.sh: installing LibTorch $torch_version into third_party/.venv (200 MB to fetch for the CPU build, about 3 GB for a CUDA build)"
  [[ -x $venv/bin/pip ]] || python3 -m venv "$venv"
  "$venv/bin/pip" install --quiet --disable-pip-version-check "torch==$torch_version"
fi
exit 0
