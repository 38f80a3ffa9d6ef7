#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# From nothing to a trained, exported BERT in one command: installs what is missing, builds, prepares the bundled
# text, trains a small BERT through both phases on two MPI ranks with a stop and a resume on the way, evaluates and
# exports it, and fine-tunes it on an excerpt of SQuAD. Everything lands in runs/quickstart.
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/setup.sh
. scripts/mpi_environment.sh
export OMPI_MCA_rmaps_base_oversubscribe=1

echo "quickstart: building"
cmake --preset cpu >/dev/null
cmake --build build/cpu --target lambert | tail -n 1
lambert=build/cpu/bin/lambert
work=runs/quickstart
rm -rf "$work"
mkdir -p "$work"

echo "quickstart: preparing the bundled text"
$lambert vocab train --type wordpiece --size 4000 --output "$work/vocab" data/sample/training.txt
$lambert prepare --tokenizer "$work/vocab" --max-seq-length 128 --output "$work/seq128" data/sample/training.txt
$lambert prepare --tokenizer "$work/vocab" --max-seq-length 256 --output "$work/seq256" data/sample/training.txt
$lambert prepare --tokenizer "$work/vocab" --max-seq-length 128 --output "$work/validation" data/sample/validation.txt

train=(scripts/launch.sh -n 2 "$lambert" train scripts/quickstart.yaml)
metrics="$work/run/metrics.jsonl"

echo "quickstart: training on two ranks; stopping it on the way"
"${train[@]}" &
training=$!
until [ -e "$metrics" ] && [ "$(wc -l <"$metrics")" -ge 60 ]; do
  kill -0 "$training" 2>/dev/null || break
  sleep 0.2
done
kill -TERM "$training" 2>/dev/null || true
code=0; wait "$training" || code=$?
[ "$code" = 75 ] || { echo "quickstart: expected the stopped run to end with 75, got $code" >&2; exit 1; }
echo "quickstart: stopped with exit code 75; the same command again resumes"
"${train[@]}"

echo "quickstart: exporting"
$lambert export hf "$work/run" --output "$work/exported"

echo "quickstart: fine-tuning on an excerpt of SQuAD, answering and scoring"
scripts/launch.sh -n 2 "$lambert" squad train scripts/quickstart_squad.yaml
$lambert squad score data/sample/squad_dev.json "$work/squad/seed-42/predictions.json" --json >"$work/squad/score.json"
python3 scripts/quickstart_summary.py "$work"
