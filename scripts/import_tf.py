#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Converts a BERT checkpoint of google-research/bert into a folder in Hugging Face's layout, which `init_from` and
Transformers take. `lambert import tf` runs it.

The activation has to be said: bert_config.json has "gelu" for both forms. Google's released code computes the tanh
approximation, Hugging Face's conversions of the same weights the error function."""
import argparse
import json
import os
import pathlib
import shutil
import sys

PACKAGES = "numpy safetensors"
try:
    import numpy
    from safetensors.numpy import save_file

    from tensorflow_checkpoint import CheckpointDamage, TensorFlowCheckpoint
except ImportError as missing:
    print(f"importing a TensorFlow checkpoint: {sys.executable} has no {missing.name}; python3 -m venv .venv && .venv/bin/pip "
          f"install {PACKAGES}, then lambert import tf --python .venv/bin/python", file=sys.stderr)
    sys.exit(2)

CONFIG, DATA, STORAGE = 2, 3, 8  # exit codes: docs/operations.md
SIZES = ("vocab_size", "hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size",
         "max_position_embeddings", "type_vocab_size")
RATES = ("hidden_dropout_prob", "attention_probs_dropout_prob", "initializer_range")
ACTIVATIONS = {"erf": "gelu", "tanh": "gelu_new"}  # names of Hugging Face
LAYER_NORM_EPSILON = 1e-12  # fixed in Google's code, absent from bert_config.json
SPECIAL_TOKENS = {"unk_token": "[UNK]", "sep_token": "[SEP]", "pad_token": "[PAD]", "cls_token": "[CLS]", "mask_token": "[MASK]"}
OPTIMIZER_SLOTS = ("adam_m", "adam_v")


class Refusal(Exception):
    """path, what was found, what to do, exit code."""


# ------------------------------------------------------------------------------------------------ names

def tensors_of(config):
    """{Google's name: (Hugging Face's name, shape there, transposed)} of the whole pretraining model."""
    hidden, inner, vocabulary = config["hidden_size"], config["intermediate_size"], config["vocab_size"]
    found = {}

    def plain(name, target, *shape):
        found[name] = (target, shape, False)

    def dense(name, target, inputs, outputs):  # kernels are (inputs, outputs)
        found[f"{name}/kernel"] = (f"{target}.weight", (inputs, outputs), True)
        plain(f"{name}/bias", f"{target}.bias", outputs)

    def norm(name, target):
        plain(f"{name}/gamma", f"{target}.weight", hidden)
        plain(f"{name}/beta", f"{target}.bias", hidden)

    for table, rows in (("word", vocabulary), ("position", config["max_position_embeddings"]), ("token_type", config["type_vocab_size"])):
        plain(f"bert/embeddings/{table}_embeddings", f"bert.embeddings.{table}_embeddings.weight", rows, hidden)
    norm("bert/embeddings/LayerNorm", "bert.embeddings.LayerNorm")
    for layer in range(config["num_hidden_layers"]):
        name, target = f"bert/encoder/layer_{layer}", f"bert.encoder.layer.{layer}"
        for part in ("query", "key", "value"):
            dense(f"{name}/attention/self/{part}", f"{target}.attention.self.{part}", hidden, hidden)
        dense(f"{name}/attention/output/dense", f"{target}.attention.output.dense", hidden, hidden)
        norm(f"{name}/attention/output/LayerNorm", f"{target}.attention.output.LayerNorm")
        dense(f"{name}/intermediate/dense", f"{target}.intermediate.dense", hidden, inner)
        dense(f"{name}/output/dense", f"{target}.output.dense", inner, hidden)
        norm(f"{name}/output/LayerNorm", f"{target}.output.LayerNorm")
    dense("bert/pooler/dense", "bert.pooler.dense", hidden, hidden)
    dense("cls/predictions/transform/dense", "cls.predictions.transform.dense", hidden, hidden)
    norm("cls/predictions/transform/LayerNorm", "cls.predictions.transform.LayerNorm")
    plain("cls/predictions/output_bias", "cls.predictions.bias", vocabulary)
    plain("cls/seq_relationship/output_weights", "cls.seq_relationship.weight", 2, hidden)  # (outputs, inputs)
    plain("cls/seq_relationship/output_bias", "cls.seq_relationship.bias", 2)
    return found


