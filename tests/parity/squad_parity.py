#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Lambert's windows, answers and scores of SQuAD against an independent twin (squad_rules.py): equal to the last digit.

Usage: squad_parity.py LAMBERT TRACE FIXTURES DATA... [--whole FILE...] [--table ROWS]; DATA and FILE are SQuAD v1.1 or v2.0
files, FIXTURES has the vocabularies. FILEs may be large: they are compared with fewer lengths."""
import argparse
import functools
import json
import pathlib
import random
import subprocess
import tempfile

import sentencepiece

import parity_table
import squad_rules
from near_tie import is_near_tie

LENGTHS = (((384, 128, 64), "1.1"), ((64, 16, 12), "2.0"), ((24, 3, 10), "1.1"))
LENGTHS_OF_DATA = LENGTHS[:2]  # the shortest windows are many: the strange contexts alone go through them
LENGTHS_OF_WHOLE_FILES = LENGTHS[:1]

PIECES = ["the", "a", "an", "The", "A", "theatre", "Ünïcode", "ΣΑΣ", "straße", "İstanbul", "–", "—", "“", "”", "…", "½", "٣", "五",
          "-", "24-10", "$", "U.S.", "don't", "  ", "\t", "\u00a0", "\u2003", "\u200b", "_a_", "a_b", "1st", "", "an-", "(the)", "e\u0301",
          "\U0001f600", "ǅ", "ﬁ", "ª", "Ⅷ", "the.", "answer", "Answer", "42"]


def questions_of(data):
    return [(p["context"], qa) for article in data["data"] for p in article["paragraphs"] for qa in p["qas"]]


def logit(window, position, which):
    mixed = (position * 2654435761 + window * 40503 + which * 97) % 4294967296
    return (mixed * 40 // 4294967296) / 4.0


def make_rules(tokenizer, cased, lengths):
    if tokenizer.suffix == ".model":
        return squad_rules.SentencePieceFeatures(tokenizer, *lengths)
    return squad_rules.WordPieceFeatures(tokenizer, *lengths, cased)


def compare_questions(trace, path, tokenizer, cased, lengths, version):
    """Windows, answer positions and answers of every question. Returns how many questions, windows and near ties there
    were; of a question with a near tie nothing else is compared."""
    data = json.loads(pathlib.Path(path).read_text(encoding="utf-8"))
    rules = make_rules(tokenizer, cased, lengths)
    arguments = [trace, path, tokenizer, "cased" if cased else "uncased", *map(str, lengths), version]
    questions, number, ties = questions_of(data), 0, 0
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True, encoding="utf-8") as process:
        for (context, qa), line in zip(questions, process.stdout, strict=True):
            ours, windows = json.loads(line), rules.of_question(context, qa["question"])
            if is_spelt_otherwise(rules, ours["prediction"], windows):
                number, ties = number + len(windows), ties + 1
            else:
                number = compare_question(rules, context, qa, ours, windows, version, number)
    assert process.returncode == 0
    return len(questions), number, ties


def is_spelt_otherwise(rules, ours, windows):
    """Whether the windows differ in nothing but near ties of sentencepiece."""
    def without_ids(window):
        return {name: value for name, value in window.items() if name != "input_ids"}

    if ours == windows or not hasattr(rules, "processor"):
        return False
    same_but_ids = [without_ids(window) for window in ours] == [without_ids(window) for window in windows]
    return same_but_ids and all(o["input_ids"] == t["input_ids"] or is_near_tie(rules.processor, o["input_ids"], t["input_ids"])
                                for o, t in zip(ours, windows))


def compare_question(rules, context, qa, ours, windows, version, number):
    """windows: the twin's, for a prediction; number: of the question's first window in the file. Returns that of the next
    question."""
    assert ours["id"] == qa["id"]
    assert ours["prediction"] == windows, f"windows of {qa['id']} differ"
    answer = qa["answers"][0] if qa["answers"] else None
    assert ours["training"] == rules.of_question(context, qa["question"], answer), f"training windows of {qa['id']} differ"
    logits = []
    for window in windows:
        length = len(window["input_ids"])
        logits.append(([logit(number, i, 0) for i in range(length)], [logit(number, i, 1) for i in range(length)]))
        number += 1
    text, n_best, odds = squad_rules.extract(windows, logits, functools.partial(rules.answer_text, context), version, 20, 30)
    assert ours["answer"] == text, f"answer to {qa['id']}: {ours['answer']!r}, twin {text!r}"
    assert [n[0] for n in ours["n_best"]] == [n[0] for n in n_best], f"n-best of {qa['id']} differ"
    assert all(abs(o[1] - t[1]) < 1e-12 and o[2:] == list(t[2:]) for o, t in zip(ours["n_best"], n_best))
    assert version == "1.1" or ours["null_odds"] == odds
    return number


def run_score(program, data, predictions, *options):
    output = subprocess.run([program, "squad", "score", data, predictions, "--json", "--questions", *options], check=True,
                            capture_output=True, text=True)
    return json.loads(output.stdout), output.stderr


def random_text(generator):
    return generator.choice(["", " "]).join(generator.choice(PIECES) for _ in range(generator.randrange(0, 7)))


def random_case(generator, version):
    """A data file and predictions of strange strings. Offsets are wrong on purpose: scoring does not read them."""
    questions, predictions = [], {}
    for number in range(400):
        answers = [random_text(generator) for _ in range(generator.randrange(1, 4))]
        impossible = version == "2.0" and generator.random() < 0.4
        question = {"id": f"q{number}", "question": "?",
                    "answers": [] if impossible else [{"text": a, "answer_start": 0} for a in answers]}
        if version == "2.0":
            question["is_impossible"] = impossible
        questions.append(question)
        if generator.random() < 0.9:
            near = generator.choice(answers)
            predictions[f"q{number}"] = generator.choice([near, near.upper(), near + " " + random_text(generator), random_text(generator), ""])
    predictions["unknown"] = "x"
    return {"version": version, "data": [{"title": "t", "paragraphs": [{"context": "c", "qas": questions}]}]}, predictions


def expect_figures(ours, expected):
    """The same figures under the same names, to the last digit."""
    names = {"exact", "f1", "total"}
    assert expected == {name: value for name, value in ours.items() if name in names or name.split("_")[0] in (
        "HasAns", "NoAns", "best")}, (ours, expected)
    assert ours["exact_match"] == expected["exact"]


def compare_scores(program, seeds, folder):
    data_file, predictions_file, odds_file = folder / "data.json", folder / "predictions.json", folder / "odds.json"
    compared = 0
    for seed in range(seeds):
        generator = random.Random(seed)
        version = ["1.1", "2.0"][seed % 2]
        data, predictions = random_case(generator, version)
        data_file.write_text(json.dumps(data), encoding="utf-8")
        predictions_file.write_text(json.dumps(predictions, ensure_ascii=seed % 3 == 0), encoding="utf-8")
        ours, listed = run_score(program, data_file, predictions_file, "--version", version)
        scores = squad_rules.score_questions(data, predictions, version)
        for identifier, (exact, f1) in scores.items():
            found = ours["questions"][identifier]
            assert (found["exact_match"], found["f1"]) == (exact, f1), (seed, identifier, found, exact, f1)
        missing = [i for i in scores if i not in predictions]
        assert all(f"no prediction for question {i}\n" in listed for i in missing) and ours["missing"] == len(missing)
        assert "no question for prediction unknown\n" in listed and ours["unknown"] == 1
        compared += len(scores)
        if version == "1.1":
            twin = squad_rules.score(data, predictions, version)
            assert (ours["exact_match"], ours["f1"], ours["total"]) == (*twin.values(), len(scores)), (seed, ours["f1"], twin)
            continue
        expect_figures(ours, squad_rules.score_v2(data, predictions))
        shuffled = generator.sample([*scores, "unknown"], len(scores) + 1)
        odds = {identifier: round(generator.uniform(-3, 3), 1) for identifier in shuffled}  # many are equal
        odds_file.write_text(json.dumps(odds))
        ours, _ = run_score(program, data_file, predictions_file, "--null-odds", odds_file, "--null-threshold", "0.5")
        expect_figures(ours, squad_rules.score_v2(data, predictions, odds, 0.5))
    return compared


def strange_contexts():
    """Paragraphs that break careless code: edges of white space, accents, ideographs, long words, windows of one token."""
    generator = random.Random(7)
    contexts = ["one", " leading space", "trailing space ", "tab\tand\u202fnarrow", "x" * 250 + " long", "五行 and Ünïcode",
                "(1895-1943) was a leader", "a\u00a0b c", "e\u0301 accent", "," * 40]
    contexts += [" ".join(generator.choice(PIECES) or "w" for _ in range(generator.randrange(1, 200))) for _ in range(40)]
    paragraphs = []
    for number, context in enumerate(contexts):
        qas = []
        for which in range(3):
            begin = generator.randrange(len(context))
            end = min(len(context), begin + generator.randrange(1, 12))
            if context[begin:end].strip():
                qas.append({"id": f"{number}-{which}", "question": "what is " + random_text(generator) + " ?", "is_impossible": False,
                            "answers": [{"text": context[begin:end], "answer_start": begin}]})
        if qas and context.strip():
            paragraphs.append({"context": context, "qas": qas})
    paragraphs[0]["qas"].append({"id": "none", "question": "nothing?", "is_impossible": True, "answers": []})
    return {"version": "v2.0", "data": [{"title": "t", "paragraphs": paragraphs}]}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("lambert")
    parser.add_argument("trace")
    parser.add_argument("fixtures", type=pathlib.Path)
    parser.add_argument("data", nargs="*")
    parser.add_argument("--whole", nargs="*", default=[])
    parser.add_argument("--table")
    options = parser.parse_args()
    table = parity_table.Table(options.table)
    tokenizers = [(options.fixtures / name, cased) for name, cased in (
        ("bert-base-uncased-vocab.txt", False), ("bert-base-cased-vocab.txt", True), ("sp-unigram-uncased-16k.model", False),
        ("albert-de-30k.model", True))]
    rules = "the original's rules (Python twin)"
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        table.add("SQuAD scores of random strings, v1.1 and v2.0", "the official scripts' rules (Python twin)",
                  compare_scores(options.lambert, 20, folder), "0 differ", "0")
        strange = folder / "strange.json"
        strange.write_text(json.dumps(strange_contexts()), encoding="utf-8")
        jobs = [(str(strange), LENGTHS)] + [(path, LENGTHS_OF_DATA) for path in options.data]
        jobs += [(path, LENGTHS_OF_WHOLE_FILES) for path in options.whole]
        for path, all_lengths in jobs:
            for tokenizer, cased in tokenizers:
                reference, limit = rules, "0"
                if tokenizer.suffix == ".model":
                    limit = "0 but near ties"
                    reference += f", PyPI sentencepiece {sentencepiece.__version__}"
                for lengths, version in all_lengths:
                    questions, windows, ties = compare_questions(options.trace, path, tokenizer, cased, lengths, version)
                    item = f"SQuAD {pathlib.Path(path).name}, {tokenizer.name}, {'/'.join(map(str, lengths))}: windows, answers"
                    found = "0 differ" + (f", {ties} near ties" if ties else "")
                    table.add(item, reference, f"{questions:,} questions, {windows:,} windows", found, limit)


if __name__ == "__main__":
    main()
