# SPDX-License-Identifier: Apache-2.0
"""Distributions of `lambert prepare` and of the batches that training reads, against the twin of the data step.

A replicate is one text with one seed. Both sides give the same statistics of it; the paired differences over the
replicates must have mean zero (t test, alpha 1e-5 each; examples of one document are not independent, replicates are).
Mask counts must be exact, the 80/10/10 split within 4.5 standard errors of the rule. Then faults are seeded in the rules: each must fail.

Usage: example_parity.py --lambert PROGRAM --trace PROGRAM --vocabulary FILE [--seeds N] TEXT
TEXT is a file or a folder of files of similar size; every text is prepared with N seeds.
"""
import argparse
import collections
import dataclasses
import pathlib
import subprocess
import sys
import tempfile

import numpy

import original_examples

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
import parity_table  # noqa: E402  (one folder up)

MAX_LENGTH, MAX_PREDICTIONS = 128, 20
SPLIT_LIMIT = 4.5  # standard errors: two-sided alpha 7e-6
ALPHA = 1e-5
SPECIAL = {"cls": "[CLS]", "sep": "[SEP]", "mask": "[MASK]"}


def output(*command):
    result = subprocess.run([str(part) for part in command], capture_output=True)
    assert result.returncode == 0, result.stderr.decode()
    return result.stdout


def read_documents(trace, vocabulary, text):
    numbers = numpy.frombuffer(output(trace, "sentences", vocabulary, "uncased", text), "<i4").tolist()
    documents, place = [], 0
    while place < len(numbers):
        count, document = numbers[place], []
        place += 1
        for _ in range(count):
            end = place + 1 + numbers[place]
            document.append(numbers[place + 1:end])
            place = end
        if document:
            documents.append(document)
    return documents


def read_rows(options, vocabulary, text, seed):
    """Rows as training reads them, with the original tokens put back."""
    with tempfile.TemporaryDirectory() as folder:
        output(options.program, "prepare", "--tokenizer", vocabulary, "--max-seq-length", MAX_LENGTH, "--seed", seed,
               "--workers", 1, "--output", f"{folder}/data", text)
        raw = output(options.trace, "batches", f"{folder}/data", seed, MAX_PREDICTIONS, 1)
    numbers, place = numpy.frombuffer(raw, "<i4").tolist(), 0
    while place < len(numbers):
        is_random, first_length, length, count = numbers[place:place + 4]
        ids = place + 4
        positions = numbers[ids + length:ids + length + count]
        tokens = numbers[ids:ids + length]
        place = ids + length + 2 * count
        seen = [tokens[position] for position in positions]
        for position, label in zip(positions, numbers[place - count:place]):
            tokens[position] = label
        yield bool(is_random), first_length, tokens, positions, seen


class Statistics:
    """Sums over the rows of one replicate."""

    def __init__(self, rows, documents, rules):
        self.sums, self.wrong_counts = collections.Counter(), 0
        starts = {tuple(s[:4]) for document in documents for s in document}
        ends = {tuple(s[-4:]) for document in documents for s in document}
        for row in rows:
            self._take(row, starts, ends, rules)

    def _take(self, row, starts, ends, rules):
        is_random, first_length, tokens, positions, seen = row
        first, second = tokens[1:first_length - 1], tokens[first_length:-1]
        add = self.sums
        add["examples"] += 1
        add["random next"] += is_random
        add["tokens"] += len(tokens)
        add["tokens of A"] += len(first)
        add["squared tokens of A"] += len(first) ** 2
        add["full length"] += len(tokens) == rules.max_length
        add[f"length {min(len(tokens) // 16, 7) * 16}.."] += 1
        for name, side in (("A", first), ("B", second)):
            add[f"{name} cut in front"] += not any(tuple(side[:n]) in starts for n in range(1, 5))
            add[f"{name} cut at the end"] += not any(tuple(side[-n:]) in ends for n in range(1, 5))
        add["masked"] += len(positions)
        self.wrong_counts += len(positions) != min(original_examples.masked_count(len(tokens), rules), len(tokens) - 3)
        for position, after in zip(positions, seen):
            add[f"mask in sixteenth {16 * position // len(tokens)}"] += 1
            add["became [MASK]"] += after == rules.mask
            add["kept"] += after == tokens[position]

    def shares(self):
        masks = ("mask in", "became", "kept")
        return {name: value / self.sums["masked" if name.startswith(masks) else "examples"]
                for name, value in self.sums.items() if name != "examples"} | {"examples": self.sums["examples"]}


def critical_t(replicates):
    """Two-sided critical value of Student's t by integrating its density; no SciPy here."""
    degrees = replicates - 1
    grid = numpy.linspace(0, 400, 4_000_001)
    density = (1 + grid**2 / degrees) ** (-(degrees + 1) / 2)
    tail = numpy.cumsum(density[::-1])[::-1] / density.sum()
    return float(grid[numpy.argmax(tail < ALPHA)])


