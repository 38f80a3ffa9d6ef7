#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Trains and resumes on two ranks in two network namespaces joined by a veth pair: two hosts, as far as MPI can tell.
# Needs root (network namespaces) and a built build/cpu. Everything it makes is removed at the end.
#
#   scripts/test_two_hosts.sh
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/mpi_environment.sh
lambert=$PWD/build/cpu/bin/lambert
work=$(mktemp -d)
first=lambert-a-$$ second=lambert-b-$$

clean_up() {
  ip netns del "$first" 2>/dev/null || true
  ip netns del "$second" 2>/dev/null || true
  rm -rf "$work"
}
trap clean_up EXIT

ip netns add "$first"
ip netns add "$second"
ip link add veth0 netns "$first" type veth peer name veth0 netns "$second"
ip -n "$first" addr add 10.77.0.1/24 dev veth0
ip -n "$second" addr add 10.77.0.2/24 dev veth0
for namespace in "$first" "$second"; do
  ip -n "$namespace" link set lo up
  ip -n "$namespace" link set veth0 up
done

# mpirun starts the second host's daemon through this in place of ssh: AGENT HOST COMMAND...
cat >"$work/agent" <<AGENT
#!/bin/sh
shift
exec ip netns exec $second sh -c "\$*"
AGENT
chmod +x "$work/agent"

run() {
  timeout 300 ip netns exec "$first" mpirun -n 2 --host 10.77.0.1,10.77.0.2 --map-by node \
    --mca plm_rsh_agent "$work/agent" --mca btl tcp,self --mca btl_tcp_if_include veth0 --mca oob_tcp_if_include veth0 "$@"
}

if [ $# -gt 0 ]; then
  run "$@"
  exit
fi

$lambert vocab train --type wordpiece --size 1000 --output "$work/vocab" data/sample/validation.txt 2>/dev/null
$lambert prepare --tokenizer "$work/vocab" --max-seq-length 64 --output "$work/data" data/sample/validation.txt 2>/dev/null
cat >"$work/run.yaml" <<YAML
output_dir: $work/run
model: {hidden_size: 64, num_hidden_layers: 2, num_attention_heads: 2, intermediate_size: 128}
phases:
  - {name: only, data: $work/data, max_seq_length: 64, max_predictions_per_seq: 10, global_train_batch_size: 16,
     per_device_train_batch_size: 8, max_steps: 20, learning_rate: 4.0e-3, warmup_steps: 4}
YAML
run "$lambert" train "$work/run.yaml" "phases[0].max_steps=10" phases[0].lr_decay_origin=warmup_end
run "$lambert" train "$work/run.yaml"
steps=$(wc -l <"$work/run/metrics.jsonl")
[ "$(grep -c '"global_step":' "$work/run/metrics.jsonl")" -ge 20 ] || { echo "two hosts: only $steps records" >&2; exit 1; }
grep -q '"finished"' "$work/run/status.json"
echo "two hosts: trained 10 steps, resumed, finished 20"
