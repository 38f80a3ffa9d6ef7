# SPDX-License-Identifier: Apache-2.0
"""lambert bench prints what it promises: keys, types, and figures that belong together.
Usage: bench_command_test.py LAMBERT SOURCE_DIRECTORY"""
import json
import pathlib
import subprocess
import sys
import tempfile

LAMBERT, SOURCE = sys.argv[1], pathlib.Path(sys.argv[2])
VOCABULARY = SOURCE / "data/sample/vocab.txt"
TEXT = SOURCE / "data/sample/training.txt"


def lambert(*arguments):
    return subprocess.run([LAMBERT, *map(str, arguments)], check=True, capture_output=True, text=True).stdout


def bench(*arguments):
    return json.loads(lambert("bench", *arguments, "--seconds", 0.3, "--json"))


def check_memory(model, dtype, batch, length):
    """What lambert check predicts, without the moments, is within 10 % of what a step took."""
    layers, hidden, heads, inner = {"tiny": (2, 128, 2, 512), "mini": (4, 256, 4, 1024)}[model]
    with tempfile.TemporaryDirectory() as folder:
        config = pathlib.Path(folder) / "config.yaml"
        config.write_text(f"""output_dir: {folder}/run
model: {{hidden_size: {hidden}, num_hidden_layers: {layers}, num_attention_heads: {heads}, intermediate_size: {inner}}}
precision: {dtype}
phases:
  - {{name: only, data: none, max_seq_length: {length}, max_predictions_per_seq: {20 * length // 128},
     global_train_batch_size: {batch}, per_device_train_batch_size: {batch}, max_steps: 1, learning_rate: 1.0e-3}}
""")
        plan = json.loads(lambert("check", config, "--no-data", "--json"))["phases"][0]["memory_bytes_per_rank"]
    measured = bench("train", "--model", model, "--dtype", dtype, "--batch", batch,
                     "--max-seq-length", length)["peak_memory_bytes"]
    assert abs((plan["total"] - plan["moments"]) / measured - 1) < 0.1, (model, dtype, plan, measured)


def main():
    for dtype in ("fp32", "bf16", "fp16"):
        train = bench("train", "--model", "tiny", "--dtype", dtype, "--batch", 2, "--max-seq-length", 64)
        assert train["tokens_per_second_slowest"] <= train["tokens_per_second"] <= train["tokens_per_second_fastest"]
        assert train["matmul_fraction"] > 0, train
        assert train["peak_memory_bytes"] > 4 * 4_400_000, train  # four million fp32 weights, at the least
        assert abs(train["loss"] - 11.0) < 0.5, train  # ln 30522 + ln 2
        assert train["steps"] >= 3 and train["batch"] == 2, train
        matmul = bench("matmul", "--model", "tiny", "--dtype", dtype)
        assert sum(key.endswith("_gflops") and value > 0 for key, value in matmul.items()) == 9, matmul
    check_memory("tiny", "fp32", 128, 128)
    check_memory("mini", "bf16", 64, 128)
    check_memory("mini", "bf16", 16, 512)
    lamb = bench("lamb", "--model", "tiny")
    expected = lamb["bytes_per_parameter"] * lamb["parameters"] / (lamb["milliseconds"] * 1e6)
    assert abs(lamb["bandwidth_fraction"] * lamb["copy_bandwidth_gb_per_second"] / expected - 1) < 1e-6, lamb
    tokenize = bench("tokenize", "--tokenizer", VOCABULARY, TEXT)
    ids = subprocess.run([LAMBERT, "tokenize", "--tokenizer", VOCABULARY], check=True, capture_output=True,
                         stdin=TEXT.open("rb")).stdout
    assert tokenize["tokens"] == len(ids.split()), tokenize
    with tempfile.TemporaryDirectory() as folder:
        lambert("prepare", "--tokenizer", VOCABULARY, "--max-seq-length", 128, "--output", f"{folder}/data", TEXT)
        loader = bench("loader", f"{folder}/data", "--batch", 16)
    assert loader["tokens_per_second"] > 0 and loader["batches"] >= 3, loader
    assert "tokens_per_second" in lambert("bench", "train", "--model", "tiny", "--batch", 1, "--seconds", 0.2)


if __name__ == "__main__":
    main()
