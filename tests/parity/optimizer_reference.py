# SPDX-License-Identifier: Apache-2.0
"""LAMB and AdamW in double precision, straight from the formulas, and the comparison with ours.

LAMB: You et al., "Large Batch Optimization for Deep Learning: Training BERT in 76 minutes", ICLR 2020, algorithm 2.
AdamW: Loshchilov and Hutter, "Decoupled Weight Decay Regularization", ICLR 2019, algorithm 2 (schedule multiplier 1,
decay scaled by the rate). Usage: optimizer_reference.py OPTIMIZER_TRACE
"""
import pathlib
import subprocess
import sys
import tempfile

import numpy
from safetensors.numpy import load_file, save_file

STEPS = 100
EXCLUDED = ("bias", "LayerNorm")
TOLERANCE = 1e-6  # fp32 against double after 100 steps, norm of the difference over norm of the tensor

VARIANTS = {
    "paper": {},
    "no bias correction": {"bias_correction": False},
    "step-size correction": {"bias_correction_placement": "step_size"},
    "without gradient averaging": {"grad_averaging": False},
    "epsilon inside": {"epsilon_inside_sqrt": True},
    "all adapted": {"adapt_excluded": True},
    "clamped ratio": {"trust_ratio_min": 0.01, "trust_ratio_max": 0.3},
    "clamped weight norm": {"weight_norm_max": 10.0},
    "no clipping": {"max_grad_norm": 0.0},
    "no decay": {"weight_decay": 0.0},
    "strong decay": {"weight_decay": 0.1},
    "adamw": {"name": "adamw"},
    "adamw of BERT": {"name": "adamw", "bias_correction": False},
}
DEFAULTS = {"name": "lamb", "bias_correction": True, "bias_correction_placement": "moments", "grad_averaging": True,
            "epsilon_inside_sqrt": False, "adapt_excluded": False, "trust_ratio_min": 0.0,
            "trust_ratio_max": float("inf"), "weight_norm_max": float("inf"), "max_grad_norm": 1.0,
            "weight_decay": 0.01, "adam_epsilon": 1e-6}


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


def reference(inputs, changes):
    c = {**DEFAULTS, **changes}
    beta1, beta2 = 0.9, 0.999
    names = [key[: -len(".weight0")] for key in inputs if key.endswith(".weight0")]
    w = {name: inputs[name + ".weight0"].astype(numpy.float64) for name in names}
    m = {name: numpy.zeros_like(w[name]) for name in names}
    v = {name: numpy.zeros_like(w[name]) for name in names}
    for t in range(1, STEPS + 1):
        gradients = {name: inputs[name + ".gradients"][t - 1].astype(numpy.float64) for name in names}
        norm = numpy.sqrt(sum(numpy.sum(g * g) for g in gradients.values()))
        clip = min(1.0, c["max_grad_norm"] / norm) if c["max_grad_norm"] > 0 else 1.0
        rate = 1e-2 * t / STEPS
        correction1 = 1 - beta1**t if c["bias_correction"] else 1.0
        correction2 = 1 - beta2**t if c["bias_correction"] else 1.0
        for name in names:
            g = gradients[name] * clip
            m[name] = beta1 * m[name] + ((1 - beta1) if c["grad_averaging"] else 1.0) * g
            v[name] = beta2 * v[name] + (1 - beta2) * g * g
            if c["bias_correction_placement"] == "moments":
                first, second, factor = m[name] / correction1, v[name] / correction2, 1.0
            else:
                first, second, factor = m[name], v[name], numpy.sqrt(correction2) / correction1
            root = numpy.sqrt(second + c["adam_epsilon"]) if c["epsilon_inside_sqrt"] else (
                numpy.sqrt(second) + c["adam_epsilon"])
            excluded = any(part in name for part in EXCLUDED)
            update = first / root + (0.0 if excluded else c["weight_decay"]) * w[name]
            trust = 1.0
            if c["name"] == "lamb" and (not excluded or c["adapt_excluded"]):
                weight_norm = min(numpy.linalg.norm(w[name].ravel()), c["weight_norm_max"])
                update_norm = numpy.linalg.norm(update.ravel())
                if weight_norm > 0 and update_norm > 0:
                    trust = min(max(weight_norm / update_norm, c["trust_ratio_min"]), c["trust_ratio_max"])
            w[name] = w[name] - rate * factor * trust * update
    return w, m, v


def relative_difference(ours, expected):
    difference = numpy.linalg.norm((ours.astype(numpy.float64) - expected).ravel())
    size = numpy.linalg.norm(expected.ravel())
    return difference / size if size > 0 else difference


def compare(program, folder, inputs, title, changes):
    settings = [f"{key}={str(value).lower()}" for key, value in changes.items()]
    output = folder / "output.safetensors"
    output.unlink(missing_ok=True)
    subprocess.run([program, folder / "input.safetensors", output, str(STEPS), *settings], check=True)
    ours = load_file(output)
    worst = 0.0
    for part, expected in zip(("weight", "first", "second"), reference(inputs, changes)):
        for name, tensor in expected.items():
            difference = relative_difference(ours[f"{name}.{part}"], tensor)
            assert difference <= TOLERANCE, (title, name, part, difference)
            worst = max(worst, difference)
    print(f"{title}: largest relative difference {worst:.1e}")


def main():
    inputs = make_inputs()
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        save_file(inputs, folder / "input.safetensors")
        for title, changes in VARIANTS.items():
            compare(sys.argv[1], folder, inputs, title, changes)


if __name__ == "__main__":
    main()