def belongs_to_head(name):
    return name.startswith(("bert/pooler/", "cls/"))


# ------------------------------------------------------------------------------------------------ input files

def read_config(path):
    def fail(found):
        raise Refusal(path, found, "give the bert_config.json that belongs to the checkpoint", DATA)

    def unique(pairs):
        for name, _ in pairs:
            if sum(other == name for other, _ in pairs) > 1:
                fail(f"'{name}' stands there twice")
        return dict(pairs)

    try:
        config = json.loads(path.read_text(encoding="utf-8"), object_pairs_hook=unique)
    except OSError as error:
        fail(error.strerror)
    except (ValueError, RecursionError) as error:
        fail(f"it is not JSON ({error})")
    if not isinstance(config, dict):
        fail("it is no JSON object")
    for name in SIZES + RATES + ("hidden_act",):
        if name not in config:
            fail(f"'{name}' is missing")
    for name in SIZES:
        if type(config[name]) is not int or not 0 < config[name] < 1 << 31:
            fail(f"'{name}' is {config[name]!r}, expected a whole number above 0")
    for name in RATES:
        if type(config[name]) not in (int, float) or not 0 <= config[name] < 1:
            fail(f"'{name}' is {config[name]!r}, expected a number from 0 to 1")
    if config["hidden_act"] != "gelu":
        fail(f"'hidden_act' is {config['hidden_act']!r}, only gelu is read")
    if config["hidden_size"] % config["num_attention_heads"]:
        fail("'hidden_size' is not divisible by 'num_attention_heads'")
    return config


def read_vocabulary(path, config, cased):
    """The bytes of vocab.txt, checked as far as conversion needs; training checks every line of it."""
    def fail(found, cure="give the vocab.txt that belongs to the checkpoint", code=DATA):
        raise Refusal(path, found, cure, code)

    try:
        content = path.read_bytes()
        tokens = content.decode("utf-8").removesuffix("\n").split("\n")
    except OSError as error:
        fail(error.strerror)
    except UnicodeDecodeError:
        fail("it is not UTF-8")
    if len(tokens) != config["vocab_size"]:
        fail(f"it has {len(tokens)} lines, 'vocab_size' is {config['vocab_size']}")
    for special in SPECIAL_TOKENS.values():
        if special not in tokens:
            fail(f"it has no {special}")
    upper = next((t for t in tokens if not t.startswith("[") and any("A" <= letter <= "Z" for letter in t)), None)
    if upper and not cased:
        fail(f"it has the entry '{upper}', which lower-cased text never yields", "add --cased", CONFIG)
    return content, tokens


def read_tensors(checkpoint, config):
    """Tensors under Hugging Face's names; names of heads that are missing; names that were left out."""
    wanted = tensors_of(config)
    missing = [name for name in wanted if name not in checkpoint.entries]
    lost = [name for name in missing if not belongs_to_head(name)]
    left_out = [name for name in checkpoint.entries if name not in wanted]
    slots = [name for name in left_out if name.rpartition("/")[0] in wanted and name.rpartition("/")[2] in OPTIMIZER_SLOTS]
    unknown = [name for name in left_out if name.startswith("bert/") and name not in slots]
    if lost or unknown:
        raise Refusal(checkpoint.index, "; ".join(text for names, text in (
            (lost, f"it lacks {', '.join(lost)}"), (unknown, f"it has the unknown {', '.join(unknown)}")) if names),
            "give a checkpoint of google-research/bert and its own bert_config.json", DATA)
    tensors = {}
    for name, (target, shape, transposed) in wanted.items():
        if name in missing:
            continue
        if checkpoint.entries[name].shape != shape:
            raise Refusal(checkpoint.index, f"{name} has shape {list(checkpoint.entries[name].shape)}, bert_config.json says "
                          f"{list(shape)}", "give the bert_config.json that belongs to the checkpoint", DATA)
        values = checkpoint.read(name)
        if not numpy.isfinite(values).all():
            raise Refusal(checkpoint.index, f"{name} holds a value that is not finite", "give an undamaged checkpoint", DATA)
        tensors[target] = numpy.ascontiguousarray(values.T if transposed else values)
    return tensors, missing, slots, [name for name in left_out if name not in slots]


