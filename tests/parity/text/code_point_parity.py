# SPDX-License-Identifier: Apache-2.0
"""Every Unicode code point, alone and inside a word, cased and uncased: Lambert, the original's rules, PyPI tokenizers.

The vocabulary holds every code point as a word and as a continuation, so that ids tell the normalised text exactly.
Lambert must equal the rules everywhere; PyPI's differences must all fall in a class that is explained below.

Usage: code_point_parity.py --lambert PROGRAM
"""
import argparse
import collections
import multiprocessing
import pathlib
import subprocess
import sys
import tempfile
import unicodedata

import tokenizers
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

import original_wordpiece

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
import parity_table  # noqa: E402  (one folder up)

# A vocabulary may have a million lines, each code point takes two, and no decomposition leaves the first slice.
SLICES = [(0, 0x40000), (0x40000, 0xB0000), (0xB0000, 0x110000)]
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
UNKNOWN = 1
FORMS = {"alone": "{}", "inside": "a{}b"}

PRIVATE_USE = "private use: tokenizers drops it, the original keeps it"
EXTENSION_E = "U+2B820..2B91F: no ideographs to tokenizers (its extension E begins at U+2B920)"
NOT_ASSIGNED = "not assigned in Unicode 14: newer case tables of tokenizers lower-case it"
OLD_CATEGORY = "mark, format character or punctuation to Unicode 14, ordinary to the older category tables of tokenizers"
CATEGORY_CHANGED = "U+166D, U+1734, U+111C9: category changed between the tables of tokenizers and Unicode 14"
DECOMPOSITION = "U+11938: its decomposition (Unicode 13) is missing or differs in tokenizers"


def difference_class(code_point):
    category = unicodedata.category(chr(code_point))
    if category == "Co":
        return PRIVATE_USE
    if 0x2B820 <= code_point <= 0x2B91F:
        return EXTENSION_E
    if category == "Cn":
        return NOT_ASSIGNED
    if code_point in (0x166D, 0x1734, 0x111C9):
        return CATEGORY_CHANGED
    if code_point == 0x11938:
        return DECOMPOSITION
    if category in ("Mn", "Cf") or category.startswith("P"):
        return OLD_CATEGORY
    return None


def code_points(first, last):
    return [c for c in range(first, last) if not 0xD800 <= c <= 0xDFFF]


def write_vocabulary(first, last, path):
    """All code points of the slice but blanks, controls and the byte order mark, which no vocabulary file can hold."""
    characters = [chr(c) for c in code_points(first, last)]
    kept = [c for c in characters if not c.isspace() and c != "\ufeff" and unicodedata.category(c) != "Cc"]
    if first > 0:
        kept += ["a", "b"]
    tokens = SPECIAL + kept + ["##" + c for c in kept]
    path.write_text("\n".join(tokens) + "\n", encoding="utf-8", newline="\n")
    return {token: number for number, token in enumerate(tokens)}


def lambert_ids(program, vocabulary_file, cased, lines):
    command = [program, "tokenize", "--tokenizer", str(vocabulary_file)] + (["--cased"] if cased else [])
    result = subprocess.run(command, input=("\n".join(lines) + "\n").encode(), capture_output=True)
    assert result.returncode == 0, result.stderr.decode()
    output = result.stdout.decode().split("\n")[:-1]
    assert len(output) == len(lines), (len(output), len(lines))
    return [[int(number) for number in line.split()] for line in output]


def pypi_tokenizer(vocabulary, cased):
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]", max_input_chars_per_word=200))
    tokenizer.normalizer = normalizers.BertNormalizer(
        clean_text=True, handle_chinese_chars=True, strip_accents=not cased, lowercase=not cased
    )
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    return tokenizer


