# SPDX-License-Identifier: Apache-2.0
"""LAMB, AdamW and LARS in double precision, straight from the formulas, 100 steps beside ours; and the learning rate of
every step of the published recipes against its closed form.

LAMB: You et al., "Large Batch Optimization for Deep Learning: Training BERT in 76 minutes", ICLR 2020, algorithm 2;
its variants as the implementations named beside them have them. LARS: algorithm 1 of the same paper, and You, Gitman,
Ginsburg, "Large Batch Training of Convolutional Networks", 2017, algorithm 1. AdamW: Loshchilov and Hutter, "Decoupled
Weight Decay Regularization", ICLR 2019, algorithm 2 (schedule multiplier 1, decay scaled by the rate).

Usage: optimizer_parity.py OPTIMIZER_TRACE CONFIG_FOLDER [--table FILE]
"""
import argparse
import fractions
import pathlib
import subprocess
import sys
import tempfile

import numpy
from safetensors.numpy import load_file, save_file

import parity_table

STEPS, PEAK = 100, 1e-2
EXCLUDED = ("bias", "LayerNorm")
TOLERANCE = 1e-6  # fp32 against double after 100 steps, norm of the difference over norm of the tensor
RATE_TOLERANCE = 1e-15  # double against exact fractions, relative

VARIANTS = {
    "the paper": {},
    "no bias correction (ALBERT)": {"bias_correction": False},
    "correction of the step size (DeepSpeed)": {
        "bias_correction_placement": "step_size", "trust_ratio_min": 0.01, "trust_ratio_max": 0.3},
    "without gradient averaging (Apex switch)": {"grad_averaging": False},
    "decay in the gradient (Apex switch)": {"weight_decay_placement": "gradient"},
    "epsilon inside": {"epsilon_inside_sqrt": True},
    "all adapted (NVLAMB)": {"adapt_excluded": True},
    "nothing excluded (TF Addons)": {"weight_decay_exclude": []},
    "ratio at most 10 (paper, first version)": {"trust_ratio_max": 10.0},
    "weight norm at most 10 (pytorch-lamb)": {
        "weight_norm_max": 10.0, "bias_correction": False, "weight_decay_exclude": []},
    "no clipping": {"max_grad_norm": 0.0},
    "no decay": {"weight_decay": 0.0},
    "strong decay": {"weight_decay": 0.1},
    "tuned betas": {"adam_beta1": 0.60466, "adam_beta2": 0.85437, "weight_decay": 0.1},
    "AdamW": {"name": "adamw"},
    "AdamW without bias correction (BERT)": {"name": "adamw", "bias_correction": False},
    "AdamW with epsilon 1e-11 (Nado et al.)": {
        "name": "adamw", "adam_beta1": 0.934271, "adam_beta2": 0.989295, "weight_decay": 0.31466,
        "adam_epsilon": 1e-11},
    "LARS (LAMB paper)": {"name": "lars"},
    "LARS (2017)": {"name": "lars", "lars_trust_ratio": "gradient", "lars_coefficient": 0.001},
    "LARS without averaging, clamped, all adapted": {
        "name": "lars", "grad_averaging": False, "trust_ratio_max": 0.5, "adapt_excluded": True},
}
DEFAULTS = {"name": "lamb", "adam_beta1": 0.9, "adam_beta2": 0.999, "adam_epsilon": 1e-6, "bias_correction": True,
            "bias_correction_placement": "moments", "grad_averaging": True, "weight_decay": 0.01,
            "weight_decay_placement": "update", "weight_decay_exclude": list(EXCLUDED), "epsilon_inside_sqrt": False,
            "adapt_excluded": False, "trust_ratio_min": 0.0, "trust_ratio_max": float("inf"),
            "weight_norm_max": float("inf"), "max_grad_norm": 1.0, "lars_trust_ratio": "momentum",
            "lars_coefficient": 1.0}

# What the sources of the recipes say: rate, warm-up, steps of the phase, steps of the decay, power.
PUBLISHED = {
    "bert_large_64k.yaml": [("6e-3", 2001, 7038, 7038, 0.5), ("4e-3", 200, 1563, 1563, 0.5)],
    "bert_large_32k.yaml": [("5e-3", 3125, 14063, 15625, 1)],  # the second phase goes on: see its test below
}

CONFIG = f"""output_dir: no-run
model: {{}}
phases:
  - {{data: no-data, max_seq_length: 128, max_predictions_per_seq: 20, global_train_batch_size: 1,
     per_device_train_batch_size: 1, max_steps: {STEPS}, learning_rate: {PEAK}, warmup_steps: {STEPS}}}
"""


