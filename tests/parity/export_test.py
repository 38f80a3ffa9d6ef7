# SPDX-License-Identifier: Apache-2.0
"""Exports random checkpoints and loads them with Hugging Face Transformers, without a network.

Usage: export_test.py LAMBERT EXPORT_FIXTURE
"""
import json
import os
import pathlib
import subprocess
import sys
import tempfile

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TRANSFORMERS_OFFLINE"] = "1"

import sentencepiece
import torch
from safetensors.torch import load_file
from transformers import AutoTokenizer, BertForPreTraining, BertForQuestionAnswering

LAMBERT, FIXTURE = sys.argv[1:3]
WORDS = "the quick brown fox jump ##s over lazy dog ##y un ##believ ##able cafe , . ! 5 ##0 Fox".split()
VOCABULARY = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"] + WORDS + list("abcdefghijklmnopqrstuvwxyz")
TEXT = [
    "The quick brown fox jumps over the lazy dog.",
    "Pack my box with five dozen liquor jugs, said the fox.",
    "A long text needs many words: some (rare) and some - common ones.",
    "Prices rose by 5.00 pounds. The café was closed, and nobody knew why!",
    "How quickly daft jumping zebras vex the lazy old sphinx of black quartz.",
]


def run(*arguments, code=0):
    result = subprocess.run([str(a) for a in arguments], capture_output=True, text=True)
    assert result.returncode == code, (arguments, result.returncode, result.stderr)
    return result


def export(folder, tokenizer, vocab_size, cased):
    run(FIXTURE, folder / "run", tokenizer, vocab_size, "1" if cased else "0")
    run(LAMBERT, "export", "hf", folder / "run", "--output", folder / "exported")
    assert not (folder / "exported.partial").exists()
    run(LAMBERT, "export", "hf", folder / "run", "--output", folder / "exported", code=2)
    return folder / "exported"


def check_weights(folder, exported):
    model, info = BertForPreTraining.from_pretrained(exported, output_loading_info=True)
    for kind in ("missing_keys", "unexpected_keys", "mismatched_keys"):
        assert not info[kind], (kind, info[kind])
    state = model.state_dict()
    ours = load_file(next((folder / "run").glob("checkpoint-*")) / "model.safetensors")
    for name, tensor in ours.items():
        assert torch.equal(state[name], tensor), name
    assert torch.equal(state["cls.predictions.decoder.weight"], ours["bert.embeddings.word_embeddings.weight"])
    assert torch.equal(state["cls.predictions.decoder.bias"], ours["cls.predictions.bias"])
    assert model.config.hidden_act == "gelu_new" and model.config.num_attention_heads == 4

    _, info = BertForQuestionAnswering.from_pretrained(exported, output_loading_info=True)
    assert sorted(info["missing_keys"]) == ["qa_outputs.bias", "qa_outputs.weight"], info["missing_keys"]
    assert sorted(p.name for p in exported.iterdir() if "optimizer" in p.name) == []


def check_special_tokens(tokenizer, pad):
    ids = tokenizer("fox", "dog")["input_ids"]
    assert ids[0] == tokenizer.cls_token_id and ids.count(tokenizer.sep_token_id) == 2, ids
    assert tokenizer.cls_token == "[CLS]" and tokenizer.mask_token == "[MASK]" and tokenizer.pad_token == pad
    assert tokenizer("fox", "dog")["token_type_ids"][-1] == 1
    assert tokenizer.model_max_length == 48


def test_wordpiece():
    for cased in (False, True):
        with tempfile.TemporaryDirectory() as name:
            folder = pathlib.Path(name)
            vocabulary = folder / "vocab.txt"
            vocabulary.write_text("\n".join(VOCABULARY) + "\n", encoding="utf-8")
            exported = export(folder, vocabulary, len(VOCABULARY), cased)
            check_weights(folder, exported)
            assert (exported / "vocab.txt").read_bytes() == vocabulary.read_bytes()
            tokenizer = AutoTokenizer.from_pretrained(exported)
            check_special_tokens(tokenizer, "[PAD]")
            tokens = tokenizer.tokenize("The Fox jumps, unbelievable café 50!")
            expected = ("[UNK] Fox jump ##s , un ##believ ##able [UNK] 5 ##0 !" if cased
                        else "the fox jump ##s , un ##believ ##able cafe 5 ##0 !").split()
            assert tokens == expected, tokens
            card = (exported / "README.md").read_text()
            assert card.startswith("---\nlibrary_name: transformers\n") and "Final sigma" in card
            assert json.loads((exported / "config.json").read_text())["architectures"] == ["BertForPreTraining"]


def test_sentencepiece():
    for kind in ("unigram", "bpe"):
        with tempfile.TemporaryDirectory() as name:
            folder = pathlib.Path(name)
            (folder / "text.txt").write_text("\n".join(TEXT * 20), encoding="utf-8")
            sentencepiece.SentencePieceTrainer.train(
                input=str(folder / "text.txt"), model_prefix=str(folder / "trained"), vocab_size=120,
                model_type=kind, byte_fallback=False, normalization_rule_name="nmt_nfkc_cf", pad_id=0, unk_id=1,
                bos_id=-1, eos_id=-1, control_symbols=["[CLS]", "[SEP]", "[MASK]"],
                user_defined_symbols=["(", ")", "-", "."], hard_vocab_limit=False, minloglevel=2)
            processor = sentencepiece.SentencePieceProcessor(model_file=str(folder / "trained.model"))
            exported = export(folder, folder / "trained.model", processor.vocab_size(), False)
            check_weights(folder, exported)
            assert (exported / "spiece.model").read_bytes() == (folder / "trained.model").read_bytes()
            tokenizer = AutoTokenizer.from_pretrained(exported)
            check_special_tokens(tokenizer, "<pad>")
            for text in TEXT + ["  two  spaces ", "Δ unknown ΔΔ letters", "(fox).-(dog)", "ＦＵＬＬ width"]:
                ours = tokenizer(text, add_special_tokens=False)["input_ids"]
                assert ours == processor.encode(text), (kind, text, tokenizer.convert_ids_to_tokens(ours),
                                                        processor.encode(text, out_type=str))
            assert "per grapheme" in (exported / "README.md").read_text()


def test_checkpoint_commands():
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        vocabulary = folder / "vocab.txt"
        vocabulary.write_text("\n".join(VOCABULARY) + "\n", encoding="utf-8")
        run(FIXTURE, folder / "run", vocabulary, len(VOCABULARY), "0")
        listed = json.loads(run(LAMBERT, "checkpoint", "verify", folder / "run", "--json").stdout)
        assert [entry["global_step"] for entry in listed] == [20] and listed[0]["valid"]
        with open(folder / "run/checkpoint-00000020/model.safetensors", "r+b") as file:
            file.seek(4000)
            file.write(b"\x55")
        damaged = run(LAMBERT, "checkpoint", "verify", folder / "run", code=4)
        assert "model.safetensors" in damaged.stdout
        run(LAMBERT, "export", "hf", folder / "run", "--output", folder / "exported", code=4)
        run(LAMBERT, "export", "hf", folder / "nothing", "--output", folder / "exported", code=4)
        run(LAMBERT, "checkpoint", "list", folder / "nothing", code=4)
        assert not (folder / "exported").exists()


if __name__ == "__main__":
    test_wordpiece()
    test_sentencepiece()
    test_checkpoint_commands()
    print("all exports load")