def paired_t(ours, twins):
    """The t value of each statistic over the replicates."""
    values = {}
    for name in sorted({name for one in ours + twins for name in one}):
        differences = numpy.array([a.get(name, 0) - b.get(name, 0) for a, b in zip(ours, twins)], dtype=float)
        error = differences.std(ddof=1) / len(differences) ** 0.5
        values[name] = float(differences.mean() / error) if error > 0 else 0.0
    return values


def split_errors(statistics, rules):
    """Standard errors between the shares of [MASK] and of kept tokens and what the rule says."""
    masked = sum(one.sums["masked"] for one in statistics)
    rest = (1 - rules.mask_token_share) / 2
    found = {}
    for name, share in (("became [MASK]", rules.mask_token_share), ("kept", rest)):
        expected = share + rest / rules.vocab_size  # an evenly drawn token may be that one
        count = sum(one.sums[name] for one in statistics)
        found[name] = (count / masked - expected) / (expected * (1 - expected) / masked) ** 0.5
    return found


def judge(ours, twins, rules, limit):
    """What fails: names of checks, and the largest values for the table."""
    values = paired_t([one.shares() for one in ours], [one.shares() for one in twins])
    split = split_errors(ours, rules)
    wrong_counts = sum(one.wrong_counts for one in ours)
    failed = [f"{name}: t {t:.1f}" for name, t in values.items() if abs(t) > limit]
    failed += [f"{name}: {z:.1f} standard errors" for name, z in split.items() if abs(z) > SPLIT_LIMIT]
    failed += [f"{wrong_counts} mask counts"] if wrong_counts else []
    return failed, values, split, wrong_counts


def faults():
    return {"79 % [MASK] instead of 80 %": {"mask_token_share": 0.79}, "14 % masked instead of 15 %": {"masked_share": 0.14},
            "mask count rounded half up": {"half_up": True}, "random next 0.45 instead of 0.5": {"random_next_share": 0.45},
            "truncation always in front": {"front_share": 1.0}}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lambert", dest="program", required=True)
    parser.add_argument("--trace", required=True)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--vocabulary", required=True)
    parser.add_argument("--table")
    parser.add_argument("folder", type=pathlib.Path)
    options = parser.parse_args()
    vocabulary = pathlib.Path(options.vocabulary)
    tokens = vocabulary.read_text(encoding="utf-8").splitlines()
    rules = original_examples.Rules(MAX_LENGTH, MAX_PREDICTIONS, len(tokens),
                                    **{name: tokens.index(token) for name, token in SPECIAL.items()})
    names = ("README", "vocab", "wikiextractor", "books-index", "enwiki")
    texts = [options.folder] if options.folder.is_file() else sorted(path for path in options.folder.glob("*.txt*") if not path.name.startswith(names))
    ours, twins = [], []
    wrong_twins = {fault: [] for fault in faults()}
    for number, text in enumerate(texts):
        documents = read_documents(options.trace, vocabulary, text)
        # No seed twice: masks depend on seed and sample number, so two texts with one seed share their draws.
        for seed in range(1 + number * options.seeds, 1 + (number + 1) * options.seeds):
            ours.append(Statistics(read_rows(options, vocabulary, text, seed), documents, rules))
            twins.append(Statistics(original_examples.rows(documents, rules, seed), documents, rules))
            for fault, change in faults().items():
                wrong = dataclasses.replace(rules, **change)
                wrong_twins[fault].append(Statistics(original_examples.rows(documents, wrong, 1000 + seed), documents, rules))
    limit = critical_t(len(ours))
    failed, values, split, wrong_counts = judge(ours, twins, rules, limit)
    worst = max(values, key=lambda name: abs(values[name]))
    examples = sum(one.sums["examples"] for one in ours)
    masks = sum(one.sums["masked"] for one in ours)
    table = parity_table.Table(options.table)
    table.add(f"data step: {len(values)} statistics, {len(ours)} replicates", "the original's rules (Python twin)",
              examples, f"t {values[worst]:.2f} ({worst})", f"t {limit:.2f} (alpha 1e-5)")
    table.add("masked count of every example", "the same", examples, f"{wrong_counts} differ", "0")
    table.add("80/10/10 split", "the rule's shares", masks,
              ", ".join(f"{name} {z:.2f} standard errors" for name, z in split.items()), f"{SPLIT_LIMIT}")
    missed = []
    for fault, statistics in wrong_twins.items():
        # The faulty twin stands in Lambert's place and the right twin judges it.
        found = judge(statistics, twins, rules, limit)[0]
        table.add_fault(fault, "example_parity", "; ".join(found[:3]) or "MISSED")
        missed += [] if found else [fault]
    assert not failed, failed
    assert not missed, f"these faults were not caught: {missed}"


if __name__ == "__main__":
    sys.exit(main())
