# SPDX-License-Identifier: Apache-2.0
"""The gradient of a network with dropout against finite differences in double precision.

BERT's pretraining loss, written down from the formulas, in float64, with the multipliers that our network drew. The
loss must agree, and for every parameter the derivative along a direction d, (L(w + h d) - L(w - h d)) / 2 h, must equal
the inner product of d with our gradient. As a control, the multipliers of the next step must not fit.

Usage: dropout_parity.py PROGRAM [--table FILE]      (PROGRAM: the built model_parity)
"""
import argparse
import math
import sys

import torch
from torch.nn import functional

import parity_table
from model_case import Case, is_token, make_inputs, make_model, norm, run_ours

CASES = [
    Case(layers=2, hidden=48, heads=3, inner=100, vocab=101, batch=3, length=19, act="gelu", dropout=0.1),
    Case(layers=3, hidden=64, heads=2, inner=128, vocab=211, batch=2, length=33, act="gelu_new", dropout=0.1),
]
LOSS_TOLERANCE = 1e-6
TOLERANCE = 2e-5  # |finite difference - gradient . d| / (|gradient| |d|)
STEP = 1e-4  # |h d| / |w|: the error of the difference is its square


def pretraining_loss(weights, case, inputs, multipliers):
    """weights: name to float64 tensor; multipliers: site to (B, groups, S, columns)."""
    def linear(x, name):
        return x @ weights[name + ".weight"].T + weights[name + ".bias"]

    def layer_norm(x, name):
        centred = x - x.mean(-1, keepdim=True)
        variance = (centred**2).mean(-1, keepdim=True)
        return centred / torch.sqrt(variance + 1e-12) * weights[name + ".weight"] + weights[name + ".bias"]

    def activate(x):
        if case.act == "gelu":
            return x * 0.5 * (1 + torch.erf(x / math.sqrt(2)))
        return 0.5 * x * (1 + torch.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))

    def heads(x):
        return x.view(case.batch, case.length, case.heads, -1).transpose(1, 2)

    prefix = "bert.embeddings."
    x = (weights[prefix + "word_embeddings.weight"][inputs["input_ids"].long()]
         + weights[prefix + "position_embeddings.weight"][:case.length]
         + weights[prefix + "token_type_embeddings.weight"][inputs["token_type_ids"].long()])
    x = layer_norm(x, prefix + "LayerNorm") * multipliers[0][:, 0]
    hidden_keys = ~is_token(inputs)[:, None, None, :]
    for number in range(case.layers):
        prefix = f"bert.encoder.layer.{number}."
        query, key, value = (heads(linear(x, f"{prefix}attention.self.{name}")) for name in ("query", "key", "value"))
        scores = query @ key.transpose(2, 3) / math.sqrt(query.shape[-1])
        probabilities = scores.masked_fill(hidden_keys, -math.inf).softmax(-1) * multipliers[1 + 3 * number]
        context = (probabilities @ value).transpose(1, 2).reshape(case.batch, case.length, -1)
        attended = linear(context, prefix + "attention.output.dense") * multipliers[2 + 3 * number][:, 0]
        x = layer_norm(x + attended, prefix + "attention.output.LayerNorm")
        inner = activate(linear(x, prefix + "intermediate.dense"))
        output = linear(inner, prefix + "output.dense") * multipliers[3 + 3 * number][:, 0]
        x = layer_norm(x + output, prefix + "output.LayerNorm")

    masked = x.reshape(-1, x.shape[-1])[inputs["masked_positions"]]
    masked = layer_norm(activate(linear(masked, "cls.predictions.transform.dense")), "cls.predictions.transform.LayerNorm")
    logits = masked @ weights["bert.embeddings.word_embeddings.weight"].T + weights["cls.predictions.bias"]
    pooled = torch.tanh(linear(x[:, 0], "bert.pooler.dense"))
    return (functional.cross_entropy(logits, inputs["masked_labels"])
            + functional.cross_entropy(linear(pooled, "cls.seq_relationship"), inputs["next_sentence_labels"]))


def multipliers_in(ours, prefix, layers):
    return [torch.from_numpy(ours[f"{prefix}.{site}"]).double() for site in range(1 + 3 * layers)]


def derivative_error(weights, name, gradient, loss_at):
    """Of the finite difference along half the gradient's and half a random direction, relative."""
    direction = torch.randn_like(weights[name])
    direction = direction / direction.norm()
    if gradient.norm() > 0:
        direction = direction + gradient / gradient.norm()
    direction = direction / direction.norm()
    step = STEP * max(float(weights[name].norm()), 1e-3)
    values = [float(loss_at({**weights, name: weights[name] + sign * step * direction})) for sign in (1, -1)]
    difference = (values[0] - values[1]) / (2 * step)
    return abs(difference - float((gradient * direction).sum()))


def check(program, case, seed, table):
    model = make_model(case, seed)
    inputs = make_inputs(case)
    ours = run_ours(program, model, inputs, "fp32")
    weights = {name: parameter.detach() for name, parameter in model.named_parameters()}
    multipliers = multipliers_in(ours, "dropout", case.layers)
    loss = float(pretraining_loss(weights, case, inputs, multipliers))
    loss_error = abs(float(ours["loss"][0]) - loss) / loss
    problems = [] if loss_error <= LOSS_TOLERANCE else [f"loss {ours['loss'][0]}, in double {loss}"]
    gradients = {name: torch.from_numpy(ours[f"gradient.{name}"]).double() for name in weights}
    # The gradient of a key bias is zero but for rounding: its error is taken relative to the value bias's.
    scale = {name: norm(gradients[name.replace("self.key.bias", "self.value.bias")].numpy()) for name in weights}
    errors = {name: derivative_error(weights, name, gradients[name],
                                     lambda w: pretraining_loss(w, case, inputs, multipliers)) / scale[name]
              for name in weights}
    problems += [f"{name}: {error:.1e}" for name, error in errors.items() if not error <= TOLERANCE]
    worst = max(errors, key=errors.get)
    table.add(f"dropout 0.1, {case.layers} x {case.hidden}, {case.act}: gradient", "finite differences in float64",
              f"loss, {len(errors)} gradients", f"loss {loss_error:.0e}, {errors[worst]:.1e} ({worst})",
              f"{TOLERANCE:.0e}")
    other = float(pretraining_loss(weights, case, inputs, multipliers_in(ours, "dropout_of_next_step", case.layers)))
    other_error = abs(other - loss) / loss
    table.add_fault("dropout masks of the next step", "dropout_parity", f"loss {other_error:.1e}")
    return problems + ([] if other_error > LOSS_TOLERANCE else ["the masks of the next step fit as well"])


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("program")
    parser.add_argument("--table")
    options = parser.parse_args()
    table, problems = parity_table.Table(options.table), []
    for seed, case in enumerate(CASES):
        problems += check(options.program, case, seed, table)
    assert not problems, problems


if __name__ == "__main__":
    sys.exit(main())
