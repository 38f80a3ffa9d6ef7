#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What communication.reduction: reproducible costs: the same run with standard and reproducible sums, in turn.

Usage: reproducible.py LAMBERT CONFIG --ranks N [--rounds R] [--steps S] [key=value...]
Each round starts both runs anew and takes the median step of each, without the first five. The table says the
median over the rounds, its range, and the largest resident memory of rank 0.
"""
import argparse
import json
import pathlib
import statistics
import subprocess
import tempfile

WARM_UP = 5


def run(options, reduction, folder):
    """Records of the steps after the warm-up."""
    launcher = ["mpirun", "--oversubscribe", "--bind-to", "none", "-n", str(options.ranks)] if options.ranks > 1 else []
    command = launcher + [options.lambert, "train", options.config, f"output_dir={folder}/{reduction}",
                          f"communication.reduction={reduction}", f"stop_after_steps={options.steps}",
                          "checkpoint.save_steps=0", 'evaluation.data=""', *options.overrides]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == 75, result.stderr[-2000:]
    lines = pathlib.Path(folder, reduction, "metrics.jsonl").read_text().splitlines()
    return [record for record in map(json.loads, lines) if "loss" in record][WARM_UP:]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("lambert")
    parser.add_argument("config")
    parser.add_argument("--ranks", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("overrides", nargs="*")
    options = parser.parse_intermixed_args()
    seconds = {"standard": [], "reproducible": []}
    waits = {"standard": [], "reproducible": []}
    memory = {"standard": [], "reproducible": []}
    for _ in range(options.rounds):
        for reduction in seconds:
            with tempfile.TemporaryDirectory() as folder:
                records = run(options, reduction, folder)
            seconds[reduction].append(statistics.median(record["step_seconds"] for record in records))
            waits[reduction].append(statistics.median(record["exposed_reduce_seconds"] for record in records))
            memory[reduction].append(max(record["device_memory_gib"] for record in records))
    print("| reduction | ms a step (median, range) | exposed reduction, ms | GiB of rank 0 |\n|---|---|---|---|")
    for reduction, values in seconds.items():
        print(f"| {reduction} | {1e3 * statistics.median(values):.1f} ({1e3 * min(values):.1f} to {1e3 * max(values):.1f}) "
              f"| {1e3 * statistics.median(waits[reduction]):.1f} | {statistics.median(memory[reduction]):.2f} |")
    ratios = [b / a for a, b in zip(seconds["standard"], seconds["reproducible"])]
    print(f"\nreproducible / standard, round by round: median {statistics.median(ratios):.3f}, "
          f"{min(ratios):.3f} to {max(ratios):.3f}")


if __name__ == "__main__":
    main()
