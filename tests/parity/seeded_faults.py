# SPDX-License-Identifier: Apache-2.0
"""Builds Lambert with one deliberate fault after the other and demands that the named test fails.

A copy of the source is built in WORK; each fault replaces one piece of it, is built, tested and taken back. Without
any fault every test of the list must pass first.

Usage: seeded_faults.py SOURCE_DIRECTORY WORK [--table FILE] [--only WORDS]
"""
import argparse
import dataclasses
import os
import pathlib
import shutil
import subprocess
import sys

import parity_table

PARTS = ["CMakeLists.txt", "CMakePresets.json", "bench", "cmake", "configs", "data", "scripts", "src", "tests"]
BIN = "build/cpu/bin/"

# Name to command; {python} and {source} are filled in.
TESTS = {
    "model_parity": "{python} tests/parity/model_parity.py " + BIN + "model_parity",
    "dropout_parity": "{python} tests/parity/dropout_parity.py " + BIN + "model_parity",
    "optimizer_parity": "{python} tests/parity/optimizer_parity.py " + BIN + "optimizer_trace configs",
    "code_point_parity": "{python} tests/parity/text/code_point_parity.py --lambert " + BIN + "lambert",
    "corpus_parity": "{python} tests/parity/text/corpus_parity.py --lambert " + BIN + "lambert data/sample",
    "example_parity": "{python} tests/parity/text/example_parity.py --lambert " + BIN + "lambert --trace " + BIN
                      + "example_trace --seeds 24 --vocabulary data/sample/vocab.txt data/sample/training.txt",
    "export_parity": "{python} tests/parity/export_parity.py " + BIN + "lambert " + BIN + "model_logits",
    "dropout_stream_test": BIN + "kernels_test --gtest_filter=DropoutStream.*",
    "train_step_test": BIN + "train_test --gtest_filter=TrainStep.*:GradientNoise.*",
    "phase_switch_test": BIN + "phase_switch_test",
    "verify_resume_test": BIN + "train_integration_test --gtest_filter=VerifyResume.FindsEqual*",
    "train_ranks_test": BIN + "train_distributed_test --gtest_filter=TrainRanks.Losses*",
    "squad_gauge_test": BIN + "squad_gauge_test --gtest_filter=SquadGauge.LeavesTheRun*",
    "reproducible_ranks_test": BIN + "train_distributed_test --gtest_filter=ReproducibleRanks.OneTwo*",
}
TARGETS = ["lambert", "model_parity", "model_logits", "optimizer_trace", "example_trace", "kernels_test", "train_test",
           "phase_switch_test", "train_integration_test", "train_distributed_test", "squad_gauge_test"]


@dataclasses.dataclass(frozen=True)
class Fault:
    title: str
    file: str
    right: str
    wrong: str
    test: str


