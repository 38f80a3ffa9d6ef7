#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Fine-tuning of BertForQuestionAnswering in Transformers: the peer that `lambert squad train` is compared with.

It starts from a checkpoint of Lambert (so that the heads agree), cuts windows by its own rules (squad_rules.py), trains
with torch.optim.AdamW, and writes losses, seconds and predictions. The softmax runs over real tokens, as Lambert's.
Usage: squad_peer.py MODEL --train FILE --dev FILE --output DIR [options]; MODEL has config.json, model.safetensors,
vocab.txt."""
import argparse
import functools
import json
import pathlib
import random
import time

import torch
import transformers

import squad_rules


def load_questions(path, most):
    data = json.loads(pathlib.Path(path).read_text())
    questions = [(paragraph["context"], qa) for article in data["data"] for paragraph in article["paragraphs"]
                 for qa in paragraph["qas"]]
    return questions[:most] if most else questions


def make_batch(windows):
    length = max(len(w["input_ids"]) for w in windows)
    rows = {"input_ids": [], "token_type_ids": [], "attention_mask": []}
    for window in windows:
        ids, padding = window["input_ids"], [0] * (length - len(window["input_ids"]))
        rows["input_ids"].append(ids + padding)
        rows["token_type_ids"].append([int(i >= window["window_begin"]) for i in range(len(ids))] + padding)
        rows["attention_mask"].append([1] * len(ids) + padding)
    return {name: torch.tensor(values) for name, values in rows.items()}


def logits_of(model, windows):
    batch = make_batch(windows)
    output = model(**batch)
    outside = batch["attention_mask"] == 0
    return [x.float().masked_fill(outside, float("-inf")) for x in (output.start_logits, output.end_logits)]


def train(model, windows, options):
    decayed = [p for n, p in model.named_parameters() if not ("bias" in n or "LayerNorm" in n)]
    others = [p for n, p in model.named_parameters() if "bias" in n or "LayerNorm" in n]
    optimizer = torch.optim.AdamW([{"params": decayed, "weight_decay": 0.01}, {"params": others, "weight_decay": 0.0}],
                                  lr=options.learning_rate, eps=1e-6)
    steps_per_epoch = -(-len(windows) // options.batch)
    steps = int(options.epochs * steps_per_epoch)
    warmup = round(0.1 * steps)  # whole steps, as Lambert rounds a share
    records, cross_entropy = [], torch.nn.functional.cross_entropy
    model.train()
    for step in range(steps):
        began = time.perf_counter()
        epoch, place = divmod(step, steps_per_epoch)
        if place == 0:
            order = list(range(len(windows)))
            if options.shuffle:
                random.Random(options.seed * 1000 + epoch).shuffle(order)
        chosen = [windows[i] for i in order[place * options.batch:(place + 1) * options.batch]]
        starts, ends = logits_of(model, chosen)
        loss = (cross_entropy(starts, torch.tensor([w["start_position"] for w in chosen]))
                + cross_entropy(ends, torch.tensor([w["end_position"] for w in chosen]))) / 2
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        rate = (step + 1) / warmup if step < warmup else 1 - step / steps
        for group in optimizer.param_groups:
            group["lr"] = options.learning_rate * rate
        optimizer.step()
        records.append({"step": step + 1, "loss": loss.item(), "seconds": time.perf_counter() - began})
    return records


def answer(model, questions, features, rules, options):
    model.eval()
    flat = [(index, window) for index, windows in enumerate(features) for window in windows]
    logits = [[] for _ in features]
    with torch.no_grad():
        for first in range(0, len(flat), 32):
            part = flat[first:first + 32]
            starts, ends = logits_of(model, [window for _, window in part])
            for (index, window), start, end in zip(part, starts, ends):
                length = len(window["input_ids"])
                logits[index].append((start[:length].tolist(), end[:length].tolist()))
    predictions = {}
    for (context, qa), windows, of_windows in zip(questions, features, logits):
        text, _, _ = squad_rules.extract(windows, of_windows, functools.partial(rules.answer_text, context), "1.1", 20, 30)
        predictions[qa["id"]] = text
    return predictions


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("model")
    parser.add_argument("--train", nargs="+", required=True)
    parser.add_argument("--dev", required=True)
    parser.add_argument("--output", required=True)
    parser.add_argument("--train-questions", type=int, default=0)
    parser.add_argument("--dev-questions", type=int, default=0)
    parser.add_argument("--max-seq-length", type=int, default=256)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--epochs", type=float, default=2)
    parser.add_argument("--learning-rate", type=float, default=5e-5)
    parser.add_argument("--dropout", type=float, default=0.1)
    parser.add_argument("--shuffle", action="store_true")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    torch.manual_seed(options.seed)
    rules = squad_rules.WordPieceFeatures(pathlib.Path(options.model) / "vocab.txt", options.max_seq_length)
    model = transformers.BertForQuestionAnswering.from_pretrained(
        options.model, dtype=torch.float32, hidden_dropout_prob=options.dropout, attention_probs_dropout_prob=options.dropout)
    training = [q for path in options.train for q in load_questions(path, 0)]
    training = training[:options.train_questions] if options.train_questions else training
    windows = [w for context, qa in training for w in rules.of_question(context, qa["question"], qa["answers"][0])]
    records = train(model, windows, options)
    questions = load_questions(options.dev, options.dev_questions)
    features = [rules.of_question(context, qa["question"]) for context, qa in questions]
    began = time.perf_counter()
    predictions = answer(model, questions, features, rules, options)
    answered = time.perf_counter() - began
    folder = pathlib.Path(options.output)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "predictions.json").write_text(json.dumps(predictions))
    dev = {"data": [{"paragraphs": [{"context": c, "qas": [q]} for c, q in questions]}]}
    result = squad_rules.score(dev, predictions, "1.1")
    seconds = sorted(r["seconds"] for r in records)
    result.update(windows=len(windows), steps=len(records), seconds_per_step=seconds[len(seconds) // 2],
                  answer_seconds=answered, losses=[r["loss"] for r in records],
                  seconds=[r["seconds"] for r in records])
    (folder / "result.json").write_text(json.dumps(result))
    print(json.dumps({k: v for k, v in result.items() if k not in ("losses", "seconds")}))


if __name__ == "__main__":
    main()
