#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every row of docs/results/cpu_performance.md in one run: `lambert bench ... --peer`, seven rounds in turn with the peer.

Started in the checkout on a machine with nothing else to do; about 45 minutes. Writes one JSON file after each row, so that a
run that was cut off goes on with the rows it lacks, and prints the table in Markdown.
Usage: cpu_table.py LAMBERT PYTHON VOCABULARY TEXT OUTPUT.json [--rows NAME,NAME] [--threads N]
TEXT: plain text of some tens of MB. PYTHON has the packages of scripts/requirements-test.txt."""
import argparse
import datetime
import json
import os
import pathlib
import platform
import subprocess

TRAIN = ["train", "--max-seq-length", "128"]


def rows(options):
    """Name, arguments of lambert bench, at least, stretch."""
    text = ["--tokenizer", options.vocabulary, options.text]
    return [
        ("Base bf16", [*TRAIN, "--model", "base", "--dtype", "bf16", "--batch", "8", "--seconds", "8"], 1.5, 1.8),
        ("Base fp32", [*TRAIN, "--model", "base", "--dtype", "fp32", "--batch", "8", "--seconds", "8"], 2.2, 2.6),
        ("Large bf16", [*TRAIN, "--model", "large", "--dtype", "bf16", "--batch", "4", "--seconds", "8"], 1.5, 1.8),
        ("Tiny bf16", [*TRAIN, "--model", "tiny", "--dtype", "bf16", "--batch", "32", "--seconds", "4"], 2.0, 3.0),
        ("Base bf16, mixed lengths", ["train", "--max-seq-length", "512", "--mixed-lengths", "--model", "base", "--dtype", "bf16",
                                      "--batch", "8", "--seconds", "8"], 2.5, 3.5),
        ("attention 8 x 12 x 128 x 64", ["attention", "--batch", "8", "--max-seq-length", "128", "--seconds", "2"], 4.0, 8.0),
        ("attention 2 x 12 x 512 x 64", ["attention", "--batch", "2", "--max-seq-length", "512", "--seconds", "2"], 4.0, 8.0),
        ("LAMB, Base", ["lamb", "--model", "base", "--dtype", "fp32", "--seconds", "3"], 3.0, 5.0),
        ("WordPiece, one core", ["tokenize", *text, "--seconds", "2"], 24.0, 60.0),
        ("prepare, all cores", ["prepare", *text, "--seconds", "2"], 10.0, 20.0),
        ("Large bf16 with LAMB", [*TRAIN, "--model", "large", "--dtype", "bf16", "--batch", "4", "--seconds", "4", "--optimizer",
                                  "--rounds", "2"], None, None),
    ]


def machine():
    names = [line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")]
    family = [line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith(("cpu family", "model\t"))]
    return {"processor": names[0], "family_and_model": family[:2], "cores": os.cpu_count(), "system": platform.platform()}


def figure_of(name, result):
    for key in ("tokens_per_second", "milliseconds", "megabytes_per_second"):
        if f"our_{key}" in result:
            return key
    raise SystemExit(f"{name}: no figure with a peer")


def line_of(name, entry):
    result = entry["result"]
    key = figure_of(name, result)

    def spread(who):
        return f"{result[f'{who}_{key}']:.4g} ({result[f'{who}_{key}_smallest']:.4g} to {result[f'{who}_{key}_largest']:.4g})"
    limit = ""
    if "matmul_fraction" in result:
        limit = f"{100 * result['matmul_fraction']:.0f} % of {result['matmul_rate_gflops']:.0f} GFLOP/s"
    elif "bandwidth_fraction" in result:
        limit = f"{100 * result['bandwidth_fraction']:.0f} % of the copy's bandwidth"
    memory = ""
    if "peer_peak_memory_bytes" in result:
        ours, theirs = result["peak_memory_bytes"] / 2**30, result["peer_peak_memory_bytes"] / 2**30
        memory = f"{ours:.2f} / {theirs:.2f} = {ours / theirs:.2f}"
    goal = f"{entry['at_least']} / {entry['stretch']}" if entry["at_least"] else ""
    ratio = f"{result['times_as_fast']:.2f} ({result['times_as_fast_smallest']:.2f} to {result['times_as_fast_largest']:.2f})"
    return f"| {name} | {spread('our')} | {result['peer']}: {spread('peer')} | {ratio} | {goal} | {limit} | {memory} |"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("lambert", "python", "vocabulary", "text", "output"):
        parser.add_argument(name)
    parser.add_argument("--rows", help="only these, separated by commas")
    parser.add_argument("--threads", default=str(os.cpu_count()))
    options = parser.parse_args()
    output = pathlib.Path(options.output)
    table = json.loads(output.read_text()) if output.exists() else {"machine": machine(), "threads": options.threads, "rows": {}}
    for name, arguments, at_least, stretch in rows(options):
        if name in table["rows"] or (options.rows and name not in options.rows.split(",")):
            continue
        command = [options.lambert, "bench", *arguments, "--peer", options.python, "--json"]
        done = subprocess.run(command, check=True, capture_output=True, text=True,
                              env={**os.environ, "OMP_NUM_THREADS": options.threads})
        shown = ["lambert", "bench", *[pathlib.Path(a).name if "/" in a else a for a in arguments], "--peer", "--json"]
        table["rows"][name] = {"command": " ".join(shown), "date": datetime.date.today().isoformat(), "at_least": at_least,
                               "stretch": stretch, "result": json.loads(done.stdout)}
        output.write_text(json.dumps(table, indent=1) + "\n")
        print(line_of(name, table["rows"][name]), flush=True)
    print("| row | Lambert | fastest peer | ratio (rounds) | at least / stretch | limit reached | peak GiB |")
    print("|---|---|---|---|---|---|---|")
    for name, entry in table["rows"].items():
        print(line_of(name, entry))


if __name__ == "__main__":
    main()
