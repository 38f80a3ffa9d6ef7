# SPDX-License-Identifier: Apache-2.0
"""The original release's WordPiece rules, step by step and slow: the judge of the tokenizer tests.

Written from the rules, not from any implementation, with Python's own Unicode tables. These must be those of
Unicode 14.0.0 (Python 3.11), the version that Lambert follows.
"""
import unicodedata

UNICODE_VERSION = "14.0.0"
LONGEST_WORD = 200
IDEOGRAPHS = [
    (0x4E00, 0x9FFF), (0x3400, 0x4DBF), (0x20000, 0x2A6DF), (0x2A700, 0x2B73F),
    (0x2B740, 0x2B81F), (0x2B820, 0x2CEAF), (0xF900, 0xFAFF), (0x2F800, 0x2FA1F),
]


def check_unicode_version():
    found = unicodedata.unidata_version
    assert found == UNICODE_VERSION, (
        f"judging by the original's rules: this Python has Unicode {found}, the rules are stated for "
        f"{UNICODE_VERSION}; use Python 3.11"
    )


def is_space(character):
    return character in "\t\n\r" or unicodedata.category(character) == "Zs"


def is_dropped(character):
    if character in "\t\n\r":
        return False
    return character == "\ufffd" or unicodedata.category(character) in ("Cc", "Cf")


def is_ideograph(character):
    return any(first <= ord(character) <= last for first, last in IDEOGRAPHS)


def is_punctuation(character):
    code = ord(character)
    if 33 <= code <= 47 or 58 <= code <= 64 or 91 <= code <= 96 or 123 <= code <= 126:
        return True
    return unicodedata.category(character).startswith("P")


def clean(text):
    cleaned = []
    for character in text:
        if is_dropped(character):
            continue
        if is_space(character):
            cleaned.append(" ")
        elif is_ideograph(character):
            cleaned.append(f" {character} ")
        else:
            cleaned.append(character)
    return "".join(cleaned)


def without_accents(word):
    return "".join(c for c in unicodedata.normalize("NFD", word) if unicodedata.category(c) != "Mn")


def split_at_punctuation(word):
    parts, current = [], ""
    for character in word:
        if is_punctuation(character):
            parts += [current, character]
            current = ""
        else:
            current += character
    return [part for part in parts + [current] if part]


def words(text, cased):
    found = []
    for word in clean(text).split():
        if not cased:
            word = without_accents(word.lower())
        for part in split_at_punctuation(word):
            found += part.split()
    return found


def pieces(word, vocabulary, unknown):
    """Longest piece first; a word that cannot be spelled is unknown as a whole."""
    if len(word) > LONGEST_WORD:
        return [unknown]
    ids, start = [], 0
    while start < len(word):
        prefix = "##" if start else ""
        for end in range(len(word), start, -1):
            piece = vocabulary.get(prefix + word[start:end])
            if piece is not None:
                break
        else:
            return [unknown]
        ids.append(piece)
        start = end
    return ids


def encode(text, vocabulary, cased, unknown):
    if isinstance(text, bytes):
        text = text.decode("utf-8", "ignore")
    return [piece for word in words(text, cased) for piece in pieces(word, vocabulary, unknown)]
