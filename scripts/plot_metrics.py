#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Draws the curves of a run: python scripts/plot_metrics.py RUN/metrics.jsonl curve.png (needs matplotlib)."""
import json
import sys

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402


def main() -> int:
    source, target = sys.argv[1:3]
    with open(source, encoding="utf-8") as lines:
        records = [json.loads(line) for line in lines]
    steps = [r for r in records if "learning_rate" in r]
    evaluations = [r for r in records if "eval_mlm_loss" in r]
    gauge = [r for r in records if "squad_f1" in r and r["squad_f1"] != "nan"]
    count = 3 if gauge else 2
    figure, every_axes = plt.subplots(1, count, figsize=(5 * count, 4), layout="constrained")
    loss, accuracy = every_axes[:2]
    loss.plot([r["global_step"] for r in steps], [r["mlm_loss"] for r in steps], lw=0.6, label="MLM, training")
    loss.plot([r["global_step"] for r in steps], [r["nsp_loss"] for r in steps], lw=0.6, label="NSP, training")
    loss.plot([r["global_step"] for r in evaluations], [r["eval_mlm_loss"] for r in evaluations], "o-", ms=3, label="MLM, held-out")
    for key, label in (("eval_mlm_accuracy", "MLM, held-out"), ("eval_nsp_accuracy", "NSP, held-out")):
        accuracy.plot([r["global_step"] for r in evaluations], [r[key] for r in evaluations], "o-", ms=3, label=label)
    if gauge:
        for key, label in (("squad_f1", "F1"), ("squad_exact_match", "exact match")):
            every_axes[2].plot([r["global_step"] for r in gauge], [r[key] for r in gauge], "o-", ms=3, label=label)
        every_axes[2].set_ylabel("SQuAD after a short fine-tuning, %")
        every_axes[2].set_ylim(bottom=0)
    previous = None
    for record in steps:
        if previous is not None and record["phase"] != previous:
            for axes in every_axes:
                axes.axvline(record["global_step"], color="grey", ls=":", lw=1)
        previous = record["phase"]
    loss.set_ylabel("loss")
    accuracy.set_ylabel("accuracy")
    for axes in every_axes:
        axes.set_xlabel("step (dotted: phase switch)")
        axes.grid(alpha=0.3)
        axes.legend()
    figure.savefig(target, dpi=120)
    return 0


if __name__ == "__main__":
    sys.exit(main())
