# SPDX-License-Identifier: Apache-2.0
"""Loss, every hidden state and every gradient of our BERT against Transformers' BertForPreTraining with random weights.

fp32 is compared with Transformers in float64, so that the error is ours alone. bf16 and fp16: the direction of each
gradient against float64, and beside it that of Transformers under autocast. Dropout is off (dropout_parity.py has it on).

Usage: model_parity.py PROGRAM [--table FILE]      (PROGRAM: the built model_parity)
"""
import argparse
import sys

import numpy
import torch
import transformers

import parity_table
from model_case import Case, is_token, make_inputs, make_model, norm, relative_error, run_ours, run_theirs

FP32_TOLERANCE = 2e-5  # ||ours - theirs|| / ||theirs||
# The gradient of the key bias is zero in exact arithmetic (softmax ignores a constant), so it is compared by size.
KEY_BIAS_TOLERANCE = {"fp32": 1e-6, "bf16": 1e-3, "fp16": 1.5e-4}
DTYPES = {"bf16": torch.bfloat16, "fp16": torch.float16}
COSINE = {"bf16": 0.999, "fp16": 0.99998}  # fp16 has 3 bits more: an eighth of the angle
LOSS_TOLERANCE = {"fp32": 1e-6, "bf16": 5e-3, "fp16": 1e-3}

FP32_CASES = [
    Case(layers=2, hidden=64, heads=2, inner=128, vocab=211, batch=3, length=24, act="gelu"),
    Case(layers=3, hidden=96, heads=3, inner=200, vocab=503, batch=4, length=37, act="gelu_new"),
    Case(layers=1, hidden=128, heads=2, inner=256, vocab=1000, batch=2, length=127, act="gelu"),
    Case(layers=2, hidden=192, heads=16, inner=300, vocab=777, batch=6, length=61, act="gelu_new", shortest=0.1),
    Case(layers=4, hidden=256, heads=4, inner=1024, vocab=2000, batch=2, length=512, act="gelu"),
]
NARROW_CASES = [
    Case(layers=2, hidden=64, heads=2, inner=128, vocab=211, batch=3, length=24, act="gelu_new"),
    Case(layers=2, hidden=192, heads=16, inner=300, vocab=777, batch=6, length=61, act="gelu", shortest=0.1),
    Case(layers=4, hidden=256, heads=4, inner=1024, vocab=2000, batch=2, length=128, act="gelu_new"),
]


def is_key_bias(name):
    return name.endswith("self.key.bias")


def cosine(ours, theirs):
    return float(ours.ravel().astype(numpy.float64) @ theirs.ravel() / (norm(ours) * norm(theirs)))


def key_bias_problems(ours, kind):
    sizes = {name: float(numpy.abs(ours[f"gradient.{name}"]).max())
             for name in (key.removeprefix("gradient.") for key in ours) if is_key_bias(name)}
    return [f"{name}: should vanish, is {size:.1e}" for name, size in sizes.items() if size > KEY_BIAS_TOLERANCE[kind]]


def loss_problems(ours, loss, kind):
    error = abs(float(ours["loss"][0]) - loss) / loss
    return error, [f"loss {ours['loss'][0]}, theirs {loss}"] if error > LOSS_TOLERANCE[kind] else []


def check_fp32(program, case, seed, table):
    model = make_model(case, seed)
    inputs = make_inputs(case)
    loss, states, gradients = run_theirs(model, inputs)
    ours = run_ours(program, model, inputs, "fp32")
    loss_error, problems = loss_problems(ours, loss, "fp32")
    # What stands at padding is nobody's result: no real position looks there.
    real = is_token(inputs).numpy()
    errors = {f"hidden state {number}": relative_error(ours[f"hidden.{number}"][real], state[real])
              for number, state in enumerate(states)}
    errors |= {name: relative_error(ours[f"gradient.{name}"], gradient)
               for name, gradient in gradients.items() if not is_key_bias(name)}
    worst = max(errors, key=errors.get)
    problems += [f"{name}: {error:.1e}" for name, error in errors.items() if not error <= FP32_TOLERANCE]
    problems += key_bias_problems(ours, "fp32")
    table.add(f"model fp32: {describe(case)}", f"Transformers {transformers.__version__} in float64",
              f"loss, {len(states)} hidden states, {len(gradients)} gradients",
              f"loss {loss_error:.0e}, {errors[worst]:.1e} ({worst})", f"{FP32_TOLERANCE:.0e}")
    return problems


def check_narrow(program, case, seed, kind, table):
    model = make_model(case, seed, rounded_to=DTYPES[kind])
    inputs = make_inputs(case)
    loss, _, gradients = run_theirs(model, inputs)
    with torch.autocast("cpu", DTYPES[kind]):
        autocast = run_theirs(model.float(), inputs)[2]
    ours = run_ours(program, model, inputs, kind)
    loss_error, problems = loss_problems(ours, loss, kind)
    cosines = {name: (cosine(ours[f"gradient.{name}"], gradient), cosine(autocast[name], gradient))
               for name, gradient in gradients.items() if not is_key_bias(name)}
    problems += [f"{name}: cosine {mine:.5f}, autocast {theirs:.5f}" for name, (mine, theirs) in cosines.items()
                 if not (mine >= COSINE[kind] or mine >= theirs)]
    problems += key_bias_problems(ours, kind)
    worst = min(cosines, key=lambda name: cosines[name][0])
    table.add(f"model {kind}: {describe(case)}", f"Transformers {transformers.__version__} in float64",
              f"loss, {len(gradients)} gradients",
              f"loss {loss_error:.0e}, cosine {cosines[worst][0]:.5f} ({worst}; autocast: smallest "
              f"{min(theirs for _, theirs in cosines.values()):.5f})", f"cosine {COSINE[kind]} or autocast's")
    return problems


def describe(case):
    return f"{case.layers} x {case.hidden}, {case.heads} heads, length {case.length}, {case.act}"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("program")
    parser.add_argument("--table")
    options = parser.parse_args()
    table, problems = parity_table.Table(options.table), []
    for seed, case in enumerate(FP32_CASES):
        problems += check_fp32(options.program, case, seed, table)
    for kind in DTYPES:
        for seed, case in enumerate(NARROW_CASES):
            problems += check_narrow(options.program, case, 100 + seed, kind, table)
    assert not problems, problems


if __name__ == "__main__":
    sys.exit(main())
