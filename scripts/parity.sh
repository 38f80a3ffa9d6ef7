#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Compares every number that Lambert produces with an independent reference and prints the tables of docs/results/parity.md.
#
#   scripts/parity.sh                          text of data/sample, models of the fixtures
#   scripts/parity.sh TEXT_FOLDER [MODEL...]   text: every file of that folder (plain, xz, bz2), one seed a file
#   scripts/parity.sh --faults [...]           also builds Lambert with deliberate faults; every one must be caught
#   scripts/parity.sh --squad FILE [...]       also every question of a SQuAD file; may be given several times
set -euo pipefail
[ "${1:-}" = --help ] && { sed -n '3,8s/^# \{0,1\}//p' "$0"; exit 0; }
faults=0
squad=()
while [ $# -gt 0 ]; do
  case "$1" in
    --faults) faults=1; shift ;;
    --squad) squad+=("$(realpath "$2")"); shift 2 ;;
    *) break ;;
  esac
done
folder=$(realpath "${1:-$(dirname "$0")/../data/sample}")
examples=$([ $# -gt 0 ] && echo "$folder" || echo "$folder/training.txt")
models=(); for model in "${@:2}"; do models+=("$(realpath "$model")"); done
seeds=$([ $# -gt 0 ] && echo 1 || echo 24)
cd "$(dirname "$0")/.."
scripts/setup.sh --tests >&2
. scripts/mpi_environment.sh
cmake --preset cpu >/dev/null
cmake --build --preset cpu --target lambert example_trace model_parity model_logits optimizer_trace squad_trace kernels_test train_test \
  train_distributed_test >&2

bin=build/cpu/bin
rows=$(mktemp)
trap 'rm -f "$rows"' EXIT
failed=0
compare() {
  .deps/test-venv/bin/python "tests/parity/$1.py" "${@:2}" --table "$rows" >&2 || failed=1
}
compare text/code_point_parity --lambert $bin/lambert
compare text/code_point_parity --lambert $bin/lambert --faults
compare text/corpus_parity --lambert $bin/lambert "$folder" "${models[@]}"
compare text/example_parity --lambert $bin/lambert --trace $bin/example_trace --seeds "$seeds" \
  --vocabulary data/sample/vocab.txt "$examples"
compare model_parity $bin/model_parity
compare dropout_parity $bin/model_parity
compare collect_rows $bin/kernels_test 'DropoutStream.*'
compare optimizer_parity $bin/optimizer_trace configs
compare collect_rows $bin/train_test 'TrainStep.*'
compare collect_rows $bin/train_distributed_test 'TrainRanks.Losses*:ReproducibleRanks.OneTwo*'
compare export_parity $bin/lambert $bin/model_logits
compare squad_parity $bin/lambert $bin/squad_trace tests/fixtures/tokenizer data/sample/squad_dev.json data/sample/squad_train.json \
  --whole "${squad[@]}"
compare import_parity $bin/model_logits
[ $faults = 1 ] && compare seeded_faults . build/faults
.deps/test-venv/bin/python tests/parity/print_tables.py "$rows"
exit "$failed"
