# SPDX-License-Identifier: Apache-2.0
"""lambert import tf on a checkpoint that TensorFlow wrote: every tensor, hidden states of Transformers against a forward
pass by hand, import into Lambert, and every damaged or unfitting file.

Usage: import_tf_test.py LAMBERT SOURCE_DIRECTORY"""
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import venv

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TRANSFORMERS_OFFLINE"] = "1"

import numpy
import torch
from safetensors.numpy import load_file
from transformers import AutoTokenizer, BertForPreTraining

LAMBERT, SOURCE = sys.argv[1], pathlib.Path(sys.argv[2])
FIXTURE = SOURCE / "tests/fixtures/tf_checkpoint"
EXPECTED = dict(numpy.load(FIXTURE / "expected.npz"))
sys.path.insert(0, str(SOURCE / "scripts"))
import tensorflow_checkpoint

DATA_FILE = "bert_model.ckpt.data-00000-of-00001"
HIDDEN_TOLERANCE = 1e-5  # fp32 against fp64


def convert(folder, output, *options, code=0, python=sys.executable):
    """stdout and stderr of the command on the files of a folder."""
    command = [LAMBERT, "import", "tf", folder / "bert_model.ckpt", folder / "bert_config.json", folder / "vocab.txt",
               "--output", output, "--python", python, *(options or ("--gelu", "tanh"))]
    result = subprocess.run([str(word) for word in command], capture_output=True, text=True)
    assert result.returncode == code, (options, result.returncode, result.stderr)
    assert (code == 0) == output.exists() and not output.with_name(output.name + ".partial").exists(), result.stderr
    return result.stdout, result.stderr


# ------------------------------------------------------------------------------------------------ the network by hand

def dense(name, values):
    return values @ EXPECTED[f"{name}/kernel"].astype(numpy.float64) + EXPECTED[f"{name}/bias"]


def norm(name, values):
    centred = values - values.mean(-1, keepdims=True)
    scaled = centred / numpy.sqrt((centred**2).mean(-1, keepdims=True) + 1e-12)
    return scaled * EXPECTED[f"{name}/gamma"] + EXPECTED[f"{name}/beta"]


def gelu(values, form):
    if form == "tanh":
        return 0.5 * values * (1 + numpy.tanh(numpy.sqrt(2 / numpy.pi) * (values + 0.044715 * values**3)))
    return 0.5 * values * (1 + torch.erf(torch.from_numpy(values / numpy.sqrt(2))).numpy())


def softmax(values):
    powers = numpy.exp(values - values.max(-1, keepdims=True))
    return powers / powers.sum(-1, keepdims=True)


def forward(ids, types, form, heads=2):
    """Hidden states after the embeddings and every layer, (S, H) each, and both heads' logits, of one sequence; as the
    paper and google-research/bert have it, with Google's names and its kernels of (inputs, outputs)."""
    at = "bert/embeddings"
    states = [norm(f"{at}/LayerNorm", EXPECTED[f"{at}/word_embeddings"][ids].astype(numpy.float64) +
                   EXPECTED[f"{at}/token_type_embeddings"][types] + EXPECTED[f"{at}/position_embeddings"][:len(ids)])]
    for layer in range(2):
        at, x = f"bert/encoder/layer_{layer}", states[-1]
        query, key, value = (dense(f"{at}/attention/self/{part}", x).reshape(len(ids), heads, -1).transpose(1, 0, 2)
                             for part in ("query", "key", "value"))
        weights = softmax(query @ key.transpose(0, 2, 1) / numpy.sqrt(query.shape[-1]))
        mixed = (weights @ value).transpose(1, 0, 2).reshape(len(ids), -1)
        x = norm(f"{at}/attention/output/LayerNorm", x + dense(f"{at}/attention/output/dense", mixed))
        inner = gelu(dense(f"{at}/intermediate/dense", x), form)
        states.append(norm(f"{at}/output/LayerNorm", x + dense(f"{at}/output/dense", inner)))
    at = "cls/predictions"
    words = norm(f"{at}/transform/LayerNorm", gelu(dense(f"{at}/transform/dense", states[-1]), form))
    word_logits = words @ EXPECTED["bert/embeddings/word_embeddings"].T + EXPECTED[f"{at}/output_bias"]
    pooled = numpy.tanh(dense("bert/pooler/dense", states[-1][0]))
    pair_logits = pooled @ EXPECTED["cls/seq_relationship/output_weights"].T + EXPECTED["cls/seq_relationship/output_bias"]
    return states, word_logits, pair_logits


