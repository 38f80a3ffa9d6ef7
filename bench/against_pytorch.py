#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""lambert bench train and the fastest PyTorch mode, in turn.

Each of the four modes of peers/pytorch_bert.py runs once; then Lambert and the fastest of them alternate.
Usage: against_pytorch.py LAMBERT PYTHON CASE... [--rounds R] [--seconds S]
CASE is model:dtype:batch, for instance base:bf16:8. PYTHON has torch and transformers. Prints a markdown table.
"""
import argparse
import json
import pathlib
import statistics
import subprocess

MODES = ["eager", "compile", "tuned", "tuned-compile"]
PEER = pathlib.Path(__file__).parent / "peers" / "pytorch_bert.py"
LOSS_OF_A_FRESH_MODEL = 11.0  # ln 30522 + ln 2


def run(*command):
    result = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    assert result.returncode == 0, (command, result.stderr[-2000:])
    return json.loads(result.stdout[result.stdout.index("{"):])


def run_ours(options, model, dtype, batch):
    return check_loss(run(options.lambert, "bench", "train", "--model", model, "--dtype", dtype, "--batch", batch,
                          "--seconds", options.seconds, "--json"))


def run_peer(options, model, dtype, batch, mode):
    return check_loss(run(options.python, PEER, model, dtype, mode, "--batch", batch, "--seconds", options.seconds))


def check_loss(result):
    """Both sides do the work of the same network."""
    assert abs(result["loss"] - LOSS_OF_A_FRESH_MODEL) < 0.5, result
    return result


def spread(values):
    return f"{statistics.median(values):,.0f} ({min(values):,.0f} to {max(values):,.0f})"


def compare(options, model, dtype, batch):
    probes = {mode: run_peer(options, model, dtype, batch, mode)["tokens_per_second"] for mode in MODES}
    fastest = max(probes, key=probes.get)
    ours, theirs = [], []
    for _ in range(options.rounds):
        ours.append(run_ours(options, model, dtype, batch))
        theirs.append(run_peer(options, model, dtype, batch, fastest))
    rates = [[one["tokens_per_second"] for one in side] for side in (ours, theirs)]
    ratios = [a / b for a, b in zip(*rates)]
    print(f"| {model} {dtype}, batch {batch} | {spread(rates[0])} | {statistics.median(rates[0]) / statistics.median(rates[1]):.2f} "
          f"({min(ratios):.2f} to {max(ratios):.2f}) | {fastest}: {spread(rates[1])} "
          f"| {', '.join(f'{mode} {rate:,.0f}' for mode, rate in probes.items())} "
          f"| {statistics.median(one['matmul_fraction'] for one in ours):.0%} of "
          f"{statistics.median(one['matmul_rate_gflops'] for one in ours):,.0f} GFLOP/s "
          f"| {max(one['peak_memory_bytes'] for one in ours) / 2**30:.2f} / "
          f"{max(one['peak_memory_bytes'] for one in theirs) / 2**30:.2f} |", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("lambert")
    parser.add_argument("python")
    parser.add_argument("cases", nargs="+")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=15.0)
    options = parser.parse_args()
    print("| case | Lambert, tokens/s: median (range) | ratio (range of the rounds) | fastest peer, tokens/s | each mode once "
          "| matmul | peak GiB, Lambert / peer |\n|---|---|---|---|---|---|---|")
    for case in options.cases:
        model, dtype, batch = case.split(":")
        compare(options, model, dtype, int(batch))


if __name__ == "__main__":
    main()