def make_inputs():
    generator = numpy.random.default_rng(7)
    shapes = {"dense.kernel": ((64, 33), 0.02, 1e-2), "dense.bias": ((33,), 0.1, 1e-2),
              "LayerNorm.gain": ((33,), 1.0, 1e-2), "zero.kernel": ((16, 8), 0.0, 0.0),
              "zero_start.kernel": ((16, 8), 0.0, 1e-2), "zero_gradient.kernel": ((16, 8), 1.0, 0.0),
              "sparse.kernel": ((200, 16), 0.02, 1e-2), "huge.kernel": ((20, 20), 1e4, 1e2),
              "tiny.kernel": ((20, 20), 1e-6, 1e-8), "long.kernel": ((70001,), 0.02, 1e-3)}
    inputs = {}
    for name, (shape, weight_scale, gradient_scale) in shapes.items():
        inputs[name + ".weight0"] = (generator.standard_normal(shape) * weight_scale).astype(numpy.float32)
        gradients = generator.standard_normal((STEPS,) + shape) * gradient_scale
        gradients += 0.3 * gradient_scale  # a drift, so that weights move
        if name.startswith("sparse"):
            gradients[:, generator.random(shape[0]) < 0.9] = 0.0
        inputs[name + ".gradients"] = gradients.astype(numpy.float32)
    return inputs


def norm(array):
    return float(numpy.linalg.norm(array.ravel()))


def trust_ratio(c, weight, denominator):
    """phi(|w|) / denominator within its range; 1 when a norm is zero."""
    if norm(weight) == 0 or denominator == 0:
        return 1.0
    return min(max(min(norm(weight), c["weight_norm_max"]) / denominator, c["trust_ratio_min"]), c["trust_ratio_max"])


def adam_step(c, t, rate, w, m, v, g, decay, adapted):
    """LAMB, and AdamW when nothing is adapted. Returns the new w, m, v."""
    in_update = c["weight_decay_placement"] == "update"
    g = g if in_update else g + decay * w
    m = c["adam_beta1"] * m + ((1 - c["adam_beta1"]) if c["grad_averaging"] else 1.0) * g
    v = c["adam_beta2"] * v + (1 - c["adam_beta2"]) * g * g
    correction1 = 1 - c["adam_beta1"]**t if c["bias_correction"] else 1.0
    correction2 = 1 - c["adam_beta2"]**t if c["bias_correction"] else 1.0
    first, second, factor = m / correction1, v / correction2, 1.0
    if c["bias_correction_placement"] == "step_size":
        first, second, factor = m, v, numpy.sqrt(correction2) / correction1
    epsilon = c["adam_epsilon"]
    root = numpy.sqrt(second + epsilon) if c["epsilon_inside_sqrt"] else numpy.sqrt(second) + epsilon
    update = first / root + (decay * w if in_update else 0.0)
    trust = trust_ratio(c, w, norm(update)) if adapted else 1.0
    return w - rate * factor * trust * update, m, v


def lars_step(c, rate, w, m, g, decay, adapted):
    beta, decayed = c["adam_beta1"], g + decay * w
    if c["lars_trust_ratio"] == "momentum":
        m = beta * m + ((1 - beta) if c["grad_averaging"] else 1.0) * decayed
        denominator = norm(m)
    else:
        denominator = norm(g) + decay * norm(w) if norm(g) > 0 else 0.0
    has_ratio = adapted and norm(w) > 0 and denominator > 0
    scale = rate * (c["lars_coefficient"] * trust_ratio(c, w, denominator) if has_ratio else 1.0)
    if c["lars_trust_ratio"] == "momentum":
        return w - scale * m, m
    m = beta * m + scale * decayed
    return w - m, m


