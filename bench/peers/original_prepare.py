# SPDX-License-Identifier: Apache-2.0
"""The original release's data step in Python with PyPI's tokenizers, one process per core: text (blank line between
documents; sentences cut at a full stop before a capital) to masked examples in a file.

Usage: original_prepare.py VOCABULARY TEXT OUTPUT [--max-seq-length N] [--processes N]
Prints one JSON object.
"""
import argparse
import json
import multiprocessing
import os
import pathlib
import pickle
import random
import re
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).parents[2] / "tests/parity/text"))
os.environ["TOKENIZERS_PARALLELISM"] = "false"
import original_examples  # noqa: E402
from tokenizers import BertWordPieceTokenizer  # noqa: E402

SENTENCE_END = r"(?<=[.!?])\s+(?=[\"'A-Z])|\n"


def prepare(job):
    """Examples of one part of the documents."""
    options, part, texts = job
    tokenizer = BertWordPieceTokenizer(options.vocabulary, lowercase=True)
    documents = [[encoding.ids for encoding in tokenizer._tokenizer.encode_batch_fast(text, add_special_tokens=False) if encoding.ids]
                 for text in texts]
    ids = tokenizer.token_to_id
    rules = original_examples.Rules(max_length=options.max_seq_length, vocab_size=tokenizer.get_vocab_size(),
                                    cls=ids("[CLS]"), sep=ids("[SEP]"), mask=ids("[MASK]"))
    rows = list(original_examples.rows([document for document in documents if document], rules, part))
    with open(f"{options.output}.{part}", "wb") as file:
        pickle.dump(rows, file)
    return len(rows)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("vocabulary")
    parser.add_argument("text")
    parser.add_argument("output")
    parser.add_argument("--max-seq-length", type=int, default=128)
    parser.add_argument("--processes", type=int, default=len(os.sched_getaffinity(0)))
    options = parser.parse_args()
    start = time.perf_counter()
    with open(options.text, encoding="utf-8") as file:
        documents = [re.split(SENTENCE_END, document) for document in file.read().split("\n\n")]
    random.Random(0).shuffle(documents)
    parts = [(options, part, documents[part::options.processes]) for part in range(options.processes)]
    with multiprocessing.Pool(options.processes) as pool:
        examples = sum(pool.map(prepare, parts, chunksize=1))
    seconds = time.perf_counter() - start
    megabytes = os.path.getsize(options.text) / 1e6
    print(json.dumps({"megabytes": megabytes, "examples": examples, "processes": options.processes,
                      "megabytes_per_second": megabytes / seconds}))


if __name__ == "__main__":
    main()
