#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Builds the program for GPUs (preset cuda) and tests what can be tested of it without one. Needs nvcc, no GPU.
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/setup.sh --cuda
cmake --preset cuda >/dev/null
cmake --build --preset cuda
ctest --preset cuda --no-tests=error
