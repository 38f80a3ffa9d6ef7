#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Lambert's windows, answers and scores of SQuAD against an independent twin (squad_rules.py): equal to the last digit.

Usage: squad_parity.py LAMBERT TRACE FIXTURES DATA...; DATA are SQuAD v1.1 or v2.0 files, FIXTURES has the vocabularies."""
import json
import pathlib
import random
import subprocess
import sys
import tempfile

import squad_rules

PIECES = ["the", "a", "an", "The", "A", "theatre", "Ünïcode", "ΣΑΣ", "straße", "İstanbul", "–", "—", "“", "”", "…", "½", "٣", "五",
          "-", "24-10", "$", "U.S.", "don't", "  ", "\t", "\u00a0", "\u2003", "\u200b", "_a_", "a_b", "1st", "", "an-", "(the)", "e\u0301",
          "\U0001f600", "ǅ", "ﬁ", "ª", "Ⅷ", "the.", "answer", "Answer", "42"]


def questions_of(data):
    return [(p["context"], qa) for article in data["data"] for p in article["paragraphs"] for qa in p["qas"]]


def logit(window, position, which):
    mixed = (position * 2654435761 + window * 40503 + which * 97) % 4294967296
    return (mixed * 40 // 4294967296) / 4.0


def compare_questions(trace, path, vocabulary, cased, lengths, version):
    """Windows, answer positions and answers of every question. Returns how many windows were compared."""
    data = json.loads(pathlib.Path(path).read_text(encoding="utf-8"))
    output = subprocess.run([trace, path, vocabulary, "cased" if cased else "uncased", *map(str, lengths), version], check=True,
                            capture_output=True, text=True).stdout.splitlines()
    rules = squad_rules.WordPieceFeatures(vocabulary, lengths[0], lengths[1], lengths[2], cased)
    questions = questions_of(data)
    assert len(output) == len(questions), (len(output), len(questions))
    number = 0
    for line, (context, qa) in zip(output, questions):
        ours = json.loads(line)
        windows = rules.of_question(context, qa["question"])
        assert ours["id"] == qa["id"]
        assert ours["prediction"] == windows, f"{path}: windows of {qa['id']} differ"
        answer = qa["answers"][0] if qa["answers"] else None
        assert ours["training"] == rules.of_question(context, qa["question"], answer), \
            f"{path}: training windows of {qa['id']} differ"
        logits = []
        for window in windows:
            length = len(window["input_ids"])
            logits.append(([logit(number, i, 0) for i in range(length)], [logit(number, i, 1) for i in range(length)]))
            number += 1
        text, n_best, odds = squad_rules.extract(windows, logits, rules.context(context), rules.token_text,
                                                 rules.basic_tokenize, version, 20, 30)
        assert ours["answer"] == text, f"{path}: answer to {qa['id']}: {ours['answer']!r}, twin {text!r}"
        assert [n[0] for n in ours["n_best"]] == [n[0] for n in n_best], f"{path}: n-best of {qa['id']} differ"
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
        twin, scores = squad_rules.score(data, predictions, version), squad_rules.score_questions(data, predictions, version)
        for identifier, (exact, f1) in scores.items():
            found = ours["questions"][identifier]
            assert (found["exact_match"], found["f1"]) == (exact, f1), (seed, identifier, found, exact, f1)
        assert (ours["exact_match"], ours["f1"]) == (twin["exact_match"], twin["f1"]), (seed, ours["f1"], twin)
        missing = [i for i in scores if i not in predictions]
        assert all(f"no prediction for question {i}\n" in listed for i in missing) and ours["missing"] == len(missing)
        assert "no question for prediction unknown\n" in listed and ours["unknown"] == 1
        compared += len(scores)
        if version == "2.0":
            odds = {i: round(generator.uniform(-3, 3), 2) for i in scores}
            odds_file.write_text(json.dumps(odds))
            ours, _ = run_score(program, data_file, predictions_file, "--null-odds", odds_file, "--null-threshold", "0.5")
            for name, figure in (("exact_match", 0), ("f1", 1)):
                best, threshold = squad_rules.best_threshold(data, predictions, scores, odds, figure)
                assert (ours[f"best_{name}"], ours[f"best_{name}_threshold"]) == (best, threshold), (seed, name)
            answered = {qa["id"]: bool(qa["answers"]) for _, qa in questions_of(data)}
            kept = [float(not answered[i]) if i in predictions and odds[i] > 0.5 else scores[i][1] for i in scores]
            assert ours["f1"] == squad_rules.mean(kept), seed
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
    program, trace, fixtures, *files = sys.argv[1:]
    vocabularies = [(f"{fixtures}/bert-base-uncased-vocab.txt", False), (f"{fixtures}/bert-base-cased-vocab.txt", True)]
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        print(f"{compare_scores(program, 20, folder)} random questions scored alike")
        strange = folder / "strange.json"
        strange.write_text(json.dumps(strange_contexts()), encoding="utf-8")
        for path in [str(strange), *files]:
            for vocabulary, cased in vocabularies:
                for lengths, version in (((384, 128, 64), "1.1"), ((64, 16, 12), "2.0"), ((24, 3, 10), "1.1")):
                    windows = compare_questions(trace, path, vocabulary, cased, lengths, version)
                    print(f"{pathlib.Path(path).name} {'cased' if cased else 'uncased'} {lengths}: {windows} windows and their answers alike")


if __name__ == "__main__":
    main()
