#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The model of `lambert plan` against published runs, and what it predicts for Lambert: tables and a picture of
docs/results/scaling.md.

Runs `lambert plan --json` once for every row of tests/fixtures/published_runs.json and for Lambert on 1 to 4,096 GPUs; needs no GPU.
Usage, in the checkout: scaling_table.py LAMBERT PICTURE.png > tables.md (needs matplotlib)."""
import json
import pathlib
import subprocess
import sys

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parent.parent
CONFIG = ROOT / "configs" / "bert_large_64k.yaml"
COUNTS = [1, 8, 64, 256, 512, 1024, 2048, 4096]


def plan(program, config, arguments):
    done = subprocess.run([program, "plan", str(config), *arguments, "--json"], check=True, capture_output=True, text=True)
    return json.loads(done.stdout)


def prediction(program, row):
    """Sequences per second of the row's phase, or hours of both phases."""
    arguments = ["--software", row["software"], "--gpu", row["gpu"], "--gpus", str(row["gpus"]),
                 "--gpus-per-node", str(row["gpus_per_node"])]
    means = ["128", "512"]
    overrides = {}
    for index in (0, 1):  # a phase that the row does not have only must be possible
        overrides[f"phases[{index}].global_train_batch_size"] = row["gpus"]
        overrides[f"phases[{index}].per_device_train_batch_size"] = 1
    for phase in row["phases"]:
        index = 0 if phase["length"] == 128 else 1
        means[index] = str(phase.get("mean_length", phase["length"]))
        overrides[f"phases[{index}].global_train_batch_size"] = phase["global_batch"]
        overrides[f"phases[{index}].per_device_train_batch_size"] = phase["micro_batch"]
        if "steps" in phase:
            overrides[f"phases[{index}].max_steps"] = phase["steps"]
    arguments += ["--mean-length", ",".join(means), *[f"{key}={value}" for key, value in overrides.items()]]
    result = plan(program, CONFIG, arguments)
    if "hours" in row:
        return result["hours"]
    return result["phases"][0 if row["phases"][0]["length"] == 128 else 1]["sequences_per_second"]


def compared(program):
    rows = json.loads((ROOT / "tests" / "fixtures" / "published_runs.json").read_text())
    for row in rows:
        row["published"] = row.get("hours", row.get("sequences_per_second"))
        row["predicted"] = prediction(program, row)
        row["error"] = row["predicted"] / row["published"] - 1
        row["speed_error"] = row["published"] / row["predicted"] - 1 if "hours" in row else row["error"]
    return rows


def print_comparison(rows):
    print("| program | machine | sequences | published | predicted | error | |")
    print("|---|---|---|---|---|---|---|")
    for row in rows:
        lengths = " + ".join(str(p["length"]) + ("*" if p.get("mean_length", p["length"]) != p["length"] else "")
                             for p in row["phases"])
        unit = "h" if "hours" in row else "seq/s"
        remark = "fitted" if row.get("fitted") else "**missed**" if "known_miss" in row else ""
        batch = f", batch {row['phases'][0]['global_batch']:,}" if row["software"] == "google-2019" else ""
        print(f"| {row['software']} | {row['gpus']:,} x {row['gpu']} | {lengths}{batch} | {row['published']:,.6g} {unit} | "
              f"{row['predicted']:,.6g} | {100 * row['error']:+.1f} % | {remark} |")


def forecasts(program):
    return {gpu: {count: plan(program, CONFIG, ["--gpu", gpu, "--gpus", str(count)]) for count in COUNTS}
            for gpu in ("a100-80g", "h100", "h200")}


def print_forecasts(plans):
    print("\n| GPUs | machine | micro-batch x accumulation | step, s | exposed all-reduce, ms | efficiency | hours | GPU-hours |")
    print("|---|---|---|---|---|---|---|---|")
    for gpu, by_count in plans.items():
        for count, result in by_count.items():
            def both(show):
                return " / ".join(show(phase) for phase in result["phases"])
            print(f"| {count:,} | {gpu} | {both(lambda p: str(p['micro_batch']) + ' x ' + str(p['accumulation']))} | "
                  f"{both(lambda p: format(p['step_seconds'], '.3g'))} | "
                  f"{both(lambda p: format(1e3 * p['step_seconds_of']['exposed_all_reduce'], '.3g'))} | "
                  f"{both(lambda p: format(100 * p['efficiency'], '.1f') + ' %')} | {result['hours']:.3g} | "
                  f"{result['gpu_hours']:,.0f} |")


def draw(rows, plans, target):
    figure, (scatter, curve) = plt.subplots(1, 2, figsize=(12, 5), layout="constrained")
    for program in dict.fromkeys(row["software"] for row in rows):
        own = [row for row in rows if row["software"] == program]
        scatter.plot([row["gpus"] for row in own], [100 * row["speed_error"] for row in own], "o", ms=5, alpha=0.7, label=program)
    fitted = [row for row in rows if row.get("fitted")]
    scatter.plot([row["gpus"] for row in fitted], [0] * len(fitted), "kx", ms=8, label="fitted row")
    scatter.axhspan(-15, 15, color="grey", alpha=0.15)
    scatter.set(xscale="log", xlabel="GPUs or TPU chips", ylabel="predicted speed / published speed - 1, %",
                title=f"{len(rows)} published figures of two-phase BERT-Large")
    scatter.legend(fontsize=7, loc="upper left", bbox_to_anchor=(1, 1))
    for gpu, by_count in plans.items():
        for index, style in ((0, "o-"), (1, "s--")):
            curve.plot(list(by_count), [100 * result["phases"][index]["efficiency"] for result in by_count.values()], style, ms=4,
                       label=f"{gpu}, {by_count[1]['phases'][index]['name']}")
    curve.set(xscale="log", xlabel="GPUs", ylabel="efficiency against one GPU, %", ylim=(0, 105),
              title="Lambert, batches of 65,536 and 32,768: a prediction")
    curve.legend(fontsize=8)
    for axes in (scatter, curve):
        axes.set_xscale("log", base=2)
        axes.grid(alpha=0.3)
    figure.savefig(target, dpi=100)


def main():
    program, picture = sys.argv[1:3]
    rows = compared(program)
    plans = forecasts(program)
    print_comparison(rows)
    print_forecasts(plans)
    draw(rows, plans, picture)


if __name__ == "__main__":
    main()
