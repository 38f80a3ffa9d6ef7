# SPDX-License-Identifier: Apache-2.0
"""Exports random checkpoints, loads them with Hugging Face Transformers, without a network, and damages them: both
verifiers must say what is wrong.

Usage: export_test.py LAMBERT EXPORT_FIXTURE
"""
import contextlib
import hashlib
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import warnings

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TRANSFORMERS_OFFLINE"] = "1"

import sentencepiece
import torch
from safetensors.torch import load_file
from transformers import AutoTokenizer, BertConfig, BertForPreTraining, BertForQuestionAnswering, BertModel
from transformers.utils import logging

LAMBERT, FIXTURE = sys.argv[1:3]
sys.path.append(str(pathlib.Path(__file__).resolve().parents[2] / "scripts"))
import verify_export

PRETRAINING, QUESTION_ANSWERING = "BertForPreTraining", "BertForQuestionAnswering"
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


def export(folder, tokenizer, vocab_size, cased, architecture=PRETRAINING, activation="gelu_new"):
    run(FIXTURE, folder / "run", tokenizer, vocab_size, "1" if cased else "0", architecture, activation)
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


def check_verifiers(exported):
    """Both accept the folder and report every head."""
    heads = {f"logits {head}" for head in (("start", "end") if is_question_answering(exported) else ("mlm", "nsp"))}
    table = dict(verify_export.verify(exported))
    assert {name for name in table if name.startswith("logits")} == heads, table
    ours = run(LAMBERT, "export", "verify", exported).stdout
    assert all(f"{head} " in ours for head in heads) and ours.count("equal bit for bit") == 2, ours
    report = json.loads(run(LAMBERT, "export", "verify", exported, "--json").stdout)
    assert report == {"files": 6, "logit_differences": {head.split()[1]: 0.0 for head in heads}}, report


def is_question_answering(exported):
    return json.loads((exported / "config.json").read_text())["architectures"] == [QUESTION_ANSWERING]


def expect_refused(folder, file, reason=""):
    """Both verifiers name the file."""
    message = run(LAMBERT, "export", "verify", folder, code=3).stderr
    assert f": {file}: " in message and reason in message, message
    try:
        verify_export.verify(folder)
    except verify_export.Damaged as damage:
        assert str(damage).startswith(f"{file}: ") and reason in str(damage), damage
    else:
        raise AssertionError(f"verify_export.py accepts {folder} with damaged {file}")


@contextlib.contextmanager
def changed_copy(exported):
    with tempfile.TemporaryDirectory() as name:
        yield pathlib.Path(shutil.copytree(exported, pathlib.Path(name) / "copy"))


def sign(certificate, folder):
    """Writes the certificate with its own hash, as somebody would who means harm."""
    head = json.dumps(certificate)[:-1].encode() + b",\n"
    with open(folder / "certificate.json", "wb") as file:
        file.write(head + b'  "self_sha256": "' + hashlib.sha256(head).hexdigest().encode() + b'"\n}\n')


def certificate_of(folder):
    certificate = json.loads((folder / "certificate.json").read_text())
    del certificate["self_sha256"]
    return certificate


def exports(folder):
    """One of every head and activation, of the same weights."""
    vocabulary = folder / "vocab.txt"
    vocabulary.write_text("\n".join(VOCABULARY) + "\n", encoding="utf-8")
    for architecture in (PRETRAINING, QUESTION_ANSWERING):
        for activation in ("gelu", "gelu_new"):
            case = folder / f"{architecture}-{activation}"
            case.mkdir()
            yield export(case, vocabulary, len(VOCABULARY), False, architecture, activation)


def test_certificate():
    with tempfile.TemporaryDirectory() as name:
        every = list(exports(pathlib.Path(name)))
        for exported in every:
            check_verifiers(exported)
        for exported in every[::2]:
            check_flipped_bits(exported)
        for first, second in (every[:2], every[2:]):
            check_foreign_certificates(first, second)
        check_surplus_and_missing_files(every[0])
        script = pathlib.Path(verify_export.__file__)
        assert "every SHA-256" in run(sys.executable, script, every[0]).stdout
        (every[0] / "vocab.txt").unlink()
        assert "vocab.txt: missing" in run(sys.executable, script, every[0], code=1).stderr
        run(sys.executable, script, code=2)


