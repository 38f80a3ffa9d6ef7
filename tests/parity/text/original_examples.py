# SPDX-License-Identifier: Apache-2.0
"""The original release's data step, slow and independent: documents of sentences of ids to masked examples.

Written from the rules. The keyword arguments of Rules are the places where tests seed faults.
"""
import dataclasses
import random


@dataclasses.dataclass
class Rules:
    max_length: int = 128
    max_predictions: int = 20
    vocab_size: int = 0
    cls: int = 0
    sep: int = 0
    mask: int = 0
    short_share: float = 0.1
    random_next_share: float = 0.5
    masked_share: float = 0.15
    mask_token_share: float = 0.8
    front_share: float = 0.5
    half_up: bool = False


def masked_count(tokens, rules):
    wanted = tokens * rules.masked_share
    rounded = int(wanted + 0.5) if rules.half_up else round(wanted)  # round: half to even
    return min(rules.max_predictions, max(1, rounded))


def joined(sentences):
    return [token for sentence in sentences for token in sentence]


def other_segment(documents, index, wanted, generator):
    for _ in range(10):
        other = generator.randrange(len(documents))
        if other != index:
            break
    document = documents[other]
    segment = []
    for sentence in document[generator.randrange(len(document)):]:
        segment += sentence
        if len(segment) >= wanted:
            break
    return segment


def truncate(first, second, limit, rules, generator):
    while len(first) + len(second) > limit:
        longer = first if len(first) > len(second) else second
        longer.pop(0 if generator.random() < rules.front_share else -1)


def document_examples(documents, index, rules, generator):
    """(A, B, is_random_next) of one document."""
    limit = rules.max_length - 3
    target = generator.randint(2, limit) if generator.random() < rules.short_share else limit
    document, chunk, collected, place = documents[index], [], 0, 0
    while place < len(document):
        chunk.append(document[place])
        collected += len(document[place])
        place += 1
        if place < len(document) and collected < target:
            continue
        cut = generator.randint(1, len(chunk) - 1) if len(chunk) >= 2 else 1
        first = joined(chunk[:cut])
        is_random = len(chunk) == 1 or generator.random() < rules.random_next_share
        if is_random:
            second = other_segment(documents, index, target - len(first), generator)
            place -= len(chunk) - cut
        else:
            second = joined(chunk[cut:])
        truncate(first, second, limit, rules, generator)
        yield first, second, is_random
        chunk, collected = [], 0


def masked(tokens, rules, generator):
    """Positions, and what stands there afterwards."""
    candidates = [i for i, token in enumerate(tokens) if token not in (rules.cls, rules.sep)]
    generator.shuffle(candidates)
    positions = sorted(candidates[: masked_count(len(tokens), rules)])
    seen = []
    for position in positions:
        if generator.random() < rules.mask_token_share:
            seen.append(rules.mask)
        elif generator.random() < 0.5:
            seen.append(tokens[position])
        else:
            seen.append(generator.randrange(rules.vocab_size))
    return positions, seen


def rows(documents, rules, seed):
    """(is_random_next, tokens of segment 0, tokens, positions, seen) of one pass."""
    generator = random.Random(seed)
    for index in range(len(documents)):
        for first, second, is_random in document_examples(documents, index, rules, generator):
            tokens = [rules.cls, *first, rules.sep, *second, rules.sep]
            yield (is_random, len(first) + 2, tokens, *masked(tokens, rules, generator))
