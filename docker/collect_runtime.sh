#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What a built program needs to run, out of the checkout and the system, so that no list of it is kept by hand:
#
#   docker/collect_runtime.sh PRESET FOLDER
#
#   FOLDER/files          program, libraries, scripts and configs at the paths that they have here
#   FOLDER/packages.txt   the system packages that own the other libraries, and mpirun
set -euo pipefail
[ $# = 2 ] || { sed -n '3,8s/^# \{0,1\}//p' "$0" >&2; exit 2; }
cd "$(dirname "$0")/.."
preset=$1 folder=$2 root=$PWD
program=build/$preset/bin/lambert
[ -x "$program" ] || { echo "collect_runtime: no $program; build preset $preset first" >&2; exit 2; }
mkdir -p "$folder/files$root"

cp -a --parents "$program" "build/$preset/lib" configs scripts/launch.sh scripts/mpi_environment.sh "$folder/files$root"

mapfile -t libraries < <(ldd "$program" | awk '$2 == "=>" && $3 ~ "^/" { print $3 }')
if ldd "$program" | grep 'not found' >&2; then
  echo "collect_runtime: the program itself does not start here" >&2
  exit 2
fi
owners() {
  local library
  for library in "${libraries[@]}" "$(realpath "$(command -v mpirun)")"; do
    case "$library" in
      "$root"/*) continue ;;
    esac
    # The loader names /lib/... where the package lists /usr/lib/..., or the other way round.
    dpkg -S "$library" 2>/dev/null || dpkg -S "/usr$library" 2>/dev/null || dpkg -S "$(realpath "$library")" 2>/dev/null ||
      { echo "collect_runtime: no package owns $library" >&2; return 1; }
  done | cut -d: -f1 | sort -u
}
owners >"$folder/packages.txt"

for library in "${libraries[@]}"; do
  case "$library" in
    "$root"/.deps/*) cp -L --parents "${library#"$root"/}" "$folder/files$root" ;;
  esac
done
if [ "$preset" = cuda ]; then
  # cuDNN, NVRTC and others are loaded by name while the program runs: ldd does not show them.
  cp -a --parents .deps/libtorch/torch/lib .deps/libtorch/nvidia "$folder/files$root"
fi
echo "collect_runtime: ${#libraries[@]} libraries, $(wc -l <"$folder/packages.txt") packages, $(du -sh "$folder/files" | cut -f1)"