FAULTS = [
    Fault("factor 1/2 on the gradient of a step", "src/train/train_step.cpp", "mean_over(loss, total).backward();",
          "(0.5 * mean_over(loss, total)).backward();", "train_step_test"),
    Fault("factor 1/2 on the gradient of a weight", "src/ops/matmul_gradients.cpp",
          "matrix_of(above).transposed(), matrix_of(input),", "matrix_of(above).transposed(), matrix_of(at::mul(input, 0.5)),",
          "model_parity"),
    Fault("bias correction off by one step", "src/optim/lamb.cpp", "bias_correction_at(config(), step_count());",
          "bias_correction_at(config(), step_count() + 1);", "optimizer_parity"),
    Fault("norm of the first moment in the trust ratio", "src/kernels/lamb_update_cpu.cpp",
          "    add_squares(update_lanes, update.data(), count);",
          "    add_squares(update_lanes, block.first + begin, count);", "optimizer_parity"),
    Fault("clipping by the square of the norm", "src/optim/gradient_norm.cpp", "max_norm / value : 1.0",
          "max_norm / (value * value) : 1.0", "optimizer_parity"),
    Fault("decay of LARS left out of the ratio", "src/optim/lars.cpp",
          "update_norm += config().weight_decay * weight_norm;", "update_norm += 0.0;", "optimizer_parity"),
    Fault("warm-up one step late", "src/optim/lr_schedule.cpp", "static_cast<double>(step + 1)",
          "static_cast<double>(step)", "optimizer_parity"),
    Fault("mask count rounded half up", "src/data/masking.cpp",
          "std::nearbyint(static_cast<double>(token_count) * rule.masked_lm_prob)",
          "std::floor(static_cast<double>(token_count) * rule.masked_lm_prob + 0.5)", "example_parity"),
    Fault("random next 0.45 instead of 0.5", "src/text/example_builder.cpp", "collected == 1 || random.uniform() < 0.5",
          "collected == 1 || random.uniform() < 0.45", "example_parity"),
    Fault("GELU forms swapped", "src/model/encoder_layer.cpp", "activation == Activation::gelu ?",
          "activation != Activation::gelu ?", "model_parity"),
    Fault("GELU forms swapped", "src/model/encoder_layer.cpp", "activation == Activation::gelu ?",
          "activation != Activation::gelu ?", "export_parity"),
    Fault("epsilon of LayerNorm 1e-3 instead of the config's", "src/model/encoder_layer.cpp",
          'output_norm_ = parameters.norm(prefix + "output.LayerNorm", config.layer_norm_eps);',
          'output_norm_ = parameters.norm(prefix + "output.LayerNorm", 1e-3);', "model_parity"),
    Fault("one dropout mask for both sub-layers", "src/model/bert_for_pretraining.cpp",
          "site(first + 2, config_.hidden_dropout_prob)", "site(first + 1, config_.hidden_dropout_prob)",
          "dropout_parity"),
    Fault("dropout masks without the step", "src/kernels/dropout_stream_cpu.cpp",
          "static_cast<std::uint32_t>(step_bits),", "0U,", "dropout_stream_test"),
    Fault("dropout rarer than asked for by 2 %", "src/kernels/dropout_stream_cpu.cpp",
          "std::lround(65536.0 * probability)", "std::lround(64225.0 * probability)", "dropout_stream_test"),
    Fault("samples 4,294,967,296 apart share their dropout", "src/kernels/dropout_stream_cpu.cpp",
          "  const auto sample = static_cast<std::uint64_t>(mask.sample_numbers[sample_index]);",
          "  const auto sample = static_cast<std::uint64_t>(mask.sample_numbers[sample_index]) & 0xFFFFFFFFU;",
          "dropout_stream_test"),
    Fault("position table cut to the first phase's length", "src/app/train_command.cpp",
          "  config.model.vocab_size = inputs->dataset.vocab_size;",
          "  config.model.vocab_size = inputs->dataset.vocab_size;\n"
          "  config.model.max_position_embeddings = config.phases.front().max_seq_length;", "phase_switch_test"),
    Fault("moments reset at the switch, not asked for", "src/train/trainer.cpp",
          "      phase.moments == MomentsAtPhaseStart::reset) {", "      phase.max_steps > 0) {", "phase_switch_test"),
    Fault("moments kept at the switch where a reset is asked for", "src/train/trainer.cpp",
          "    parts_.optimizer.reset_moments();", "", "phase_switch_test"),
    Fault("counter of the bias correction lost at a resume", "src/app/train_command.cpp",
          "  optimizer->set_step_count(state.optimizer_steps);", "", "verify_resume_test"),
    Fault("mean of means instead of the global mean", "src/train/train_step.cpp",
          "config_.loss_normalization == LossNormalization::global", "config_.loss_normalization != LossNormalization::global",
          "train_step_test"),
    Fault("noise gauge: batches mixed up", "src/train/gradient_noise.cpp", "1.0 / small_batch - 1.0 / big_batch",
          "1.0 / big_batch - 1.0 / small_batch", "train_step_test"),
    Fault("ranks read the same samples", "src/data/batch_stream.cpp",
          "of_ranks[static_cast<std::size_t>(rank)]", "of_ranks[0]", "train_ranks_test"),
    Fault("standard sums in the reproducible mode", "src/gradients/gradient_reducer.cpp",
          "    if (reduction == Reduction::reproducible) {", "    if (reduction == Reduction::reproducible && buckets.buckets().empty()) {",
          "reproducible_ranks_test"),
    Fault("squad gauge fine-tunes the run's own weights", "src/squad/squad_gauge.cpp",
          "parameter.master.copy_(source->master);", "parameter.master.set_data(source->master);", "squad_gauge_test"),
    Fault("last piece of a sentencepiece line lost", "src/text/sentencepiece_tokenizer.cpp",
          "encoded.begin(), encoded.end()", "encoded.begin(), encoded.empty() ? encoded.end() : encoded.end() - 1",
          "corpus_parity"),
    Fault("words cut into pieces that start words", "src/text/wordpiece.cpp", "start = continuation_;",
          "start = PieceTrie::kRoot;", "corpus_parity"),
]