# ------------------------------------------------------------------------------------------------ tests

def test_every_tensor_is_converted(folder):
    _, said = convert(FIXTURE, folder / "bert")
    assert "loaded=46 missing=0 left_out=93" in said and "92 (adam_m and adam_v)" in said and "global_step" in said, said
    tensors = load_file(folder / "bert/model.safetensors")
    assert len(tensors) == len(EXPECTED) == 46
    for name, values in EXPECTED.items():
        target = name.replace("/", ".").replace("layer_", "layer.").replace("gamma", "weight").replace("beta", "bias")
        target = target.replace("output_weights", "weight").replace("output_bias", "bias").replace("kernel", "weight")
        target += ".weight" if target.endswith("_embeddings") else ""
        wanted = values.T if name.endswith("kernel") else values
        assert numpy.array_equal(tensors[target], wanted), name
    assert (folder / "bert/vocab.txt").read_bytes() == (FIXTURE / "vocab.txt").read_bytes()


def test_transformers_computes_what_the_checkpoint_means(folder):
    for form, activation in (("tanh", "gelu_new"), ("erf", "gelu")):
        convert(FIXTURE, folder / form, "--gelu", form)
        model, info = BertForPreTraining.from_pretrained(folder / form, output_loading_info=True)
        for kind in ("missing_keys", "unexpected_keys", "mismatched_keys"):
            assert not info[kind], (kind, info[kind])
        assert model.config.hidden_act == activation and model.config.layer_norm_eps == 1e-12
        tokenizer = AutoTokenizer.from_pretrained(folder / form)
        batch = tokenizer("The ants walked to a tree.", "What is it?", return_tensors="pt")
        assert tokenizer.convert_ids_to_tokens(batch["input_ids"][0])[:4] == ["[CLS]", "the", "an", "##t"]
        with torch.no_grad():
            found = model.eval()(**batch, output_hidden_states=True)
        states, word_logits, pair_logits = forward(batch["input_ids"][0].numpy(), batch["token_type_ids"][0].numpy(), form)
        pairs = list(zip(found.hidden_states, states)) + [(found.prediction_logits, word_logits),
                                                          (found.seq_relationship_logits, pair_logits)]
        assert len(pairs) == 5
        for ours, wanted in pairs:
            difference = numpy.abs(ours[0].numpy() - wanted).max() / numpy.abs(wanted).max()
            assert difference < HIDDEN_TOLERANCE, (form, difference)
        other = forward(batch["input_ids"][0].numpy(), batch["token_type_ids"][0].numpy(), "erf" if form == "tanh" else "tanh")
        assert numpy.abs(other[0][-1] - states[-1]).max() > 1e-4, "the two forms can be told apart"


