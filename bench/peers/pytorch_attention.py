# SPDX-License-Identifier: Apache-2.0
"""scaled_dot_product_attention on this CPU: forward and backward with dropout 0.1.

Usage: pytorch_attention.py DTYPE --batch N --heads N --max-seq-length N --head-size N [--seconds S]
DTYPE fp32, bf16, fp16. Prints one JSON object.
"""
import argparse
import json
import statistics
import time

import torch
from torch.nn import functional

DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dtype", choices=DTYPES)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--heads", type=int, default=12)
    parser.add_argument("--max-seq-length", type=int, default=128)
    parser.add_argument("--head-size", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=5.0)
    options = parser.parse_args()
    dtype = DTYPES[options.dtype]
    shape = (options.batch, options.heads, options.max_seq_length, options.head_size)
    query, key, value = (torch.randn(shape).to(dtype).requires_grad_(True) for _ in range(3))
    above = torch.randn(shape).to(dtype)

    def step():
        functional.scaled_dot_product_attention(query, key, value, dropout_p=0.1).backward(above)
        query.grad = key.grad = value.grad = None
    for _ in range(3):
        step()
    times, end = [], time.perf_counter() + options.seconds
    while time.perf_counter() < end or len(times) < 3:
        start = time.perf_counter()
        step()
        times.append(time.perf_counter() - start)
    print(json.dumps({"dtype": options.dtype, "threads": torch.get_num_threads(),
                      "milliseconds": 1e3 * statistics.median(times)}))


if __name__ == "__main__":
    main()