def check_flipped_bits(exported):
    names = sorted(path.name for path in exported.iterdir())
    assert names == ["README.md", "certificate.json", "config.json", "model.safetensors", "tokenizer.json",
                     "tokenizer_config.json", "vocab.txt"], names
    for name in names:
        size = (exported / name).stat().st_size
        for position in (0, size // 2, size - 1):
            with changed_copy(exported) as copy:
                content = bytearray((copy / name).read_bytes())
                content[position] ^= 1 << position % 7
                (copy / name).write_bytes(content)
                expect_refused(copy, name)


def check_foreign_certificates(first, second):
    """Weights and sizes are the same, the activations are not."""
    with changed_copy(first) as copy:
        shutil.copy(second / "certificate.json", copy)
        expect_refused(copy, "README.md", "SHA-256")
        sign(certificate_of(second) | {"files": certificate_of(first)["files"]}, copy)
        expect_refused(copy, "model.safetensors", "differ from the certificate's by")
        sign(certificate_of(first), copy)
        check_verifiers(copy)


def check_surplus_and_missing_files(exported):
    with changed_copy(exported) as copy:
        (copy / ".gitattributes").touch()
        check_verifiers(copy)
        (copy / "adapter_config.json").write_text("{}")
        expect_refused(copy, "adapter_config.json", "not in the certificate")
        (copy / "adapter_config.json").unlink()
        (copy / "tokenizer.json").unlink()
        expect_refused(copy, "tokenizer.json", "missing")
        (copy / "certificate.json").write_text("{}\n")
        expect_refused(copy, "certificate.json", "hash of its own text")


class Warnings(list):
    """What Transformers and Python warn of while it is open."""

    def __enter__(self):
        self.handler = logging.logging.Handler(logging.WARNING)
        self.handler.emit = lambda record: self.append(record.getMessage())
        logging.add_handler(self.handler)
        self.python = warnings.catch_warnings(record=True)
        self.caught = self.python.__enter__()
        return self

    def __exit__(self, *error):
        self.extend(str(warning.message) for warning in self.caught)
        self.python.__exit__(*error)
        logging.remove_handler(self.handler)


def squad_file(path):
    """Two questions about one paragraph of known words."""
    context = "the lazy dog jumps over the quick brown fox , unbelievable ."
    questions = [{"id": str(number), "question": f"the {word} ?",
                  "answers": [{"text": answer, "answer_start": context.index(answer)}]}
                 for number, (word, answer) in enumerate([("fox", "quick brown"), ("dog", "lazy")])]
    path.write_text(json.dumps({"version": "1.1", "data": [{"title": "a", "paragraphs": [
        {"context": context, "qas": questions}]}]}))


def test_fine_tuned_model_answers_a_question():
    """From an encoder of Transformers through fine-tuning and export back to Transformers."""
    with tempfile.TemporaryDirectory() as name, Warnings() as warned:
        folder = pathlib.Path(name)
        BertModel(BertConfig(vocab_size=len(VOCABULARY), hidden_size=32, num_hidden_layers=1, num_attention_heads=2,
                             intermediate_size=64, max_position_embeddings=48)).save_pretrained(folder / "encoder")
        (folder / "encoder/vocab.txt").write_text("\n".join(VOCABULARY) + "\n", encoding="utf-8")
        squad_file(folder / "train.json")
        (folder / "squad.yaml").write_text(f"{{output_dir: {folder}/run, init_from: {folder}/encoder, "
                                           f"train: {folder}/train.json, max_seq_length: 40, doc_stride: 16, "
                                           "max_query_length: 8, per_device_train_batch_size: 2}\n")
        run(LAMBERT, "squad", "train", folder / "squad.yaml")
        run(LAMBERT, "export", "hf", folder / "run/seed-42", "--output", folder / "exported")
        check_verifiers(folder / "exported")
        card = (folder / "exported/README.md").read_text()
        code = re.search(r"```python\n(.*?)```", card, re.S).group(1).replace("this-folder", str(folder / "exported"))
        code = code.replace("Who wrote the book?", "the fox?").replace(
            "The book was written by Mary Shelley in 1818.", "the lazy dog jumps over the quick brown fox.")
        names = {}
        exec(code, names)  # noqa: S102 - the snippet of the README is what is tested
        assert type(names["model"]).__name__ == QUESTION_ANSWERING and isinstance(names["answer"], str)
        assert not warned, warned
        _, info = BertForQuestionAnswering.from_pretrained(folder / "exported", output_loading_info=True)
        assert not any(info.values()), info


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
            check_verifiers(exported)
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
        run(FIXTURE, folder / "run", vocabulary, len(VOCABULARY), "0", PRETRAINING, "gelu")
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
    test_certificate()
    test_fine_tuned_model_answers_a_question()
    print("all exports load")
