#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compiles the CUDA kernels for the host with one deliberate fault after the other and demands that the sweep fails.

Works on a build that has kernels_cuda_host_test: a faulty copy of one source file is compiled and linked as the build
does it, into WORK, and run with the tests of that kernel. Without a fault these tests must pass.

Usage: cuda_faults.py BUILD [--table FILE] [--only WORDS]      BUILD: build/cpu; build/asan for those that only
                                                                 AddressSanitizer sees
"""
import argparse
import dataclasses
import json
import pathlib
import shlex
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[3]
KERNELS = ROOT / "src/kernels"
TARGET = "kernels_cuda_host_test"
COMPILED = "cuda_on_host"  # the target that has the kernels' objects


@dataclasses.dataclass(frozen=True)
class Fault:
    kernel: str  # as in the table of docs/results/gpu_status.md
    file: str
    right: str
    wrong: str
    suites: str  # filter of the tests
    needs_asan: bool = False


# Where a header's fault is compiled.
SOURCES = {
    "dropout_multipliers": ["dropout_stream_cuda.cu"],
    "column_sums": ["column_sums_cuda.cu"],
    "dropout_residual_norm": ["dropout_residual_norm_cuda.cu"],
    "attention, forward": ["attention_forward_cuda.cu", "attention_backward_cuda.cu"],
    "LAMB": ["lamb_update_cuda.cu"],
}
NORM = "DropoutResidualNormCuda.*"
EMBEDDING = "EmbeddingCuda.*"
ATTENTION = "*AttentionCuda*"
GELU = "BiasGeluCuda.*"
FAULTS = [
    Fault("dropout_multipliers", "cuda_dropout.h", ">> (16 * (lane % 2))", ">> (16 * (lane / 4))", "DropoutStreamCuda.*"),
    Fault("dropout_multipliers", "cuda_dropout.h", "number >= mask.threshold", "number > mask.threshold",
          "DropoutStreamCuda.*"),
    Fault("dropout_multipliers", "dropout_stream_cuda.cu", "block / 16 * 128 + 16 * lane", "block / 16 * 128 + 8 * lane",
          "DropoutStreamCuda.*"),
    Fault("dropout_multipliers", "dropout_stream_cuda.cu", "if (column < columns) {\n      multipliers[column] = ((kept",
          "if (column <= columns) {\n      multipliers[column] = ((kept", "DropoutStreamCuda.*", True),
    Fault("dropout_multipliers", "cuda_dropout.h", "key = *mask.device_key;", "", "DropoutStreamCuda.*"),
    Fault("column_sums", "cuda_columns.h", "    __syncthreads();\n", "", "ColumnSumsCuda.*"),
    Fault("column_sums", "column_sums_cuda.cu", "  __syncthreads();\n", "", "ColumnSumsCuda.*"),
    Fault("column_sums", "cuda_columns.h", "first_row = rows * blockIdx.y / parts + threadIdx.y",
          "first_row = rows * blockIdx.y / parts + threadIdx.y + (blockIdx.y > 2 ? 1 : 0)", "ColumnSumsCuda.*"),
    Fault("column_sums", "column_sums_cuda.cu", "lane = 1; lane < kPartLanes", "lane = 1; lane < kPartLanes - 1",
          "ColumnSumsCuda.*"),
    Fault("bias_gelu", "bias_gelu_cuda.cu", "load<kWidth>(bias + first % columns)", "load<kWidth>(bias + pack % columns)",
          GELU),
    Fault("bias_gelu", "bias_gelu_cuda.cu", "pack >= packs", "pack > packs", GELU, True),
    Fault("bias_gelu", "bias_gelu_cuda.cu", "sums.values[i] += gradient.values[i];", "sums.values[i] += values.values[i];",
          GELU),
    Fault("dropout_residual_norm", "dropout_residual_norm_cuda.cu", "make_mask(shape, mask, row, kept);\n  __syncthreads();",
          "make_mask(shape, mask, row, kept);", NORM),
    Fault("dropout_residual_norm", "dropout_residual_norm_cuda.cu",
          "    __syncthreads();                    // the last row's mask may still be read\n", "", NORM),
    Fault("dropout_residual_norm", "cuda_rows.h", "  __syncthreads();  // the last sum may still be read\n", "", NORM),
    Fault("dropout_residual_norm", "cuda_rows.h", "    space[threadIdx.x / kWarp] = value;\n  }\n  __syncthreads();\n",
          "    space[threadIdx.x / kWarp] = value;\n  }\n", NORM),
    Fault("dropout_residual_norm", "cuda_dropout.h", "return column / 16 % 8;", "return column / 16 % 4;", NORM),
    Fault("dropout_residual_norm", "dropout_residual_norm_cuda.cu", "multiplier_of(mask, kept, c + i) : 1.0F;\n    x.values[i] += other",
          "multiplier_of(mask, kept, c) : 1.0F;\n    x.values[i] += other", NORM),
    Fault("dropout_residual_norm", "dropout_residual_norm_cuda.cu", "const std::int64_t own = blockIdx.x * columns;",
          "const std::int64_t own = blockIdx.x * columns + (blockIdx.x + 1 == gridDim.x ? 1 : 0);", NORM, True),
    Fault("embedding", "embedding_cuda.cu", "// the last row's was read before the barriers of its sums\n    __syncthreads();",
          "", EMBEDDING),
    Fault("embedding", "embedding_cuda.cu", "add_by_id(stream, {orders.by_position, shape.layout.position_of",
          "add_by_id(stream, {orders.by_word, shape.layout.position_of", EMBEDDING),
    Fault("embedding", "add_by_id_cuda.cu", "place < rows.count && id_at(rows, place - 1)",
          "place + 1 < rows.count && id_at(rows, place - 1)", EMBEDDING),
    Fault("embedding", "add_by_id_cuda.cu", "id_at(rows, chunk * kChunk) == id_at(rows, next))",
          "id_at(rows, chunk * kChunk) != id_at(rows, next))", EMBEDDING),
    Fault("embedding", "add_by_id_cuda.cu", "after <= count", "after < count", EMBEDDING),
    Fault("embedding", "add_by_id_cuda.cu", "  __syncthreads();\n", "", EMBEDDING),
    Fault("cross_entropy", "cross_entropy_cuda.cu", "  __syncthreads();\n  Seen all", "  Seen all", "CrossEntropyCuda.*"),
    Fault("cross_entropy", "cross_entropy_cuda.cu", "    __syncthreads();  // thread 0 has read the label's logit\n", "",
          "CrossEntropyCuda.*"),
    Fault("cross_entropy", "cross_entropy_cuda.cu", "c + i == label ?", "c + i == label + 1 ?", "CrossEntropyCuda.*"),
    Fault("cross_entropy", "cross_entropy_cuda.cu", "{largest, sum, a.place < b.place ? a.place : b.place}",
          "{largest, sum, a.place < b.place ? b.place : a.place}", "CrossEntropyCuda.*"),
    Fault("cross_entropy", "cross_entropy_cuda.cu", "correct += losses[row].correct;", "correct = losses[row].correct;",
          "CrossEntropyCuda.*"),
    Fault("cross_entropy", "cross_entropy_cuda.cu", "      become_zero(row, classes);\n", "", "CrossEntropyCuda.*"),
    Fault("attention, forward", "attention_forward_cuda.cu", "      __syncthreads();  // the last values have been read\n", "",
          ATTENTION),
    Fault("attention, forward", "attention_forward_cuda.cu",
          "      __syncthreads();  // the keys have been read, the weights are there\n", "", ATTENTION),
    Fault("attention, forward", "attention_forward_cuda.cu", "keys.length - keys.first - threadIdx.x;",
          "keys.length - keys.first - threadIdx.x + 1;", ATTENTION),
    Fault("attention, forward", "attention_forward_cuda.cu", "softmax.sum[i] = softmax.sum[i] * factor",
          "softmax.sum[i] = softmax.sum[i]", ATTENTION),
    Fault("attention, forward", "attention_forward_cuda.cu", "return 0xFFFFU << (kSide * (threadIdx.y % 2));",
          "return kAllLanes;", ATTENTION),
    Fault("attention, forward", "cuda_attention_tiles.h", "if (row < row_count && column < shape.head_size)",
          "if (row <= row_count && column < shape.head_size)", ATTENTION, True),
    Fault("attention, forward", "cuda_attention_tiles.h", "head * 65536 + query", "head * 65536 + query / 2", ATTENTION),
    Fault("attention, forward", "cuda_attention_tiles.h", "if (dropout_block(key) != block) {", "if (k == 0) {", ATTENTION),
    Fault("attention, forward", "attention.h", "place * hidden_size()", "place * head_size", ATTENTION),
    Fault("attention, backward", "attention_backward_cuda.cu",
          "      __syncthreads();  // the last keys have been read\n", "", ATTENTION),
    Fault("attention, backward", "attention_backward_cuda.cu",
          "      multiply_rows(above, others, stride, gradients);\n      __syncthreads();\n",
          "      multiply_rows(above, others, stride, gradients);\n", ATTENTION),
    Fault("attention, backward", "attention_backward_cuda.cu",
          "      __syncthreads();  // the last queries and the square have been read\n", "", ATTENTION),
    Fault("attention, backward", "attention_backward_cuda.cu",
          "value_sums);\n      __syncthreads();\n", "value_sums);\n", ATTENTION),
    Fault("attention, backward", "attention_backward_cuda.cu", "mask_of_square<false>(mask, sample, head, first, tile.first - begin)",
          "mask_of_square<false>(mask, sample, head, tile.first - begin, first)", ATTENTION),
    Fault("attention, backward", "attention_backward_cuda.cu", "(multiplier * gradient - product)",
          "(gradient - product)", ATTENTION),
    Fault("attention, backward", "attention_backward_cuda.cu", "if (column < count && row >= begin",
          "if (column < count && row > begin", ATTENTION),
    Fault("LAMB", "lamb_update_cuda.cu", "plan.tensors[tensor].decayed ?", "plan.tensors[tensor / 2].decayed ?", "LambUpdateCuda.*"),
    Fault("LAMB", "cuda_update.h", "i = fours + threadIdx.x; i < end", "i = fours + threadIdx.x; i + 1 < end",
          "LambUpdateCuda.*"),
    Fault("LAMB", "lamb_update_cuda.cu", "sums[tensor.first_sum + i].update", "sums[i].update", "LambUpdateCuda.*"),
    Fault("LAMB", "lamb_update_cuda.cu", "step.rate * made.trust_ratio", "step.rate", "LambUpdateCuda.*"),
    Fault("LAMB", "lamb_element.h", "c.weight_decay * weight;", "c.weight_decay * (weight + moments.first);", "LambUpdateCuda.*"),
    Fault("gradient norm", "gradient_squares_cuda.cu", "i < tensor.sum_count", "i + 1 < tensor.sum_count",
          "GradientSquaresCuda.*"),
    Fault("gradient norm", "gradient_squares_cuda.cu", "result.first_non_finite < 0 &&", "true &&", "GradientSquaresCuda.*"),
    Fault("gradient norm", "gradient_squares_cuda.cu", "!(squares[tensor] < INFINITY)", "squares[tensor] == INFINITY",
          "GradientSquaresCuda.*"),
    Fault("add_bias", "add_bias_cuda.cu", "values + blockIdx.x * row_stride", "values + blockIdx.x / 2 * row_stride", "AddBiasCuda.*"),
    Fault("bfloat16 casts", "bfloat16_cast_cuda.cu", "if (pack < packs)", "if (pack + 1 < packs)", "Bfloat16CastCuda.*"),
    Fault("bfloat16 casts", "bfloat16_cast_cuda.cu", "in_packs ? count / kNeighbours : count", "count / kNeighbours",
          "Bfloat16CastCuda.*"),
]


def replace_output(words: list[str], output: pathlib.Path) -> list[str]:
    words = list(words)
    words[words.index("-o") + 1] = str(output)
    return words


class Build:
    """The commands with which the build makes the test program."""

    def __init__(self, directory: pathlib.Path):
        self.directory = directory.resolve()
        self.compile_commands = {}
        for entry in json.loads((self.directory / "compile_commands.json").read_text()):
            words = shlex.split(entry["command"])
            if f"/{COMPILED}.dir/" in entry["command"] and entry["file"].endswith(".cu"):
                self.compile_commands[pathlib.Path(entry["file"]).name] = words
        listed = subprocess.run(["ninja", "-C", str(self.directory), "-t", "commands", TARGET], check=True,
                                capture_output=True, text=True).stdout.splitlines()
        self.link_command = shlex.split(listed[-1].removeprefix(": && ").removesuffix(" && :"))

    def object_of(self, source: str) -> str:
        words = self.compile_commands[source]
        return words[words.index("-o") + 1]

    def make_faulty(self, work: pathlib.Path, fault: Fault) -> pathlib.Path:
        """The program with the fault in the kernel's sources: a header's fault is compiled into these alone."""
        text = (KERNELS / fault.file).read_text()
        if text.count(fault.right) != 1:
            sys.exit(f"cuda_faults: {fault.file} has {fault.right!r} {text.count(fault.right)} times")
        copies = work / "copy" / "kernels"
        copies.mkdir(parents=True)
        (copies / fault.file).write_text(text.replace(fault.right, fault.wrong))
        faulty = []
        link = replace_output(self.link_command, work / "program")
        for source in [fault.file] if fault.file.endswith(".cu") else SOURCES[fault.kernel]:
            made = work / f"{source}.o"
            words = replace_output(self.compile_commands[source], made)
            # The first include folder wins: the faulty copy's must stand before all others.
            words.insert(next(i for i, word in enumerate(words) if word.startswith("-I")), f"-I{work / 'copy'}")
            if source == fault.file:
                words[-1] = str(copies / source)
            subprocess.run(words, cwd=self.directory, check=True)
            link.remove(self.object_of(source))
            faulty.append(str(made))
        # Of an inline function that several objects hold, the linker takes the first.
        place = next(i for i, word in enumerate(link) if word.endswith(".o") and word[0] != "/")
        link[place:place] = faulty
        subprocess.run(link, cwd=self.directory, check=True)
        return work / "program"


def passes(program: pathlib.Path, suites: str) -> bool:
    done = subprocess.run([str(program), f"--gtest_filter={suites}"], capture_output=True, text=True)
    if "0 tests from 0 test suites ran" in done.stdout:
        sys.exit(f"cuda_faults: no test matches {suites}")
    return done.returncode == 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("--table", type=pathlib.Path)
    parser.add_argument("--only", default="", help="faults whose kernel or file contains this")
    arguments = parser.parse_args()
    build = Build(arguments.build)
    with_asan = "address" in " ".join(build.link_command)
    chosen = [f for f in FAULTS if arguments.only in f"{f.kernel} {f.file}" and f.needs_asan == with_asan]
    for suites in sorted({fault.suites for fault in chosen}):
        if not passes(build.directory / "bin" / TARGET, suites):
            sys.exit(f"cuda_faults: {suites} fails without a fault")
    missed, rows = 0, []
    for fault in chosen:
        with tempfile.TemporaryDirectory() as work:
            caught = not passes(build.make_faulty(pathlib.Path(work), fault), fault.suites)
        missed += 0 if caught else 1
        rows.append(f"| {fault.kernel} | `{fault.file}` | `{' '.join(fault.right.split())}` → "
                    f"`{' '.join(fault.wrong.split())}` | {'caught' if caught else '**missed**'} |")
        print(rows[-1], flush=True)
    print(f"{len(chosen) - missed} of {len(chosen)} faults were caught")
    if arguments.table:
        arguments.table.write_text("\n".join(rows) + "\n")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
