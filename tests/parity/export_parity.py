# SPDX-License-Identifier: Apache-2.0
"""Trains small models on the bundled text with the real program, exports them, and compares with Transformers:
names of the tensors, logits of held-out batches, and ids of every line of the text.

Usage: export_parity.py LAMBERT MODEL_LOGITS [--table FILE]
"""
import collections
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unicodedata

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TRANSFORMERS_OFFLINE"] = "1"

import torch
import transformers
from safetensors.torch import load_file
from transformers import AutoTokenizer, BertForPreTraining, BertForQuestionAnswering

import parity_table

LAMBERT, MODEL_LOGITS = sys.argv[1:3]
SOURCE = pathlib.Path(__file__).resolve().parents[2]
SAMPLE = SOURCE / "data/sample"
FIXTURES = SOURCE / "tests/fixtures/tokenizer"

# Largest difference of logits over their largest absolute value, fp32: rounding in another order.
LOGIT_TOLERANCE = 1e-5

# Lines that hold what the export's README says Transformers does differently, beside the bundled text.
CRAFTED = {
    "final sigma": "ΟΔΥΣΣΕΥΣ ΚΑΙ ΣΟΦΟΣ",
    "long word": "a " + "tele" * 30 + " end",
    "special token": "before [MASK] and [SEP] after",
    "combining mark": "cafe\u0301 A\u030a\u0323 \u1100\u1161\u11a8",
}


def run(*arguments, text=None):
    result = subprocess.run([str(argument) for argument in arguments], input=text, capture_output=True)
    assert result.returncode == 0, (arguments, result.returncode, result.stderr.decode()[-2000:])
    return result.stdout


def write_config(folder, tokenizer_options, activation):
    for name, text in (("train", "training.txt"), ("held_out", "validation.txt")):
        if not (folder / name).exists():
            run(LAMBERT, "prepare", *tokenizer_options, "--max-seq-length", 64, "--output", folder / name, SAMPLE / text)
    config = folder / f"{activation}.yaml"
    config.write_text(f"""
output_dir: {folder}/run-{activation}
model: {{hidden_size: 64, num_hidden_layers: 3, num_attention_heads: 4, intermediate_size: 160, hidden_act: {activation},
        max_position_embeddings: 80}}
phases:
  - {{name: only, data: {folder}/train, max_seq_length: 64, max_predictions_per_seq: 10, global_train_batch_size: 16,
     per_device_train_batch_size: 16, max_steps: 30, learning_rate: 1.0e-2, warmup_steps: 5}}
evaluation: {{data: {folder}/held_out, eval_steps: 30, max_eval_samples: 64}}
""")
    return config


def train_and_export(folder, tokenizer_options, activation="gelu"):
    config = write_config(folder, tokenizer_options, activation)
    run(LAMBERT, "train", config)
    exported = folder / f"exported-{activation}"
    run(LAMBERT, "export", "hf", folder / f"run-{activation}", "--output", exported)
    return config, folder / f"run-{activation}" / "checkpoint-00000030", exported


def check_model(folder, config, checkpoint, exported, activation):
    model, info = BertForPreTraining.from_pretrained(exported, output_loading_info=True)
    for kind in ("missing_keys", "unexpected_keys", "mismatched_keys"):
        assert not info[kind], (kind, info[kind])
    assert model.config.hidden_act == activation and model.config.layer_norm_eps == 1e-12
    assert model.config.max_position_embeddings == 80 and model.config.intermediate_size == 160
    _, info = BertForQuestionAnswering.from_pretrained(exported, output_loading_info=True)
    assert sorted(info["missing_keys"]) == ["qa_outputs.bias", "qa_outputs.weight"], info["missing_keys"]
    run(MODEL_LOGITS, config, checkpoint, folder / f"logits-{activation}.safetensors")
    return worst_logit_difference(model.eval(), load_file(folder / f"logits-{activation}.safetensors"))


@torch.no_grad()
def worst_logit_difference(model, ours):
    is_token = torch.arange(int(ours["lengths"].max())) < ours["lengths"].unsqueeze(1)
    count = int(is_token.sum())  # rows after these round up
    assert count < is_token.numel() and ours["token_type_ids"].max() == 1, "padding and two segments are compared"
    padded = {name: torch.zeros(is_token.shape, dtype=torch.long).masked_scatter(is_token, ours[name][:count].long())
              for name in ("input_ids", "token_type_ids")}
    theirs = model(**padded, attention_mask=is_token.long())
    at_masks = theirs.prediction_logits[is_token][ours["masked_positions"]]
    differences = [((found - expected).abs().max() / expected.abs().max()).item()
                   for found, expected in ((ours["mlm_logits"], at_masks),
                                           (ours["nsp_logits"], theirs.seq_relationship_logits))]
    assert max(differences) <= LOGIT_TOLERANCE, differences
    return max(differences)


