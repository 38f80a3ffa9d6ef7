#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The test command: installs what is missing, builds, runs every test that needs no GPU.
#
#   scripts/test.sh             all of it
#   scripts/test.sh unit        one label: lint, unit, parity, integration, distributed, fault; slow: scripts/fuzz.sh
set -euo pipefail
cd "$(dirname "$0")/.."
[ "${1:-}" = slow ] && exec scripts/fuzz.sh
scripts/setup.sh --tests
. scripts/mpi_environment.sh

cmake --preset cpu >/dev/null
cmake --build --preset cpu
if [ $# -gt 0 ]; then
  exec ctest --preset cpu --label-regex "^$1\$" --no-tests=error
fi
ctest --preset cpu --no-tests=error
