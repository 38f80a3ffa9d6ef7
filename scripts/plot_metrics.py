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
    figure, (loss, accuracy) = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
    loss.plot([r["global_step"] for r in steps], [r["mlm_loss"] for r in steps], lw=0.6, label="MLM, training")
    loss.plot([r["global_step"] for r in steps], [r["nsp_loss"] for r in steps], lw=0.6, label="NSP, training")
    loss.plot([r["global_step"] for r in evaluations], [r["eval_mlm_loss"] for r in evaluations], "o-", ms=3, label="MLM, held-out")
    for key, label in (("eval_mlm_accuracy", "MLM, held-out"), ("eval_nsp_accuracy", "NSP, held-out")):
        accuracy.plot([r["global_step"] for r in evaluations], [r[key] for r in evaluations], "o-", ms=3, label=label)
    previous = None
    for record in steps:
        if previous is not None and record["phase"] != previous:
            for axes in (loss, accuracy):
                axes.axvline(record["global_step"], color="grey", ls=":", lw=1)
        previous = record["phase"]
    loss.set_ylabel("loss")
    accuracy.set_ylabel("accuracy")
    for axes in (loss, accuracy):
        axes.set_xlabel("step (dotted: phase switch)")
        axes.grid(alpha=0.3)
        axes.legend()
    figure.savefig(target, dpi=120)
    return 0


if __name__ == "__main__":
    sys.exit(main())
