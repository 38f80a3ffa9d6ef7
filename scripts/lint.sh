#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# clang-format on everything, clang-tidy on the torch-free floors. Needs a configured build/cpu for clang-tidy.
#
#   scripts/lint.sh          check        scripts/lint.sh --fix     reformat
set -euo pipefail
cd "$(dirname "$0")/.."
mapfile -t sources < <(git ls-files '*.h' '*.cpp')
if [ "${1:-}" = --fix ]; then
  clang-format-16 -i "${sources[@]}"
  exit 0
fi
clang-format-16 --dry-run --Werror "${sources[@]}"
echo "lint: clang-format is content with ${#sources[@]} files"
mapfile -t checked < <(git ls-files 'src/base/*.cpp' 'src/config/*.cpp' 'src/kernels/*.cpp' 'src/comm/*.cpp' 'src/data/*.cpp' 'src/text/*.cpp')
printf '%s\n' "${checked[@]}" | xargs -P "$(nproc)" -n 4 clang-tidy-16 --quiet -p build/cpu
echo "lint: clang-tidy is content with ${#checked[@]} files"
