#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# One command for a machine with NVIDIA GPUs: builds with preset cuda, runs the tests of label gpu, measures the training
# step beside PyTorch, prints a table of every claim with pass or fail, and writes one file that you can send back.
# Nothing leaves the machine by itself. Takes about an hour the first time, mostly to build.
#
#   scripts/gpu_check.sh             everything
#   scripts/gpu_check.sh --quick     one round of each measurement
#
# Exit codes: 0 every claim holds, 1 one does not (see the table), 2 wrong usage, 7 there is no usable GPU.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 2
rounds=5
case "${1:-}" in
  "") ;;
  --quick) rounds=1 ;;
  *) sed -n '3,10s/^# \{0,1\}//p' "$0" >&2; [ "$1" = --help ] && exit 0; exit 2 ;;
esac

state_of() {
  [ -e "$1" ] && echo there || echo absent
}
gpus=$(nvidia-smi -L 2>/dev/null | grep -c '^GPU')
if [ "$gpus" = 0 ]; then
  smi=$(command -v nvidia-smi >/dev/null && echo "lists no GPU" || echo "not found")
  cat >&2 <<TEXT
gpu_check: no NVIDIA GPU that programs can use on this machine, so there is nothing to check here.

  looked for   nvidia-smi, the tool that comes with the driver: $smi
               /proc/driver/nvidia/version, the driver itself: $(state_of /proc/driver/nvidia/version)
               /dev/nvidia0, the first card for programs: $(state_of /dev/nvidia0)

  what to do   No card in this machine: run this command on a machine with one. Everything but GPU training works
               here: scripts/quickstart.sh.
               A card without a driver: install NVIDIA's driver, 580 or newer, restart, and see that nvidia-smi
               lists the card.
               In a container: start it with docker run --gpus all, or apptainer exec --nv.
               In a batch system: ask for a GPU, for instance srun --gpus 1 scripts/gpu_check.sh.
TEXT
  exit 7
fi

name=gpu_check-$(hostname -s)-$(date +%Y%m%d-%H%M%S)
work=build/$name
mkdir -p "$work"
lambert=build/cuda/bin/lambert
python=.deps/test-venv/bin/python
nvidia-smi -q >"$work/nvidia-smi.txt" 2>&1
# The smallest card decides on the batch: MiB of memory.
memory=$(nvidia-smi --query-gpu=memory.total --format=csv,noheader,nounits | sort -n | head -n 1)

# step NAME COMMAND...: standard output to NAME.out, messages to NAME.log, name, exit code and seconds to steps.tsv. Later
# steps run also when one fails: each claim is judged for itself.
step() {
  local step_name=$1 begin=$SECONDS code=0
  shift
  echo "gpu_check: $step_name ..."
  "$@" >"$work/$step_name.out" 2>"$work/$step_name.log" || code=$?
  printf '%s\t%s\t%s\n' "$step_name" "$code" "$((SECONDS - begin))" >>"$work/steps.tsv"
  [ "$code" = 0 ] || { echo "gpu_check: $step_name ended with exit code $code; its last lines:" >&2; tail -n 5 "$work/$step_name.log" >&2; }
  return "$code"
}

# The functions from here on are called through step, which shellcheck does not follow.
# shellcheck disable=SC2317
build() {
  scripts/setup.sh --cuda --tests && cmake --preset cuda && cmake --build --preset cuda
}

# Sequences of a micro-batch that fit: BERT-Large takes about 8 GiB, and 0.1 GiB for each sequence of 128 tokens.
# shellcheck disable=SC2317
batch_of() {
  local length=$1 batch=$(((memory - 8192) / 103 / 32 * 32))
  batch=$((batch > 256 ? 256 : batch < 32 ? 32 : batch))
  echo $((batch * 128 / length))
}

# shellcheck disable=SC2317
bench() {
  "$lambert" bench train --device cuda --model large --dtype bf16 --max-seq-length "$1" --batch "$(batch_of "$1")" \
    --seconds 10 --rounds "$rounds" --peer "$python" --json
}

if step build build; then
  step doctor "$lambert" doctor --json --require cuda
  step tests ctest --preset gpu --no-tests=error --output-junit "$PWD/$work/tests.xml"
  step bench_128 bench 128
  step bench_512 bench 512
  if [ "$gpus" -gt 1 ]; then
    step net scripts/launch.sh -n "$gpus" "$lambert" doctor --net --json
  fi
fi

python3 scripts/gpu_check_report.py "$work" | tee "$work/table.txt"
code=${PIPESTATUS[0]}
tar -C build -czf "$name.tar.gz" "$name"
echo
echo "gpu_check: everything is in $name.tar.gz; look into it, and send it back if you like"
exit "$code"
