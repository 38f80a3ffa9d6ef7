#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Fuzzes the readers of foreign files under ASan and UBSan: the tests of label slow. A finding fails, and its input
# stays in build/fuzz/.
#
#   scripts/fuzz.sh             60 seconds for each fuzzer
#   scripts/fuzz.sh 1200        so many seconds for each
set -euo pipefail
seconds=${1:-60}
[[ "$seconds" =~ ^[1-9][0-9]*$ ]] || { sed -n '3,7s/^# \{0,1\}//p' "$0"; [ "$seconds" = --help ] && exit 0; exit 2; }
cd "$(dirname "$0")/.."
scripts/setup.sh
cmake --preset fuzz -DLAMBERT_FUZZ_SECONDS="$seconds" >/dev/null
cmake --build --preset fuzz
log=build/fuzz/fuzz.log
failed=0
ctest --preset fuzz --no-tests=error --verbose >"$log" || failed=$?
# Of libFuzzer's report, what counts.
grep -E '^test [0-9]|Start +[0-9]|number_of_executed_units|average_exec_per_sec|broken property|SUMMARY|Test unit written|tests passed' "$log" ||
  tail -n 20 "$log"
exit "$failed"