def reason_to_differ(line, is_wordpiece):
    """The difference that the export's README announces for this line, or None."""
    if re.search(r"\[(PAD|UNK|CLS|SEP|MASK)\]", line):
        return "special token"
    if is_wordpiece:
        if any(len(word) > 100 for word in line.split()):
            return "long word"
        return "final sigma" if "Σ" in line else None
    marked = unicodedata.normalize("NFC", line) != line or any(unicodedata.combining(c) for c in line)
    return "combining mark" if marked else None


def compare_tokenizers(folder, tokenizer_options, exported):
    """Lines compared, tokens compared, differing lines by reason."""
    lines = (SAMPLE / "training.txt").read_text().split("\n") + (SAMPLE / "validation.txt").read_text().split("\n")
    lines += CRAFTED.values()
    text = "".join(line + "\n" for line in lines).encode()
    ours = run(LAMBERT, "tokenize", *tokenizer_options, text=text).decode().split("\n")[:-1]
    assert len(ours) == len(lines), (len(ours), len(lines))
    tokenizer = AutoTokenizer.from_pretrained(exported)
    is_wordpiece = (exported / "vocab.txt").exists()
    differing = collections.Counter()
    tokens = 0
    for line, our_ids in zip(lines, ours):
        our_ids = [int(number) for number in our_ids.split()]
        tokens += len(our_ids)
        if tokenizer(line, add_special_tokens=False)["input_ids"] != our_ids:
            reason = reason_to_differ(line, is_wordpiece)
            assert reason, f"an undocumented difference: {line!r}\n{our_ids}"
            differing[reason] += 1
    return len(lines), tokens, differing


def check_readme(exported, expected_words):
    card = (exported / "README.md").read_text()
    for word in expected_words:
        assert word in card, word
    snippet = re.search(r"```python\n(.*?)```", card, re.S).group(1).replace("this-folder", str(exported))
    names = {}
    exec(snippet, names)  # noqa: S102 - the snippet of the README is what is tested
    assert names["model"].config.vocab_size == len(names["tokenizer"])
    assert json.loads((exported / "config.json").read_text())["vocab_size"] == len(names["tokenizer"])


CASES = [
    ("WordPiece, uncased", ["--tokenizer", FIXTURES / "bert-base-uncased-vocab.txt"], ["gelu", "gelu_new"],
     ["Final sigma", "101 to 200", "[MASK]"]),
    ("WordPiece, cased", ["--tokenizer", FIXTURES / "bert-base-cased-vocab.txt", "--cased"], ["gelu_new"],
     ["101 to 200", "[MASK]"]),
    ("sentencepiece, unigram", ["--tokenizer", FIXTURES / "sp-unigram-uncased-16k.model"], ["gelu"],
     ["per grapheme", "[MASK]"]),
    ("sentencepiece, BPE", ["--tokenizer", "trained"], ["gelu_new"], ["per grapheme", "[MASK]"]),
]


def main():
    table = parity_table.Table(sys.argv[4] if sys.argv[3:4] == ["--table"] else None)
    reference = f"Transformers {transformers.__version__}"
    for name, tokenizer_options, activations, words in CASES:
        with tempfile.TemporaryDirectory() as temporary:
            folder = pathlib.Path(temporary)
            if tokenizer_options[1] == "trained":
                tokenizer_options[1] = folder / "vocab"
                run(LAMBERT, "vocab", "train", "--type", "bpe", "--cased", "--size", 2000, "--output", folder / "vocab",
                    SAMPLE / "training.txt")
            for activation in activations:
                config, checkpoint, exported = train_and_export(folder, tokenizer_options, activation)
                worst = check_model(folder, config, checkpoint, exported, activation)
                table.add(f"export, {name}, {activation}: logits", reference, "64 sequences", f"{worst:.1e}",
                          f"{LOGIT_TOLERANCE:.0e}")
            lines, tokens, differing = compare_tokenizers(folder, tokenizer_options, exported)
            table.add(f"export, {name}: ids of lines", reference, f"{lines} lines, {tokens} tokens",
                      f"{sum(differing.values())} differ", "documented classes")
            for reason, count in sorted(differing.items()):
                table.add_class(f"export, {name}", reason, count)
            check_readme(exported, words)


if __name__ == "__main__":
    main()
