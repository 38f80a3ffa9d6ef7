#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Reads what scripts/quickstart.sh left in its folder, checks it and prints the summary. Fails when a promise broke."""
import json
import pathlib
import sys


def main() -> int:
    work = pathlib.Path(sys.argv[1])
    records = [json.loads(line) for line in (work / "run/metrics.jsonl").read_text().splitlines()]
    steps = [record for record in records if "learning_rate" in record]
    evaluations = [record for record in records if "eval_mlm_loss" in record]
    phases = list(dict.fromkeys(record["phase"] for record in steps))
    first, last = steps[0]["mlm_loss"], evaluations[-1]["eval_mlm_loss"]
    numbers = [record["global_step"] for record in steps]
    score = json.loads((work / "squad/score.json").read_text())
    results = json.loads((work / "squad/results.json").read_text())
    rows = [
        ("phases trained", f"{len(phases)} ({', '.join(phases)}), {len(steps)} steps, one stop and resume"),
        ("MLM loss, untrained", f"{first:.3f}"),
        ("MLM loss, held-out", f"{last:.3f}"),
        ("MLM accuracy, held-out", f"{evaluations[-1]['eval_mlm_accuracy']:.1%}"),
        ("export", f"{work / 'exported'} (re-read and equal to the checkpoint)"),
        ("SQuAD F1, exact match", f"{score['f1']:.1f}, {score['exact_match']:.1f} on {score['total']} questions of an excerpt; low,"),
        ("", f"as a tiny model after {results['train_questions']} questions must be"),
        ("answers", f"{work / 'squad/seed-42/predictions.json'}"),
        ("curves", f"tensorboard --logdir {work / 'run/runs'}"),
    ]
    print("\nquickstart: done")
    for name, value in rows:
        print(f"  {name:24} {value}")
    assert len(phases) == 2, "both phases must have been trained"
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers))), "no step may be missing or repeated"
    assert last < first - 1.0, "the model must have learned"
    assert score["f1"] == results["best"]["f1"], "the written answers must have the score that fine-tuning reported"
    return 0


if __name__ == "__main__":
    sys.exit(main())
