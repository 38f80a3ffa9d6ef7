# SPDX-License-Identifier: Apache-2.0
"""One LAMB step in PyTorch over a BERT's parameters, fp32: torch._foreach functions, or the same under torch.compile.

Usage: pytorch_lamb.py SIZE MODE [--seconds S]
SIZE tiny, mini, base, large; MODE foreach, compile. Prints one JSON object.
"""
import argparse
import json
import statistics
import time

import torch
from transformers import BertForPreTraining

from bert_sizes import SIZES, bert_config

BETA1, BETA2, EPSILON, DECAY, RATE = 0.9, 0.999, 1e-6, 0.01, 1e-6


def lamb(weights, gradients, first, second, decayed, step):
    """You et al. 2020, algorithm 2, with bias correction; tensors without decay keep the ratio 1."""
    torch._foreach_lerp_(first, gradients, 1 - BETA1)
    torch._foreach_mul_(second, BETA2)
    torch._foreach_addcmul_(second, gradients, gradients, 1 - BETA2)
    denominator = torch._foreach_sqrt(second)
    torch._foreach_mul_(denominator, (1 - BETA2**step) ** -0.5)
    torch._foreach_add_(denominator, EPSILON)
    update = torch._foreach_div(first, denominator)
    torch._foreach_mul_(update, 1 / (1 - BETA1**step))
    if any(decayed):
        torch._foreach_add_([u for u, d in zip(update, decayed) if d], [w for w, d in zip(weights, decayed) if d], alpha=DECAY)
    ratios = [w / u if d else torch.ones(()) for w, u, d in
              zip(torch._foreach_norm(weights), torch._foreach_norm(update), decayed)]
    torch._foreach_mul_(update, [RATE * ratio for ratio in ratios])
    torch._foreach_sub_(weights, update)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("size", choices=SIZES)
    parser.add_argument("mode", choices=["foreach", "compile"])
    parser.add_argument("--seconds", type=float, default=5.0)
    options = parser.parse_args()
    model = BertForPreTraining(bert_config(options.size))
    named = list(model.named_parameters())
    weights = [parameter.detach() for _, parameter in named]
    decayed = [not ("bias" in name or "LayerNorm" in name) for name, _ in named]
    gradients = [1e-3 * torch.randn_like(weight) for weight in weights]
    first, second = ([torch.zeros_like(weight) for weight in weights] for _ in range(2))
    step = torch.compile(lamb) if options.mode == "compile" else lamb
    with torch.no_grad():
        for _ in range(3):
            step(weights, gradients, first, second, decayed, 10)
        times, end = [], time.perf_counter() + options.seconds
        while time.perf_counter() < end or len(times) < 3:
            start = time.perf_counter()
            step(weights, gradients, first, second, decayed, 10)
            times.append(time.perf_counter() - start)
    print(json.dumps({"mode": options.mode, "parameters": sum(weight.numel() for weight in weights),
                      "threads": torch.get_num_threads(), "milliseconds": 1e3 * statistics.median(times)}))


if __name__ == "__main__":
    main()
