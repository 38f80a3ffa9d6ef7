#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the named inputs of the corpora: one accept-… or refuse-… file for every rule about bad input.

Usage: make_rules.py CORPUS; inputs that fuzzing found lie beside them and stay."""
import json
import pathlib
import struct
import sys

CORPUS = pathlib.Path(sys.argv[1])


# ------------------------------------------------------------------------------------------------ safetensors

def safetensors(header, data=b"\0" * 8, length=None):
    header = header if isinstance(header, bytes) else header.encode()
    return struct.pack("<Q", len(header) if length is None else length) + header + data


def entry(dtype='"F32"', shape="[2]", offsets="[0,8]", more=""):
    return f'{{"dtype":{dtype},"shape":{shape},"data_offsets":{offsets}{more}}}'


def one(**fields):
    return safetensors('{"a":' + entry(**fields) + "}")


def named(name):
    return safetensors(f'{{"{name}":{entry()}}}')


def two(first, second, data, names=("a", "b")):
    return safetensors(f'{{"{names[0]}":{entry(**first)},"{names[1]}":{entry(**second)}}}', b"\0" * data)


GOOD = '{"a":' + entry() + "}"
SAFETENSORS = {
    "accept-one-tensor": safetensors(GOOD),
    "accept-no-tensor": safetensors("{}", b""),
    "accept-padded": safetensors(GOOD + "     "),
    "accept-metadata": safetensors('{"__metadata__":{"format":"pt","a":"b"},' + GOOD[1:]),
    "accept-scalar": safetensors('{"a":' + entry('"I64"', "[]") + "}"),
    "accept-every-type": safetensors("{" + ",".join(
        f'"{t}":' + entry(f'"{t}"', "[1]", f"[{b},{e}]") for t, b, e in
        (("F64", 0, 8), ("F32", 8, 12), ("F16", 12, 14), ("BF16", 14, 16), ("I64", 16, 24), ("I32", 24, 28), ("I16", 28, 30),
         ("I8", 30, 31), ("U8", 31, 32))) + "}", b"\0" * 32),
    "accept-rank-8": one(shape="[1,1,1,1,1,1,1,2]"),
    "accept-name-escaped": named("b \\\"q\\\" \\u00e9\\ud83d\\ude00"),
    "accept-name-1024": named("n" * 1024),
    "accept-bert-names": safetensors('{"bert.pooler.dense.bias":' + entry() + ',"bert.pooler.dense.weight":' +
                                     entry(shape="[2,2]", offsets="[8,24]") + "}", b"\0" * 24),
    "refuse-empty-file": b"",
    "refuse-7-bytes": b"\x02\0\0\0\0\0\0",
    "refuse-length-0": safetensors("", b"", 0),
    "refuse-length-1": safetensors(GOOD, length=1),
    "refuse-length-of-file": safetensors(GOOD, length=8 + len(GOOD) + 8),
    "refuse-length-file-plus-1": safetensors(GOOD, length=len(GOOD) + 9),
    "refuse-length-2-63": safetensors(GOOD, length=1 << 63),
    "refuse-length-2-64-minus-1": safetensors(GOOD, length=(1 << 64) - 1),
    "refuse-length-above-100-mb": safetensors(GOOD, length=100_000_001),
    "refuse-list-at-top": safetensors("[]", b""),
    "refuse-space-first": safetensors(" {}", b""),
    "refuse-newline-last": safetensors("{}\n", b""),
    "refuse-not-closed": safetensors(GOOD[:-1]),
    "refuse-two-documents": safetensors("{} {}", b""),
    "refuse-not-utf8": safetensors(b'{"\xff":' + entry().encode() + b"}"),
    "refuse-lone-surrogate": named("\\ud800"),
    "refuse-product-wraps-to-4": one(dtype='"U8"', shape="[4294967296,4294967297,1073741824]", offsets="[0,4]"),
    "refuse-product-wraps-to-0": one(dtype='"U8"', shape="[4294967296,4294967296]", offsets="[0,0]"),
    "refuse-bytes-wrap": one(dtype='"F64"', shape="[2305843009213693953]"),
    "refuse-shape-of-a-million": one(shape="[1000000]", offsets="[0,4]"),
    "refuse-overlap": two({}, {"offsets": "[4,12]"}, 12),
    "refuse-hole": two({}, {"offsets": "[12,20]"}, 20),
    "refuse-reversed": one(offsets="[8,0]"),
    "refuse-unsorted": two({"offsets": "[8,16]"}, {"offsets": "[0,8]"}, 16),
    "refuse-beyond-the-end": two({}, {"offsets": "[8,16]"}, 12),
    "refuse-no-bytes": one(offsets="[0,0]"),
    "refuse-start-not-0": one(offsets="[4,12]"),
    "refuse-empty-tensor": safetensors('{"a":' + entry(shape="[0]", offsets="[0,0]") + "}", b""),
    "refuse-empty-tensor-shares-offset": two({"shape": "[0]", "offsets": "[0,0]"}, {}, 8),
    "refuse-name-twice": two({}, {"offsets": "[8,16]"}, 16, ("a", "a")),
    "refuse-name-twice-escaped": two({}, {"offsets": "[8,16]"}, 16, ("a", "\\u0061")),
    "refuse-name-empty": named(""),
    "refuse-name-nul": named("a\\u0000b"),
    "refuse-name-newline": named("a\\nb"),
    "refuse-name-delete": named("a\x7f"),
    "refuse-name-folder": named("../a"),
    "refuse-name-1025": named("n" * 1025),
    "refuse-dtype-unknown": one(dtype='"F31"'),
    "refuse-dtype-bool": one(dtype="true"),
    "refuse-dtype-long": one(dtype='"' + "F" * 2500 + '"'),
    "refuse-dimension-bool": one(shape="[true]"),
    "refuse-dimension-negative": one(shape="[-2]"),
    "refuse-dimension-fraction": one(shape="[1.5]"),
    "refuse-dimension-exponent": one(shape="[1e3]"),
    "refuse-dimension-text": one(shape='["2"]'),
    "refuse-dimension-2-63": one(shape="[9223372036854775808]"),
    "refuse-dimension-2-64": one(shape="[18446744073709551616]"),
    "refuse-dimension-long": one(shape="[" + "9" * 2500 + "]"),
    "refuse-dimension-long-fraction": one(shape="[1." + "9" * 2500 + "]"),
    "refuse-rank-9": one(shape="[1,1,1,1,1,1,1,1,2]"),
    "refuse-shape-number": one(shape="2"),
    "refuse-shape-nested": one(shape="[[2]]"),
    "refuse-offsets-one": one(offsets="[8]"),
    "refuse-offsets-three": one(offsets="[0,4,8]"),
    "refuse-offsets-negative": one(offsets="[-8,0]"),
    "refuse-offsets-object": one(offsets='{"a":1}'),
    "refuse-field-missing": safetensors('{"a":{"dtype":"F32","shape":[2]}}'),
    "refuse-field-twice": one(more=',"dtype":"F32"'),
    "refuse-field-unknown": one(more=',"more":1'),
    "refuse-tensor-number": safetensors('{"a":1}', b""),
    "refuse-tensor-null": safetensors('{"a":null}', b""),
    "refuse-metadata-number": safetensors('{"__metadata__":{"a":1}}', b""),
    "refuse-metadata-nested": safetensors('{"__metadata__":{"a":{}}}', b""),
    "refuse-metadata-twice": safetensors('{"__metadata__":{},"__metadata__":{}}', b""),
    "refuse-appended-data": safetensors(GOOD, b"\0" * 8 + b"PK\3\4"),
    "refuse-depth": safetensors('{"a":' + "[" * 2000 + "}", b""),
    "refuse-depth-objects": safetensors('{"a":' * 500 + "}" * 500, b""),
}


# ------------------------------------------------------------------------------------------------ SQuAD

CONTEXT = "In 1895-1943 the \u00c9cole \U0001f600 cost $10.5 (twice); nobody knew why."


def answer(text, start=None, context=CONTEXT):
    return {"text": text, "answer_start": context.index(text) if start is None else start}


def question(answers, identifier="q1", text="What was the cost?", **more):
    return {"id": identifier, "question": text, "answers": answers, **more}


def squad(*questions, context=CONTEXT, **more):
    return {"version": "1.1", "data": [{"title": "t", "paragraphs": [{"context": context, "qas": list(questions)}]}], **more}


def text_of(document):
    return json.dumps(document, ensure_ascii=False).encode()


def plain(*arguments, **keywords):
    return text_of(squad(*arguments, **keywords))


def changed(change):
    document = squad(question([answer("$10.5")]))
    paragraph = document["data"][0]["paragraphs"][0]
    change(document, paragraph, paragraph["qas"][0])
    return text_of(document)


def without(level, key):
    return changed(lambda *levels: levels[level].pop(key))


def replaced(level, key, value):
    return changed(lambda *levels: levels[level].__setitem__(key, value))


def scored(predictions, odds=None, data=None):
    parts = [data or plain(question([answer("$10.5")]), question([], "q2", is_impossible=True), version="v2.0"), predictions]
    return b"\0".join(p if isinstance(p, bytes) else text_of(p) for p in parts + ([] if odds is None else [odds]))


ONE = plain(question([answer("$10.5")]))
LONG = " ".join(f"word{n} of the text" for n in range(60))
SQUAD = {
    "accept-v1": ONE,
    "accept-v2": plain(question([answer("1895")], is_impossible=False), question([], "q2", is_impossible=True)),
    "accept-answers-of-many-kinds": plain(*[question([answer(t)], f"q{n}") for n, t in enumerate(
        ["1895", "1895-1943", "\u00c9cole", "\U0001f600 cost", "10.5", "(twice)", "why.", CONTEXT])]),
    "accept-several-answers": plain(question([answer("$10.5"), answer("10.5"), answer("the")])),
    "accept-empty-answer-text": plain(question([answer("", 0)])),
    "accept-many-windows": plain(question([answer("word40", context=LONG)], text="a long question " * 20), context=LONG),
    "accept-offset-negative": plain(question([answer("$10.5", -1)])),
    "accept-offset-past-the-end": plain(question([answer("$10.5", 1000)])),
    "accept-offset-at-the-end": plain(question([answer("", len(CONTEXT))])),
    "accept-offset-of-nothing-past-the-end": plain(question([answer("", len(CONTEXT) + 1)])),
    "accept-offset-in-bytes": plain(question([answer("$10.5", len(CONTEXT[:CONTEXT.index("$")].encode()))])),
    "accept-offset-in-utf16": plain(question([answer("$10.5", len(CONTEXT[:CONTEXT.index("$")].encode("utf-16-le")) // 2)])),
    "accept-offset-other-text": plain(question([answer("$10.6", 5)])),
    "accept-question-empty": plain(question([answer("$10.5")], text="")),
    "accept-controls-in-context": plain(question([answer("\x00b", 1, None)]), context="a\x00b \u200b\ufeff c\u0301"),
    "accept-answer-without-tokens": plain(question([answer("\u200b", 3, None)]), context="ab \u200b"),
    "accept-answer-of-spaces": plain(question([answer("  ", 1, None)]), context="a  b"),
    "accept-context-of-narrow-spaces": plain(question([answer("\u202f", 0, None)]), context="\u202f\u202f"),
    "accept-final-sigma": plain(question([answer("\u039f\u03a3", 0, None)]), context="\u039f\u03a3 \u0130 \u1e9e"),
    "accept-predictions": scored({"q1": "10.5", "q2": ""}),
    "accept-predictions-missing-and-unknown": scored({"q3": "the"}),
    "accept-null-odds": scored({"q1": "10.5", "q2": "a"}, {"q1": -1.5, "q2": 3, "q9": 0}),
    "accept-null-odds-huge": scored({"q1": "10.5"}, {"q1": 1.7e308, "q2": -1.7e308}),
    "refuse-empty": b"",
    "refuse-not-json": b"data: 1",
    "refuse-truncated": ONE[:-20],
    "refuse-byte-order-mark": b"\xef\xbb\xbf" + ONE,
    "refuse-utf16": ONE.decode().encode("utf-16"),
    "refuse-utf16-without-mark": ONE.decode().encode("utf-16-le"),
    "refuse-not-utf8": ONE.replace(b"nobody", b"n\xffbody"),
    "refuse-lone-surrogate": ONE.replace(b"nobody", b"n\\ud800body"),
    "refuse-duplicate-key": ONE.replace(b'"id"', b'"id": "q0", "id"'),
    "refuse-list-at-top": b"[" + ONE + b"]",
    "refuse-data-object": text_of({"data": {}}),
    "refuse-no-question": text_of({"data": []}),
    "refuse-no-data": without(0, "data"),
    "refuse-no-paragraphs": text_of({"data": [{"title": "t"}]}),
    "refuse-no-context": without(1, "context"),
    "refuse-no-qas": without(1, "qas"),
    "refuse-no-id": without(2, "id"),
    "refuse-no-question-text": without(2, "question"),
    "refuse-no-answers": without(2, "answers"),
    "refuse-no-answer-start": replaced(2, "answers", [{"text": "a"}]),
    "refuse-no-answer-text": replaced(2, "answers", [{"answer_start": 1}]),
    "refuse-context-number": replaced(1, "context", 1),
    "refuse-context-empty": replaced(1, "context", ""),
    "refuse-context-blank": replaced(1, "context", " \n\t"),
    "refuse-qas-text": replaced(1, "qas", "q"),
    "refuse-id-number": replaced(2, "id", 7),
    "refuse-id-empty": replaced(2, "id", ""),
    "refuse-id-twice": plain(question([answer("$10.5")]), question([answer("the")])),
    "refuse-id-twice-and-long": plain(question([answer("$10.5")], "i" * 1800), question([answer("the")], "i" * 1800)),
    "refuse-question-list": replaced(2, "question", ["a"]),
    "refuse-answers-empty": replaced(2, "answers", []),
    "refuse-answers-with-impossible": changed(lambda d, p, q: q.update(is_impossible=True)),
    "refuse-impossible-text": changed(lambda d, p, q: q.update(is_impossible="true")),
    "refuse-answer-text-null": replaced(2, "answers", [{"text": None, "answer_start": 1}]),
    "refuse-answer-start-text": replaced(2, "answers", [answer("$10.5", "1")]),
    "refuse-answer-start-fraction": replaced(2, "answers", [answer("$10.5", 1.5)]),
    "refuse-answer-start-2-63": replaced(2, "answers", [answer("$10.5", 1 << 63)]),
    "refuse-answer-start-long-list": replaced(2, "answers", [answer("$10.5", list(range(700)))]),
    "refuse-key-long-and-twice": ONE.replace(b'"id"', b'"' + b"k" * 1700 + b'": 1, "' + b"k" * 1700 + b'": 2, "id"'),
    "refuse-depth": b'{"data":' + b"[" * 2000 + b"]" * 2000 + b"}",
    "refuse-predictions-list": scored([]),
    "refuse-predictions-number": scored({"q1": 1}),
    "refuse-predictions-twice": scored(b'{"q1":"a","q1":"b"}'),
    "refuse-predictions-truncated": scored(b'{"q1":"a"'),
    "refuse-null-odds-text": scored({"q1": "a"}, {"q1": "1"}),
    "refuse-null-odds-overflow": scored({"q1": "a"}, b'{"q1":1e999}'),
}


# The length of an input chooses the tokenizer: what is accepted is tried with each.
SQUAD |= {f"{name}-{spaces}-spaces": content + b" " * spaces for name, content in list(SQUAD.items()) for spaces in (1, 2)
          if name.startswith("accept-") and b"\0" not in content}

for folder, rules in (("safetensors", SAFETENSORS), ("squad", SQUAD)):
    (CORPUS / folder).mkdir(parents=True, exist_ok=True)
    for name, content in rules.items():
        assert len(content) <= 4096, (folder, name, len(content))
        (CORPUS / folder / name).write_bytes(content)
    print(folder, len(rules), "rules")
