#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Unit tests of the torch-free floors under ASan + UBSan, then under TSan.
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/setup.sh
. scripts/mpi_environment.sh
for preset in asan tsan; do
  cmake --preset "$preset" >/dev/null
  cmake --build --preset "$preset"
  ctest --preset "$preset" --no-tests=error
done
