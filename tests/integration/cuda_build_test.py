#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The program of preset cuda on a machine whose GPUs, if it has any, are hidden: it trains on the CPU, and says what it
looked for when it is told to use a GPU.

Usage: cuda_build_test.py LAMBERT CONFIG
"""
import json
import os
import subprocess
import sys

LAMBERT, CONFIG = sys.argv[1:3]
ENVIRONMENT = dict(os.environ, CUDA_VISIBLE_DEVICES="")
BENCH = ["bench", "train", "--model", "tiny", "--dtype", "fp32", "--batch", "2", "--seconds", "0.1", "--json"]


def run(*arguments):
    return subprocess.run([LAMBERT, *arguments], capture_output=True, text=True, env=ENVIRONMENT)


def expect(claim, shown):
    if not claim:
        sys.exit(f"cuda_build_test: {shown}")


for device in ("cpu", "auto"):
    done = run(*BENCH, "--device", device)
    expect(done.returncode == 0, done)
    expect(json.loads(done.stdout)["device"] == "cpu", done.stdout)
for command in (("train", CONFIG, "device=cuda"), (*BENCH, "--device", "cuda")):
    done = run(*command)
    expect(done.returncode == 7, done)
    expect("choosing the device, device: cuda: looked for NVIDIA's driver (libcuda.so.1: " in done.stderr, done.stderr)
    expect("run lambert doctor to see what is missing, or set device: cpu" in done.stderr, done.stderr)
done = run("doctor", "--json", "--require", "cuda")
expect(done.returncode == 7, done)
print("the CUDA build trains on the CPU and refuses device: cuda without a GPU with exit code 7")
