#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Compares Lambert's text and examples with independent references and prints the tables of docs/results/parity.md.
#
#   scripts/parity.sh                        data/sample, 24 seeds, the sentencepiece models of the fixtures
#   scripts/parity.sh TEXT_FOLDER [MODEL...]  every file of that folder (plain, xz, bz2), one seed a file
set -euo pipefail
[ "${1:-}" = --help ] && { sed -n '3,6s/^# \{0,1\}//p' "$0"; exit 0; }
folder=$(realpath "${1:-$(dirname "$0")/../data/sample}")
examples=$([ $# -gt 0 ] && echo "$folder" || echo "$folder/training.txt")
models=(); for model in "${@:2}"; do models+=("$(realpath "$model")"); done
seeds=$([ $# -gt 0 ] && echo 1 || echo 24)
cd "$(dirname "$0")/.."
scripts/setup.sh --tests >&2
cmake --preset cpu >/dev/null
cmake --build --preset cpu --target lambert example_trace >&2

python=.deps/test-venv/bin/python lambert=build/cpu/bin/lambert trace=build/cpu/bin/example_trace
rows=$(mktemp)
trap 'rm -f "$rows"' EXIT
failed=0
compare() {
  "$python" "tests/parity/text/$1.py" --lambert "$lambert" --table "$rows" "${@:2}" >&2 || failed=1
}
compare code_point_parity
compare corpus_parity "$folder" "${models[@]}"
compare example_parity --trace "$trace" --seeds "$seeds" --vocabulary data/sample/vocab.txt "$examples"
"$python" tests/parity/print_tables.py "$rows"
exit "$failed"
