#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compares a folder written by `lambert export hf` with its certificate, using Hugging Face Transformers: the SHA-256
of every file, every weight bit for bit as Transformers holds it, and the logits of fixed inputs.

Usage: verify_export.py FOLDER      needs torch, transformers and safetensors (scripts/requirements-test.txt)
Exit code 1 names what is wrong.
"""
import hashlib
import json
import os
import pathlib
import sys

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TRANSFORMERS_OFFLINE"] = "1"

CERTIFICATE = "certificate.json"
FORMAT_VERSION = 1

# Largest difference of a logit over the largest logit, fp32: rounding in another order.
LOGIT_TOLERANCE = 1e-5


class Damaged(Exception):
    """What is wrong with the folder."""


def require(condition, problem):
    if not condition:
        raise Damaged(problem)


def read_certificate(folder):
    require((folder / CERTIFICATE).is_file(), f"{CERTIFICATE}: missing")
    content = (folder / CERTIFICATE).read_bytes()
    head, _, tail = content.rpartition(b'  "self_sha256": "')
    require(tail == hashlib.sha256(head).hexdigest().encode() + b'"\n}\n',
            f"{CERTIFICATE}: it does not end with the hash of its own text")
    certificate = json.loads(content)
    require(certificate["format_version"] == FORMAT_VERSION,
            f"{CERTIFICATE}: format version {certificate['format_version']}, known is {FORMAT_VERSION}")
    return certificate


def check_files(folder, certificate):
    expected = {file["name"]: file for file in certificate["files"]}
    found = {path.name: path for path in folder.iterdir() if path.name != CERTIFICATE and not path.name.startswith(".")}
    for name in sorted(expected.keys() | found.keys()):
        require(name in found, f"{name}: missing")
        require(name in expected, f"{name}: not in the certificate")
        require(found[name].is_file(), f"{name}: not a file")
        with open(found[name], "rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        require(digest == expected[name]["sha256"] and found[name].stat().st_size == expected[name]["bytes"],
                f"{name}: SHA-256 {digest}, the certificate says {expected[name]['sha256']}")
    return f"{len(expected)} files, every SHA-256 as certified"


def load_model(folder, certificate):
    import transformers
    known = ("BertForPreTraining", "BertForQuestionAnswering")
    require(certificate["architecture"] in known, f"{CERTIFICATE}: architecture {certificate['architecture']} is unknown")
    model, info = getattr(transformers, certificate["architecture"]).from_pretrained(folder, output_loading_info=True)
    for kind in ("missing_keys", "unexpected_keys", "mismatched_keys"):
        require(not info[kind], f"model.safetensors: {kind} {sorted(info[kind])}")
    return model.eval(), f"Transformers {transformers.__version__} {certificate['architecture']}"


def check_weights(folder, model):
    import torch
    from safetensors.torch import load_file
    stored = load_file(folder / "model.safetensors")
    held = model.state_dict()
    for name, tensor in stored.items():
        require(held[name].dtype == tensor.dtype and torch.equal(held[name].view(torch.int32), tensor.view(torch.int32)),
                f"model.safetensors: {name} differs from what Transformers holds")
    values = sum(tensor.numel() for tensor in stored.values())
    return f"{len(stored)} tensors, {values:,} values, equal bit for bit"


def logits_of(model, sequence, token_ids):
    """Theirs, under the names and in the order of the certificate."""
    import torch
    with torch.no_grad():
        outputs = model(input_ids=torch.tensor([sequence["input_ids"]]),
                        token_type_ids=torch.tensor([sequence["token_type_ids"]]))
    if hasattr(outputs, "start_logits"):
        return {"start": outputs.start_logits.flatten(), "end": outputs.end_logits.flatten()}
    mlm = outputs.prediction_logits[0][sequence["mlm_positions"]][:, token_ids]
    return {"mlm": mlm.flatten(), "nsp": outputs.seq_relationship_logits.flatten()}


def check_logits(model, certificate):
    """A line for each head."""
    import torch
    pairs = {}
    for sequence in certificate["sequences"]:
        for head, theirs in logits_of(model, sequence, certificate["mlm_token_ids"]).items():
            ours = torch.tensor(sequence["logits"][head], dtype=torch.float32)
            require(ours.shape == theirs.shape, f"{CERTIFICATE}: {len(ours)} logits of head {head}, "
                                                f"Transformers has {len(theirs)}")
            pairs.setdefault(head, []).append((ours, theirs))
    lines = []
    for head, results in pairs.items():
        ours, theirs = (torch.cat(side) for side in zip(*results))
        difference = ((ours - theirs).abs().max() / theirs.abs().max()).item()
        require(difference <= LOGIT_TOLERANCE,
                f"model.safetensors: logits of head {head} differ from the certificate's by {difference:.1e} of the "
                f"largest, the limit is {LOGIT_TOLERANCE:.0e}")
        lines.append((f"logits {head}", f"{len(ours)} values, largest relative difference {difference:.1e}"))
    return lines


def verify(folder):
    """Lines of the table. Throws Damaged."""
    require(folder.is_dir(), f"{folder}: no such folder")
    certificate = read_certificate(folder)
    lines = [("files", check_files(folder, certificate))]
    model, loaded = load_model(folder, certificate)
    return lines + [("loaded", loaded), ("weights", check_weights(folder, model))] + check_logits(model, certificate)


def main():
    if len(sys.argv) != 2 or sys.argv[1] in ("--help", "-h"):
        print(__doc__)
        return 0 if len(sys.argv) == 2 else 2
    try:
        for name, result in verify(pathlib.Path(sys.argv[1])):
            print(f"{name:<14}{result}")
    except Damaged as damage:
        print(f"verify_export: {sys.argv[1]}: {damage}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
