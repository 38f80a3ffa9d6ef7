# SPDX-License-Identifier: Apache-2.0
"""Imports BERTs that Transformers saved, in every layout, and compares the last hidden states.

Usage: import_parity.py MODEL_LOGITS                  random tiny models
       import_parity.py MODEL_LOGITS FOLDER SQUAD     a real folder, on paragraphs of a SQuAD file
       ... [--paragraphs 200] [--table FILE]
"""
import argparse
import json
import os
import pathlib
import re
import subprocess
import tempfile

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TRANSFORMERS_OFFLINE"] = "1"

import torch
import transformers
from safetensors.torch import load_file, save_file
from transformers import AutoTokenizer, BertConfig, BertForPreTraining, BertForQuestionAnswering, BertModel

import parity_table

# Largest difference over the largest absolute value, fp32: rounding in another order.
TOLERANCE = 1e-5
BATCH = 25


def run_ours(program, folder, sequences, output):
    """Results of the program for the sequences, and the names that it reports."""
    inputs = {name: torch.tensor([value for sequence in sequences for value in sequence[name]], dtype=torch.int32)
              for name in ("input_ids", "token_type_ids")}
    inputs["lengths"] = torch.tensor([len(sequence["input_ids"]) for sequence in sequences], dtype=torch.int32)
    save_file(inputs, output.with_suffix(".inputs"))
    result = subprocess.run([program, folder, output.with_suffix(".inputs"), output], capture_output=True, text=True)
    assert result.returncode == 0, (folder, result.stderr)
    report = {kind: re.search(rf"{kind}, not in the \w+: (.*)", result.stderr) for kind in ("initialised", "ignored")}
    return load_file(output), {kind: found.group(1).split(", ") if found else [] for kind, found in report.items()}


@torch.no_grad()
def run_theirs(model, sequences):
    """Last hidden states of all tokens, one sequence after the other, and the model's other results."""
    longest = max(len(sequence["input_ids"]) for sequence in sequences)
    padded = {name: torch.tensor([sequence[name] + [0] * (longest - len(sequence[name])) for sequence in sequences])
              for name in ("input_ids", "token_type_ids")}
    is_token = torch.arange(longest) < torch.tensor([len(s["input_ids"]) for s in sequences]).unsqueeze(1)
    outputs = model(**padded, attention_mask=is_token.long(), output_hidden_states=True)
    results = {"hidden_states": outputs.hidden_states[-1][is_token]}
    if hasattr(outputs, "start_logits"):
        results["span_logits"] = torch.stack([outputs.start_logits, outputs.end_logits], dim=2)[is_token]
    if hasattr(outputs, "seq_relationship_logits"):
        results["nsp_logits"] = outputs.seq_relationship_logits
        results["mlm_logits"] = outputs.prediction_logits[0, :1]
    return results


def worst_difference(ours, theirs):
    worst = 0.0
    for name, expected in theirs.items():
        difference = ((ours[name] - expected).abs().max() / expected.abs().max()).item()
        assert difference <= TOLERANCE, (name, difference)
        worst = max(worst, difference)
    return worst


