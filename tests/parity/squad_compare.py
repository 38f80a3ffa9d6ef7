#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The table of docs/results/squad.md: a run of `lambert squad train` beside runs of squad_peer.py.

Usage: squad_compare.py RUN PEER [PEER ...]; RUN is its output_dir, PEER the --output of the peer, one for each seed. With one
of each, which then had the same order and no dropout, losses and answers are compared one by one. Seconds are those of the
first 14 steps, so that runs which were stopped early can be compared, too."""
import argparse
import json
import pathlib
import statistics


def read_ours(run):
    seeds = []
    for folder in sorted(run.glob("seed-*")):
        steps = [r for r in map(json.loads, (folder / "metrics.jsonl").read_text().splitlines()) if "loss" in r]
        seeds.append({"losses": [s["loss"] for s in steps], "seconds": [s["step_seconds"] for s in steps],
                      "answers": json.loads((folder / "predictions.json").read_text())})
    results = json.loads((run / "results.json").read_text())["seeds"]
    for seed, result in zip(seeds, results.values(), strict=True):
        seed.update(result)
    return seeds


def read_peer(folder):
    return json.loads((folder / "result.json").read_text()) | {
        "answers": json.loads((folder / "predictions.json").read_text())}


def mean_and_range(values):
    mean = f"{statistics.mean(values):.3f}"
    return mean if len(values) == 1 else f"{mean} ({min(values):.3f} to {max(values):.3f})"


def print_one_by_one(ours, peer):
    differences = [abs(a - b) for a, b in zip(ours["losses"], peer["losses"], strict=True)]
    print(f"| losses of the first 50 steps | differ by {max(differences[:50]):.1e} at most | |")
    print(f"| losses of all {len(differences)} steps | differ by {max(differences):.1e} at most | |")
    same = sum(ours["answers"].get(key) == text for key, text in peer["answers"].items())
    print(f"| answers | {same} of {len(peer['answers'])} are the same texts | |")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=pathlib.Path)
    parser.add_argument("peer", type=pathlib.Path, nargs="+")
    options = parser.parse_args()
    ours, peers = read_ours(options.run), [read_peer(folder) for folder in options.peer]
    print("| | Lambert | Transformers |\n|---|---|---|")
    if len(ours) == len(peers) == 1:
        print_one_by_one(ours[0], peers[0])
    for name, title in (("exact_match", "exact match"), ("f1", "F1")):
        columns = [mean_and_range([run[name] for run in runs]) for runs in (ours, peers)]
        print(f"| {title}, {len(ours)} and {len(peers)} seeds | " + " | ".join(columns) + " |")
    columns = [f"{statistics.median([s for run in runs for s in run['seconds'][:14]]):.2f}" for runs in (ours, peers)]
    print("| median seconds of the first 14 steps | " + " | ".join(columns) + " |")


if __name__ == "__main__":
    main()
