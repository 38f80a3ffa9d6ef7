# SPDX-License-Identifier: Apache-2.0
"""Lines of a text file to WordPiece ids with PyPI's tokenizers, one thread.

Usage: hf_tokenizers.py VOCABULARY TEXT [--cased] [--seconds S]
Prints one JSON object.
"""
import argparse
import json
import os
import statistics
import time

os.environ["TOKENIZERS_PARALLELISM"] = "false"
from tokenizers import BertWordPieceTokenizer  # noqa: E402


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("vocabulary")
    parser.add_argument("text")
    parser.add_argument("--cased", action="store_true")
    parser.add_argument("--seconds", type=float, default=5.0)
    options = parser.parse_args()
    tokenizer = BertWordPieceTokenizer(options.vocabulary, lowercase=not options.cased)
    with open(options.text, encoding="utf-8", newline="\n") as file:
        text = file.read()
    lines, megabytes = text.split("\n"), len(text.encode()) / 1e6

    def encode():
        return sum(len(encoding.ids) for first in range(0, len(lines), 1000)
                   for encoding in tokenizer._tokenizer.encode_batch_fast(lines[first:first + 1000], add_special_tokens=False))
    times, end, tokens = [], time.perf_counter() + options.seconds, 0
    while time.perf_counter() < end or not times:
        start = time.perf_counter()
        tokens = encode()
        times.append(time.perf_counter() - start)
    print(json.dumps({"megabytes": megabytes, "tokens": tokens, "megabytes_per_second": megabytes / statistics.median(times)}))


if __name__ == "__main__":
    main()