def test_lambert_starts_from_it(folder):
    convert(FIXTURE, folder / "bert")
    question = {"id": "1", "question": "what", "answers": [{"text": "tree", "answer_start": 2}]}
    (folder / "train.json").write_text(json.dumps({"data": [{"paragraphs": [{"context": "a tree", "qas": [question]}]}]}))
    (folder / "squad.yaml").write_text(f"""
output_dir: {folder}/run
init_from: {folder}/bert
train: {folder}/train.json
max_seq_length: 32
max_query_length: 8
per_device_train_batch_size: 1
num_train_epochs: 1
threads_per_rank: 1
""")
    result = subprocess.run([LAMBERT, "squad", "train", folder / "squad.yaml"], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    assert "loaded=37 initialised=2 ignored=9" in result.stderr, result.stderr


def test_only_heads_may_be_missing(folder):
    checkpoint = tensorflow_checkpoint.TensorFlowCheckpoint(FIXTURE / "bert_model.ckpt")
    import import_tf
    config = import_tf.read_config(FIXTURE / "bert_config.json")
    entries = dict(checkpoint.entries)
    checkpoint.entries = {name: entry for name, entry in entries.items() if not name.startswith("cls/")}
    tensors, missing, slots, others = import_tf.read_tensors(checkpoint, config)
    assert len(tensors) == 39 and len(missing) == 7 and len(slots) == 78 and others == ["global_step"]
    for change in (lambda e: e.pop("bert/encoder/layer_1/output/dense/kernel"),
                   lambda e: e.update({"bert/encoder/layer_2/output/dense/kernel": e["bert/pooler/dense/kernel"]})):
        checkpoint.entries = dict(entries)
        change(checkpoint.entries)
        try:
            import_tf.read_tensors(checkpoint, config)
        except import_tf.Refusal as refusal:
            assert "/output/dense/kernel" in refusal.args[1]
        else:
            raise AssertionError("a foreign checkpoint was taken")


def refuse(folder, name, change, expected, code=3, options=()):
    """change(files): damages a copy of the fixture. The message must have all of expected, and name the file."""
    files = folder / name
    shutil.copytree(FIXTURE, files)
    change(files)
    _, said = convert(files, folder / f"{name}-out", *options, code=code)
    for part in expected:
        assert part in said, (name, part, said)


def rewrite(name, change):
    def apply(files):
        content = bytearray((files / name).read_bytes())
        (files / name).write_bytes(change(content))
    return apply


def flip(content, at):
    content[at] ^= 1
    return content


def edit_config(**changes):
    def apply(files):
        config = json.loads((files / "bert_config.json").read_text())
        config.update(changes)
        (files / "bert_config.json").write_text(json.dumps({k: v for k, v in config.items() if v is not None}))
    return apply


def test_damaged_files_are_named(folder):
    index = "bert_model.ckpt.index"
    for name, change, expected in (
            ("no-index", lambda f: (f / index).unlink(), ["bert_model.ckpt: there is no " + index]),
            ("format-v1", lambda f: (f / index).rename(f / "bert_model.ckpt"), ["bert_model.ckpt: it is in format V1"]),
            ("empty-index", rewrite(index, lambda c: b""), [index, "cut off"]),
            ("short-index", rewrite(index, lambda c: c[:2000]), [index, "cut off"]),
            ("middle-lost", rewrite(index, lambda c: c[:1000] + c[2000:]), [index]),
            ("index-bit", rewrite(index, lambda c: flip(c, 700)), [index, "wrong checksum of the block at byte 0"]),
            ("data-bit", rewrite(DATA_FILE, lambda c: flip(c, 5)), [DATA_FILE, "wrong checksum of the values of bert/"]),
            ("short-data", rewrite(DATA_FILE, lambda c: c[:20000]), [DATA_FILE, "ends before the values of"]),
            ("no-shard", lambda f: (f / DATA_FILE).unlink(), [DATA_FILE, "there is no such file"]),
            ("other-size", edit_config(hidden_size=16), [index, "has shape", "bert_config.json says"]),
            ("more-layers", edit_config(num_hidden_layers=3), [index, "it lacks bert/encoder/layer_2/"]),
            ("fewer-layers", edit_config(num_hidden_layers=1), [index, "unknown bert/encoder/layer_1/"]),
            ("no-key", edit_config(hidden_size=None), ["bert_config.json", "'hidden_size' is missing"]),
            ("bad-key", edit_config(num_attention_heads="2"), ["bert_config.json", "'num_attention_heads' is '2'"]),
            ("odd-heads", edit_config(num_attention_heads=3), ["bert_config.json", "not divisible"]),
            ("relu", edit_config(hidden_act="relu"), ["bert_config.json", "only gelu"]),
            ("no-json", rewrite("bert_config.json", lambda c: c[:50]), ["bert_config.json", "not JSON"]),
            ("no-config", lambda f: (f / "bert_config.json").unlink(), ["bert_config.json", "No such file"]),
            ("short-vocabulary", rewrite("vocab.txt", lambda c: c[:-4]), ["vocab.txt", "'vocab_size' is"]),
            ("no-mask", rewrite("vocab.txt", lambda c: c.replace(b"[MASK]", b"[MUSK]")), ["vocab.txt", "no [MASK]"]),
            ("no-utf8", rewrite("vocab.txt", lambda c: c.replace(b"the", b"t\xffe")), ["vocab.txt", "not UTF-8"])):
        refuse(folder, name, change, expected)


def test_no_damaged_byte_of_the_index_goes_unnoticed(folder):
    content = (FIXTURE / "bert_model.ckpt.index").read_bytes()
    whole = tensorflow_checkpoint.TensorFlowCheckpoint(FIXTURE / "bert_model.ckpt").entries
    unnoticed = []
    for at in range(0, len(content), 7):
        (folder / "damaged.index").write_bytes(flip(bytearray(content), at))
        try:
            found = tensorflow_checkpoint.TensorFlowCheckpoint(folder / "damaged").entries
        except tensorflow_checkpoint.CheckpointDamage as damage:
            assert damage.path == folder / "damaged.index"
        else:
            assert found == whole, at
            unnoticed.append(at)
    assert all(at >= len(content) - 48 for at in unnoticed), unnoticed  # padding of the footer alone


def test_checksums_of_long_texts(_):
    assert tensorflow_checkpoint.crc32c(b"123456789") == 0xE3069283  # the check value of CRC-32C
    text = numpy.random.default_rng(1).bytes(200_003)
    state = 0xFFFFFFFF
    for byte in text:
        state ^= byte
        for _ in range(8):
            state = (state >> 1) ^ (0x82F63B78 if state & 1 else 0)
    assert tensorflow_checkpoint.crc32c(text) == state ^ 0xFFFFFFFF


def test_usage_mistakes_end_with_code_2(folder):
    _, said = convert(FIXTURE, folder / "a", "--cased", code=2)
    assert "--gelu is required" in said, said
    _, said = convert(FIXTURE, folder / "a", "--gelu", "relu", code=2)
    assert "--gelu" in said, said
    _, said = convert(FIXTURE, folder / "a", code=2, python="/nonexistent/python")
    assert "/nonexistent/python: No such file or directory; give an interpreter with --python" in said, said
    venv.create(folder / "bare", with_pip=False)
    _, said = convert(FIXTURE, folder / "a", code=2, python=folder / "bare/bin/python")
    assert "has no numpy; python3 -m venv .venv && .venv/bin/pip install numpy safetensors" in said, said
    refuse(folder, "cased", rewrite("vocab.txt", lambda c: c.replace(b"the", b"The")), ["entry 'The'", "add --cased"], code=2)
    convert(FIXTURE, folder / "twice")
    command = [LAMBERT, "import", "tf", FIXTURE / "bert_model.ckpt", FIXTURE / "bert_config.json", FIXTURE / "vocab.txt",
               "--output", folder / "twice", "--gelu", "tanh", "--python", sys.executable]
    again = subprocess.run(command, capture_output=True, text=True)
    assert again.returncode == 2 and "twice: it exists already" in again.stderr, again.stderr


if __name__ == "__main__":
    for name, test in list(globals().items()):
        if name.startswith("test_"):
            with tempfile.TemporaryDirectory() as folder:
                test(pathlib.Path(folder))
    print("the checkpoint of TensorFlow is imported")
