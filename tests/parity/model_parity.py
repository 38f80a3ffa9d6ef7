# SPDX-License-Identifier: Apache-2.0
"""Compares loss and every gradient of our BERT with Hugging Face's on random small models.

usage: python model_parity.py PROGRAM      (PROGRAM: the built model_parity)

Each case is written to a folder as text and raw little-endian arrays, PROGRAM runs it and writes its gradients
beside them. Dropout is off. Exit status 0 when every comparison holds.
"""
import pathlib
import subprocess
import sys
import tempfile

import numpy
import torch
from transformers import BertConfig, BertForPreTraining

# ||ours - theirs|| / ||theirs|| in fp32: two correct implementations differ by rounding in another order.
FP32_TOLERANCE = 2e-5
# The gradient of the key bias is zero in exact arithmetic (softmax ignores a constant), so it is compared by size.
KEY_BIAS_TOLERANCE = 1e-6
# bf16 has 8 significant bits; the direction of each gradient stays.
BF16_COSINE = 0.999
LOSS_TOLERANCE = {"fp32": 1e-6, "bf16": 5e-3}

CASES = [
    dict(layers=2, hidden=64, heads=2, inner=128, vocab=211, batch=3, length=24, act="gelu", type="fp32"),
    dict(layers=3, hidden=96, heads=3, inner=200, vocab=503, batch=4, length=50, act="gelu_new", type="fp32"),
    dict(layers=1, hidden=128, heads=2, inner=256, vocab=1000, batch=2, length=128, act="gelu", type="fp32"),
    dict(layers=2, hidden=64, heads=2, inner=128, vocab=211, batch=3, length=24, act="gelu_new", type="bf16"),
]


def make_model(case, seed):
    torch.manual_seed(seed)
    config = BertConfig(
        vocab_size=case["vocab"], hidden_size=case["hidden"], num_hidden_layers=case["layers"],
        num_attention_heads=case["heads"], intermediate_size=case["inner"], hidden_act=case["act"],
        max_position_embeddings=case["length"] + 3, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0)
    model = BertForPreTraining(config)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            start = 1.0 if name.endswith("LayerNorm.weight") else 0.0
            parameter.copy_(start + 0.05 * torch.randn_like(parameter))
            if case["type"] == "bf16":
                parameter.copy_(parameter.bfloat16().float())
    return model


def make_inputs(case):
    batch, length = case["batch"], case["length"]
    # Not id 0: Hugging Face's table has padding_idx=0 and drops that row's gradient. With real data it is zero anyway,
    # since [PAD] stands only where nothing looks.
    inputs = {
        "input_ids": torch.randint(1, case["vocab"], (batch, length), dtype=torch.int32),
        "token_type_ids": torch.randint(0, 2, (batch, length), dtype=torch.int32),
        "lengths": torch.randint(length // 2, length + 1, (batch,), dtype=torch.int32),
        "next_sentence_labels": torch.randint(0, 2, (batch,)),
    }
    inputs["lengths"][0] = length
    positions = []
    for row in range(batch):
        chosen = torch.randperm(int(inputs["lengths"][row]))[:5].sort().values
        positions.append(chosen + row * length)
    inputs["masked_positions"] = torch.cat(positions)
    inputs["masked_labels"] = torch.randint(0, case["vocab"], (inputs["masked_positions"].numel(),))
    return inputs


def run_theirs(model, inputs):
    batch, length = inputs["input_ids"].shape
    mask = (torch.arange(length) < inputs["lengths"].unsqueeze(1)).long()
    labels = torch.full((batch * length,), -100)
    labels[inputs["masked_positions"]] = inputs["masked_labels"]
    loss = model(
        input_ids=inputs["input_ids"].long(), token_type_ids=inputs["token_type_ids"].long(), attention_mask=mask,
        labels=labels.view(batch, length), next_sentence_label=inputs["next_sentence_labels"]).loss
    loss.backward()
    return loss.item(), {name: parameter.grad.numpy() for name, parameter in model.named_parameters()}


def write_case(folder, case, model, inputs):
    (folder / "config.txt").write_text("".join(f"{key} {value}\n" for key, value in case.items()))
    for name, parameter in model.named_parameters():
        parameter.detach().numpy().astype("<f4").tofile(folder / name)
    for name, values in inputs.items():
        values.numpy().tofile(folder / name)


def relative_error(ours, theirs):
    return float(numpy.linalg.norm(ours - theirs) / max(numpy.linalg.norm(theirs), 1e-30))


def gradient_problem(name, ours, theirs, kind):
    """None when the gradients agree, else what is wrong."""
    if name.endswith("self.key.bias"):
        size = float(numpy.abs(ours).max())
        limit = KEY_BIAS_TOLERANCE if kind == "fp32" else 1e-3
        return None if size <= limit else f"should vanish, is {size:.2e}"
    if kind == "fp32":
        error = relative_error(ours, theirs)
        return None if error <= FP32_TOLERANCE else f"relative error {error:.2e}"
    norms = numpy.linalg.norm(ours) * numpy.linalg.norm(theirs)
    cosine = float(ours.ravel() @ theirs.ravel() / norms)
    return None if cosine >= BF16_COSINE else f"cosine {cosine:.5f}"


def check_case(program, case, seed):
    model = make_model(case, seed)
    inputs = make_inputs(case)
    loss, theirs = run_theirs(model, inputs)
    problems = []
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        write_case(folder, case, model, inputs)
        our_loss = float(subprocess.run([program, name], check=True, capture_output=True, text=True).stdout)
        worst = 0.0
        for tensor, gradient in theirs.items():
            ours = numpy.fromfile(folder / f"{tensor}.gradient", "<f4").reshape(gradient.shape)
            problem = gradient_problem(tensor, ours, gradient, case["type"])
            if problem:
                problems.append(f"{tensor}: {problem}")
            if not tensor.endswith("self.key.bias"):
                worst = max(worst, relative_error(ours, gradient))
    if abs(our_loss - loss) > LOSS_TOLERANCE[case["type"]] * loss:
        problems.append(f"loss {our_loss}, theirs {loss}")
    print(f"{case}: loss {our_loss:.6f} theirs {loss:.6f}, {len(theirs)} gradients, worst error {worst:.1e}")
    return problems


def main():
    problems = []
    for seed, case in enumerate(CASES):
        problems += check_case(sys.argv[1], case, seed)
    for problem in problems:
        print("DIFFERS", problem)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