def random_sequences(config, count=12):
    lengths = torch.randint(2, config.max_position_embeddings + 1, (count,)).tolist()
    return [{"input_ids": torch.randint(0, config.vocab_size, (length,)).tolist(),
             "token_type_ids": [0] * (length // 2) + [1] * (length - length // 2)} for length in lengths]


def randomize(model):
    """No weight keeps the value it starts with: zero biases and LayerNorms of one would hide a mistake."""
    for parameter in model.parameters():
        parameter.data.add_(torch.randn_like(parameter) * 0.1)
    return model.eval()


def rewrite(folder, change):
    """Changes the names and tensors of the stored file."""
    tensors = load_file(folder / "model.safetensors")
    save_file(change(tensors), folder / "model.safetensors", metadata={"format": "pt"})


def without_prefix(tensors):
    return {name.removeprefix("bert."): tensor for name, tensor in tensors.items()}


def with_prefix(tensors):
    return {"bert." + name: tensor for name, tensor in tensors.items()}


def with_old_names(tensors):
    return {re.sub(r"LayerNorm\.bias$", "LayerNorm.beta", re.sub(r"LayerNorm\.weight$", "LayerNorm.gamma", name)):
            tensor for name, tensor in tensors.items()}


def with_position_table(tensors):
    return {**tensors, "embeddings.position_ids": torch.arange(40).unsqueeze(0)}


POOLER = ["bert.pooler.dense.weight", "bert.pooler.dense.bias"]
HEADS = ["cls.predictions.bias", "cls.predictions.transform.dense.weight", "cls.predictions.transform.dense.bias",
         "cls.predictions.transform.LayerNorm.weight", "cls.predictions.transform.LayerNorm.bias",
         "cls.seq_relationship.weight", "cls.seq_relationship.bias"]


def cases():
    """Name, class, arguments of save_pretrained, change of the file, stored type, names initialised and ignored."""
    yield "BertModel", BertModel, {}, None, None, HEADS, []
    yield "BertModel, prefixed", BertModel, {}, with_prefix, None, HEADS, []
    yield "BertModel, gamma and beta", BertModel, {}, with_old_names, None, HEADS, []
    yield "BertModel, position table", BertModel, {}, with_position_table, None, HEADS, ["embeddings.position_ids"]
    yield "BertModel, sharded", BertModel, {"max_shard_size": "30KB"}, None, None, HEADS, []
    yield "BertModel, fp16", BertModel, {}, None, torch.float16, HEADS, []
    yield "BertModel, bf16", BertModel, {}, None, torch.bfloat16, HEADS, []
    yield "BertModel without pooler", BertModel, {}, None, None, POOLER + HEADS, []
    yield "BertForPreTraining", BertForPreTraining, {}, None, None, [], []
    yield "BertForPreTraining, no prefix", BertForPreTraining, {}, without_prefix, None, [], []
    yield "BertForPreTraining, sharded", BertForPreTraining, {"max_shard_size": "30KB"}, None, None, [], []
    yield "BertForQuestionAnswering", BertForQuestionAnswering, {}, None, None, [], []
    yield "BertForQuestionAnswering, bf16", BertForQuestionAnswering, {}, None, torch.bfloat16, [], []


def compare_case(program, folder, case, activation):
    name, kind, save_options, change, dtype, initialised, ignored = case
    config = BertConfig(vocab_size=97, hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=48,
                        max_position_embeddings=40, hidden_act=activation)
    options = {"add_pooling_layer": False} if name.endswith("without pooler") else {}
    model = randomize(kind(config, **options)).to(dtype or torch.float32)
    model.save_pretrained(folder / "model", **save_options)
    is_sharded = (folder / "model/model.safetensors.index.json").exists()
    assert is_sharded == ("max_shard_size" in save_options), name
    if change:
        rewrite(folder / "model", change)
    sequences = random_sequences(config)
    ours, report = run_ours(program, folder / "model", sequences, folder / "ours.safetensors")
    assert report == {"initialised": initialised, "ignored": ignored}, (name, report)
    return worst_difference(ours, run_theirs(model.float(), sequences))


def compare_random_models(program, table):
    torch.manual_seed(1)
    worst = {}
    for activation in ("gelu", "gelu_new"):
        for case in cases():
            with tempfile.TemporaryDirectory() as folder:
                difference = compare_case(program, pathlib.Path(folder), case, activation)
                worst[case[0]] = max(worst.get(case[0], 0.0), difference)
    for name, difference in worst.items():
        print(f"  {name}: {difference:.1e}")
    table.add("import, tiny models: last hidden states and logits", f"Transformers {transformers.__version__}",
              f"{len(worst)} layouts, 2 activations", f"{max(worst.values()):.1e}", f"{TOLERANCE:.0e}")


def first_paragraphs(squad, count):
    """(question, paragraph) of the first paragraphs of the file."""
    with open(squad, encoding="utf-8") as file:
        articles = json.load(file)["data"]
    pairs = [(paragraph["qas"][0]["question"], paragraph["context"])
             for article in articles for paragraph in article["paragraphs"]]
    assert len(pairs) >= count, len(pairs)
    return pairs[:count]


def compare_real_model(program, source, squad, count, table):
    model = BertModel.from_pretrained(source, attn_implementation="eager").eval()
    tokenizer = AutoTokenizer.from_pretrained(source)
    limit = model.config.max_position_embeddings
    sequences = []
    for question, paragraph in first_paragraphs(squad, count):
        encoded = tokenizer(question, paragraph, truncation="only_second", max_length=limit, padding=False)
        sequences.append({name: encoded[name] for name in ("input_ids", "token_type_ids")})
    worst = 0.0
    with tempfile.TemporaryDirectory() as folder:
        for first in range(0, count, BATCH):
            batch = sequences[first:first + BATCH]
            ours, report = run_ours(program, source, batch, pathlib.Path(folder) / f"{first}.safetensors")
            worst = max(worst, worst_difference(ours, run_theirs(model, batch)))
    print(f"  initialised: {', '.join(report['initialised'])}\n  ignored: {', '.join(report['ignored'])}")
    tokens = sum(len(sequence["input_ids"]) for sequence in sequences)
    table.add(f"import, {model.config.num_hidden_layers} layers of {model.config.hidden_size}: last hidden states",
              f"Transformers {transformers.__version__}", f"{count} paragraphs, {tokens} tokens", f"{worst:.1e}",
              f"{TOLERANCE:.0e}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("folder", nargs="?")
    parser.add_argument("squad", nargs="?")
    parser.add_argument("--paragraphs", type=int, default=200)
    parser.add_argument("--table")
    options = parser.parse_args()
    table = parity_table.Table(options.table)
    if options.folder:
        compare_real_model(options.program, pathlib.Path(options.folder), options.squad, options.paragraphs, table)
    else:
        compare_random_models(options.program, table)


if __name__ == "__main__":
    main()
