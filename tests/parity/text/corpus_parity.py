# SPDX-License-Identifier: Apache-2.0
"""Every line of a folder of text: WordPiece against the original's rules and PyPI tokenizers, cased and uncased, and
every sentencepiece model against PyPI's sentencepiece.

Usage: corpus_parity.py --lambert PROGRAM FOLDER [MODEL...]   (models: default those of the fixtures)
"""
import argparse
import bz2
import collections
import lzma
import multiprocessing
import pathlib
import subprocess
import sys
import unicodedata

import sentencepiece
import tokenizers

import original_wordpiece
from code_point_parity import difference_class, pypi_tokenizer

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
import parity_table  # noqa: E402  (one folder up)
from near_tie import is_near_tie  # noqa: E402

FIXTURES = pathlib.Path(__file__).resolve().parents[2] / "fixtures" / "tokenizer"
OPENERS = {".xz": lzma.open, ".bz2": bz2.open}
BATCH = 20_000


def read_lines(path):
    data = OPENERS.get(path.suffix, open)(path, "rb").read()
    lines = data.split(b"\n")
    return lines[:-1] if lines[-1] == b"" else lines


def lambert_ids(program, tokenizer, cased, lines):
    command = [program, "tokenize", "--tokenizer", str(tokenizer)] + (["--cased"] if cased else [])
    result = subprocess.run(command, input=b"\n".join(lines) + b"\n", capture_output=True)
    assert result.returncode == 0, result.stderr.decode()
    output = result.stdout.decode().split("\n")[:-1]
    assert len(output) == len(lines), (len(output), len(lines))
    return [[int(number) for number in line.split()] for line in output]


def line_class(line, cased):
    """Why tokenizers differs from the original on this line; None when nothing explains it."""
    if any(special in line for special in ("[UNK]", "[CLS]", "[SEP]", "[PAD]", "[MASK]")):
        return "special token in the text"
    if not cased and "Σ" in line:
        return "final sigma: tokenizers lower-cases letter by letter"
    names = {difference_class(ord(c)) for c in line if ord(c) > 127 and unicodedata.category(c)[0] not in "LNZ"}
    return next((name for name in sorted(filter(None, names))), None)


def judge_wordpiece(job):
    program, path, cased = job
    vocabulary_file = FIXTURES / f"bert-base-{'cased' if cased else 'uncased'}-vocab.txt"
    vocabulary = {t: i for i, t in enumerate(vocabulary_file.read_text(encoding="utf-8").split("\n")[:-1])}
    unknown, pypi = vocabulary["[UNK]"], pypi_tokenizer(vocabulary, cased)
    # Words repeat: the judge keeps what it found for each, between blanks nothing depends on a neighbour.
    known = {}
    lines, wrong, classes = read_lines(path), [], collections.Counter()
    ours = lambert_ids(program, vocabulary_file, cased, lines)
    for start in range(0, len(lines), BATCH):
        texts = [line.decode("utf-8", "ignore") for line in lines[start:start + BATCH]]
        theirs = pypi.encode_batch_fast(texts)
        for offset, (text, encoding) in enumerate(zip(texts, theirs)):
            judged = []
            for word in text.split():
                if word not in known:
                    known[word] = original_wordpiece.encode(word, vocabulary, cased, unknown)
                judged += known[word]
            if ours[start + offset] != judged:
                wrong.append((path.name, start + offset + 1))
            if encoding.ids != judged:
                classes[line_class(text, cased) or f"unexplained: {path.name}:{start + offset + 1}"] += 1
    return len(lines), wrong, classes


def judge_sentencepiece(job):
    program, path, model = job
    processor = sentencepiece.SentencePieceProcessor(model_file=str(model))
    lines = read_lines(path)
    ours = lambert_ids(program, model, False, lines)
    theirs = processor.encode([line.decode("utf-8", "ignore") for line in lines])
    wrong, ties = [], 0
    for number, (a, b) in enumerate(zip(ours, theirs), start=1):
        if a != b:
            if is_near_tie(processor, a, b):
                ties += 1
            else:
                wrong.append((path.name, number))
    return len(lines), wrong, ties


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lambert", required=True)
    parser.add_argument("--table")
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("models", nargs="*", type=pathlib.Path)
    options = parser.parse_args()
    original_wordpiece.check_unicode_version()
    texts = sorted(path for path in options.folder.iterdir() if path.is_file())
    models = options.models or sorted(FIXTURES.glob("*.model"))
    assert texts and models, "comparing a corpus: no text or no model; name a folder of text"
    table, failures = parity_table.Table(options.table), []
    with multiprocessing.Pool(2) as pool:
        for cased in (False, True):
            results = pool.map(judge_wordpiece, [(options.lambert, text, cased) for text in texts], chunksize=1)
            lines = sum(result[0] for result in results)
            wrong = [line for result in results for line in result[1]]
            classes = sum((result[2] for result in results), collections.Counter())
            kind = "cased" if cased else "uncased"
            table.add(f"WordPiece {kind}, lines of text", "the original's rules", lines, f"{len(wrong)} differ", "0")
            table.add("the same", f"PyPI tokenizers {tokenizers.__version__}", lines,
                      f"{sum(classes.values())} differ", "classes only")
            for name, count in sorted(classes.items()):
                table.add_class(f"lines, {kind}", name, count)
            failures += wrong + [name for name in classes if name.startswith("unexplained")]
        for model in models:
            results = pool.map(judge_sentencepiece, [(options.lambert, text, model) for text in texts], chunksize=1)
            wrong = [line for result in results for line in result[1]]
            ties = sum(result[2] for result in results)
            table.add(f"sentencepiece {model.name}, lines of text", f"PyPI sentencepiece {sentencepiece.__version__}",
                      sum(result[0] for result in results), f"{len(wrong)} differ, {ties} near ties", "0 but near ties")
            failures += wrong
    assert not failures, failures[:20]


if __name__ == "__main__":
    sys.exit(main())