# ------------------------------------------------------------------------------------------------ output

def hugging_face_config(config, activation, tokens, is_whole):
    return {"architectures": ["BertForPreTraining" if is_whole else "BertModel"], "model_type": "bert",
            **{name: config[name] for name in SIZES + RATES}, "hidden_act": activation, "layer_norm_eps": LAYER_NORM_EPSILON,
            "dtype": "float32", "tie_word_embeddings": True, "pad_token_id": tokens.index("[PAD]")}


def tokenizer_config(config, cased):
    return {"tokenizer_class": "BertTokenizer", "do_lower_case": not cased, "strip_accents": not cased,
            "tokenize_chinese_chars": True, "model_max_length": config["max_position_embeddings"], **SPECIAL_TOKENS}


def write_folder(output, tensors, texts):
    """Under another name first, so that a folder that is there is complete."""
    partial = output.with_name(output.name + ".partial")
    try:
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        save_file(tensors, partial / "model.safetensors", metadata={"format": "pt"})
        (partial / "model.safetensors").chmod(0o644)  # the library keeps it to its owner
        for name, content in texts.items():
            (partial / name).write_bytes(content)
        os.rename(partial, output)
    except OSError as error:
        raise Refusal(output, f"it cannot be written ({error.strerror or error})", "free space or give another --output",
                      STORAGE) from error


def import_checkpoint(options):
    output = pathlib.Path(options.output)
    if output.exists():
        raise Refusal(output, "it exists already", "give a new folder as --output", CONFIG)
    config = read_config(pathlib.Path(options.config))
    vocabulary, tokens = read_vocabulary(pathlib.Path(options.vocabulary), config, options.cased)
    tensors, missing, slots, others = read_tensors(TensorFlowCheckpoint(options.checkpoint), config)

    def to_json(document):
        return (json.dumps(document, indent=2) + "\n").encode()

    write_folder(output, tensors, {
        "config.json": to_json(hugging_face_config(config, ACTIVATIONS[options.gelu], tokens, not missing)),
        "tokenizer_config.json": to_json(tokenizer_config(config, options.cased)),
        "vocab.txt": vocabulary})
    print(f"imported {options.checkpoint} loaded={len(tensors)} missing={len(missing)} left_out={len(slots) + len(others)}",
          file=sys.stderr)
    ignored = sorted(set(config) - set(SIZES + RATES + ("hidden_act",)))
    if slots:
        print(f"left out, moments of the optimizer: {len(slots)} ({' and '.join(OPTIMIZER_SLOTS)})", file=sys.stderr)
    for names, what in ((missing, "heads that are not in the checkpoint"), (others, "left out, not of this model"),
                        (ignored, f"keys of {options.config} without effect")):
        if names:
            print(f"{what}: {', '.join(names)}", file=sys.stderr)
    print(output)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint", metavar="CHECKPOINT_PREFIX", help="the path of the .index file without .index")
    parser.add_argument("config", metavar="CONFIG_JSON", help="bert_config.json")
    parser.add_argument("vocabulary", metavar="VOCAB", help="vocab.txt")
    parser.add_argument("--output", required=True, help="folder to create")
    parser.add_argument("--gelu", required=True, choices=sorted(ACTIVATIONS), help="the form that the model was trained with")
    parser.add_argument("--cased", action="store_true", help="the vocabulary is cased")
    try:
        import_checkpoint(parser.parse_args())
    except Refusal as refusal:
        path, found, cure, code = refusal.args
        print(f"importing {path}: {found}; {cure}", file=sys.stderr)
        return code
    except CheckpointDamage as damage:
        print(f"importing {damage.path}: {damage.found}; download or copy the checkpoint again", file=sys.stderr)
        return DATA
    except OSError as error:
        print(f"importing {error.filename}: {error.strerror}; make it readable", file=sys.stderr)
        return DATA
    return 0


if __name__ == "__main__":
    sys.exit(main())