def reference(inputs, changes):
    c = {**DEFAULTS, **changes}
    names = [key[: -len(".weight0")] for key in inputs if key.endswith(".weight0")]
    w = {name: inputs[name + ".weight0"].astype(numpy.float64) for name in names}
    m = {name: numpy.zeros_like(w[name]) for name in names}
    v = {name: numpy.zeros_like(w[name]) for name in names}
    for t in range(1, STEPS + 1):
        gradients = {name: inputs[name + ".gradients"][t - 1].astype(numpy.float64) for name in names}
        total = numpy.sqrt(sum(numpy.sum(g * g) for g in gradients.values()))
        clip = min(1.0, c["max_grad_norm"] / total) if c["max_grad_norm"] > 0 else 1.0
        rate = PEAK * t / STEPS
        for name in names:
            g = gradients[name] * clip
            excluded = any(part in name for part in c["weight_decay_exclude"])
            adapted = c["name"] != "adamw" and (not excluded or c["adapt_excluded"])
            decay = 0.0 if excluded else c["weight_decay"]
            if c["name"] == "lars":
                w[name], m[name] = lars_step(c, rate, w[name], m[name], g, decay, adapted)
            else:
                w[name], m[name], v[name] = adam_step(c, t, rate, w[name], m[name], v[name], g, decay, adapted)
    tensors = {f"{name}.weight": w[name] for name in names} | {f"{name}.first": m[name] for name in names}
    return tensors if c["name"] == "lars" else tensors | {f"{name}.second": v[name] for name in names}


def relative_difference(ours, expected):
    difference, size = norm(ours.astype(numpy.float64) - expected), norm(expected)
    return difference / size if size > 0 else difference


def yaml_value(value):
    if isinstance(value, list):
        return "[" + ", ".join(value) + "]"
    return {float("inf"): ".inf"}.get(value, str(value).lower())


def compare_updates(program, folder, inputs, changes):
    """The largest difference of any tensor, and its name."""
    output = folder / "output.safetensors"
    output.unlink(missing_ok=True)
    settings = [f"optimizer.{key}={yaml_value(value)}" for key, value in changes.items()]
    subprocess.run([program, "updates", folder / "config.yaml", folder / "input.safetensors", output, *settings],
                   check=True)
    ours, expected = load_file(output), reference(inputs, changes)
    assert ours.keys() == expected.keys(), ours.keys() ^ expected.keys()
    differences = {name: relative_difference(ours[name], tensor) for name, tensor in expected.items()}
    worst = max(differences, key=differences.get)
    return differences[worst], worst, len(differences)


def check_updates(program, table):
    inputs, failures = make_inputs(), []
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        save_file(inputs, folder / "input.safetensors")
        (folder / "config.yaml").write_text(CONFIG)
        for title, changes in VARIANTS.items():
            difference, tensor, count = compare_updates(program, folder, inputs, changes)
            title = title if title.startswith(("AdamW", "LARS")) else "LAMB, " + title
            table.add(f"{title}: {STEPS} steps", "double precision (NumPy)", count, f"{difference:.1e} ({tensor})",
                      f"{TOLERANCE:.0e}")
            failures += [] if difference <= TOLERANCE else [(title, tensor, difference)]
    return failures


def closed_form(peak, warmup, horizon, power, step):
    if step < warmup:
        return fractions.Fraction(peak) * (step + 1) / warmup
    left = fractions.Fraction(horizon - step, horizon)
    return fractions.Fraction(peak) * (left if power == 1 else fractions.Fraction(float(left) ** power))


def expected_rates(recipe):
    rates = [closed_form(peak, warmup, horizon, power, step)
             for peak, warmup, steps, horizon, power in PUBLISHED[recipe] for step in range(steps)]
    if recipe == "bert_large_32k.yaml":  # one schedule over both phases: 14,063 + 1,562 steps
        rates += [closed_form("5e-3", 3125, 15625, 1, step) for step in range(14063, 15625)]
    return rates


def check_rates(program, configs, table):
    failures = []
    for recipe in PUBLISHED:
        lines = subprocess.run([program, "rates", configs / recipe], check=True, capture_output=True, text=True).stdout
        ours = [float(line.split()[-1]) for line in lines.splitlines()]
        expected = expected_rates(recipe)
        assert len(ours) == len(expected), (recipe, len(ours), len(expected))
        worst = max(abs(float((fractions.Fraction(a) - b) / b)) for a, b in zip(ours, expected))
        table.add(f"learning rate, every step of {recipe}", "closed form in fractions", len(ours), f"{worst:.1e}",
                  f"{RATE_TOLERANCE:.0e}")
        failures += [] if worst <= RATE_TOLERANCE else [(recipe, worst)]
    return failures


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("program")
    parser.add_argument("configs", type=pathlib.Path)
    parser.add_argument("--table")
    options = parser.parse_args()
    table = parity_table.Table(options.table)
    failures = check_updates(options.program, table) + check_rates(options.program, options.configs, table)
    assert not failures, failures


if __name__ == "__main__":
    sys.exit(main())