def compare(job):
    """Counts of one slice and casing: cases, code points where Lambert differs, PyPI's differences by class."""
    program, first, last, cased, every = job
    wrong, classes, cases = [], collections.Counter(), 0
    points = [c for c in code_points(first, last) if c != ord("\n")][::every]  # a line end is no text of a line
    with tempfile.TemporaryDirectory() as folder:
        vocabulary_file = pathlib.Path(folder) / "vocab.txt"
        vocabulary = write_vocabulary(first, last, vocabulary_file)
        pypi = pypi_tokenizer(vocabulary, cased)
        for form, pattern in FORMS.items():
            lines = [pattern.format(chr(c)) for c in points]
            ours = lambert_ids(program, vocabulary_file, cased, lines)
            theirs = [encoding.ids for encoding in pypi.encode_batch_fast(lines)]
            for code_point, line, our_ids, pypi_ids in zip(points, lines, ours, theirs, strict=True):
                judged = original_wordpiece.encode(line, vocabulary, cased, UNKNOWN)
                if our_ids != judged:
                    wrong.append((code_point, form, cased, our_ids, judged))
                if pypi_ids != judged:
                    name = difference_class(code_point)
                    classes[name or f"unexplained: U+{code_point:04X}", form, cased] += 1
            cases += len(lines)
    return cases, wrong, classes


def seeded_faults():
    """A judge without one of the rules must disagree with Lambert's ids, else this test proves nothing."""
    return {
        "accents stripped by category Mn and Mc": ("without_accents", lambda word: "".join(
            c for c in unicodedata.normalize("NFD", word) if unicodedata.category(c) not in ("Mn", "Mc"))),
        "no extension E": ("is_ideograph", lambda c: any(
            first <= ord(c) <= last for first, last in original_wordpiece.IDEOGRAPHS if first != 0x2B820)),
        "symbols of ASCII are no punctuation": ("is_punctuation", lambda c: unicodedata.category(c).startswith("P")),
        "U+FFFD stays": ("is_dropped", lambda c: c not in "\t\n\r" and unicodedata.category(c) in ("Cc", "Cf")),
    }


def check_seeded_faults(program, table):
    for fault, (rule, replacement) in seeded_faults().items():
        right = getattr(original_wordpiece, rule)
        setattr(original_wordpiece, rule, replacement)
        wrong = compare((program, *SLICES[0], False, 1))[1]
        setattr(original_wordpiece, rule, right)
        table.add_fault(f"judge of code points: {fault}", "code_point_parity", f"{len(wrong)} code points")
        assert wrong, fault


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lambert", required=True)
    parser.add_argument("--faults", action="store_true", help="seed faults in the judge instead")
    parser.add_argument("--every", type=int, default=1, metavar="N", help="every Nth code point; the default is all")
    parser.add_argument("--table", help="append rows of the results page to this file")
    options = parser.parse_args()
    original_wordpiece.check_unicode_version()
    if options.faults:
        return check_seeded_faults(options.lambert, parity_table.Table(options.table))

    jobs = [(options.lambert, *part, cased, options.every) for part in SLICES for cased in (False, True)]
    with multiprocessing.Pool(2) as pool:
        results = pool.map(compare, jobs, chunksize=1)
    cases = sum(result[0] for result in results)
    wrong = [case for result in results for case in result[1]]
    classes = sum((result[2] for result in results), collections.Counter())
    table = parity_table.Table(options.table)
    table.add("WordPiece, every code point", f"the original's rules, Unicode {original_wordpiece.UNICODE_VERSION}",
              cases, f"{len(wrong)} differ", "0")
    table.add("the same", f"PyPI tokenizers {tokenizers.__version__}", cases,
              f"{sum(classes.values())} differ", "classes below only")
    for name in sorted({key[0] for key in classes}):
        counts = [f"{form} {'cased' if cased else 'uncased'} {classes[name, form, cased]}"
                  for cased in (False, True) for form in FORMS]
        table.add_class("code points", name, ", ".join(counts))
    assert not wrong, f"differs from the original's rules: {wrong[:10]}"
    unexplained = [key for key in classes if key[0].startswith("unexplained")]
    assert not unexplained, f"differences of tokenizers in no class: {unexplained[:10]}"


if __name__ == "__main__":
    sys.exit(main())
