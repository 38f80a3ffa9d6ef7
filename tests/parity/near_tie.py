# SPDX-License-Identifier: Apache-2.0
"""Two ways to spell a text that sentencepiece scores as equal."""

NEAR_TIE = 2.0**-23  # one unit in the last place of the float32 score of the whole line


def is_near_tie(processor, ours, theirs):
    """The library adds up scores in float32; where two ways to spell a line are equal within that, its releases
    choose differently (Lambert links the system's, older than PyPI's)."""
    sums = [sum(processor.get_score(piece) for piece in ids) for ids in (ours, theirs)]
    texts = [processor.decode(ids) for ids in (ours, theirs)]
    return texts[0] == texts[1] and abs(sums[0] - sums[1]) <= NEAR_TIE * abs(sums[0])
