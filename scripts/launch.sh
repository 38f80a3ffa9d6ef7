#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# mpirun that stops gracefully: TERM and INT become USR1, on which Lambert saves a checkpoint and ends with exit
# code 75. mpirun alone would kill its ranks two seconds after TERM.
#
#   scripts/launch.sh -n 2 build/cpu/bin/lambert train configs/bert_mini.yaml
set -u
[ $# -gt 0 ] || { sed -n '3,6s/^# \{0,1\}//p' "$0" >&2; exit 2; }
. "$(dirname "$0")/mpi_environment.sh"

mpirun --quiet "$@" &
mpirun_pid=$!
trap 'kill -USR1 "$mpirun_pid" 2>/dev/null' TERM INT USR1
trap 'kill -USR2 "$mpirun_pid" 2>/dev/null' USR2
# wait returns early on every trapped signal: go on until mpirun is gone.
while :; do
  wait "$mpirun_pid"
  code=$?
  kill -0 "$mpirun_pid" 2>/dev/null || break
done
exit "$code"