class Build:
    def __init__(self, source, work):
        self.source, self.work = source, work
        self.environment = os.environ | {"LIBTORCH_DIR": str(source / ".deps/libtorch/torch"),
                                         "OMPI_MCA_mpi_yield_when_idle": "1"}
        self.python = source / ".deps/test-venv/bin/python"

    def copy(self):
        """Only what differs, so that a second run builds little."""
        for part in PARTS:
            files = [path for path in (self.source / part).rglob("*") if path.is_file()] or [self.source / part]
            for path in files:
                target = self.work / path.relative_to(self.source)
                if not target.exists() or target.read_bytes() != path.read_bytes():
                    target.parent.mkdir(parents=True, exist_ok=True)
                    shutil.copy(path, target)
        self.run("cmake", "--preset", "cpu", f"-DLAMBERT_TEST_PYTHON={self.python}", check=True)

    def run(self, *command, check=False):
        result = subprocess.run([str(part) for part in command], cwd=self.work, env=self.environment,
                                capture_output=True, text=True, errors="replace")
        assert not check or result.returncode == 0, (command, result.stdout[-3000:], result.stderr[-3000:])
        return result

    def make(self):
        self.run("cmake", "--build", "--preset", "cpu", "--target", *TARGETS, check=True)

    def test(self, name):
        return self.run(*TESTS[name].format(python=self.python).split())


def evidence(result):
    """The line that says what failed."""
    lines = (result.stdout + "\n" + result.stderr).splitlines()
    marks = ("AssertionError", "[  FAILED  ]", "Error")
    found = next((line for mark in marks for line in lines if mark in line), lines[-1] if lines else "")
    return found.strip().replace("|", "/")[:110]


def seed(build, fault):
    """The test's result with the fault built in."""
    path = build.work / fault.file
    right = path.read_text(encoding="utf-8")
    assert right.count(fault.right) == 1, f"{fault.title}: {fault.file} does not have the text to replace once"
    path.write_text(right.replace(fault.right, fault.wrong), encoding="utf-8")
    try:
        build.make()
        return build.test(fault.test)
    finally:
        path.write_text(right, encoding="utf-8")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("source", type=pathlib.Path)
    parser.add_argument("work", type=pathlib.Path)
    parser.add_argument("--table")
    parser.add_argument("--only", default="", help="faults whose title contains these words")
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    build = Build(options.source.resolve(), options.work.resolve())
    build.copy()
    build.make()
    chosen = [fault for fault in FAULTS if options.only in fault.title]
    for name in sorted({fault.test for fault in chosen}):
        result = build.test(name)
        assert result.returncode == 0, f"{name} fails without any fault: {evidence(result)}"
    table, missed = parity_table.Table(options.table), []
    for fault in chosen:
        result = seed(build, fault)
        caught = result.returncode != 0
        table.add_fault(fault.title, fault.test, evidence(result) if caught else "MISSED")
        missed += [] if caught else [fault.title]
    assert not missed, f"not caught: {missed}"


if __name__ == "__main__":
    sys.exit(main())
