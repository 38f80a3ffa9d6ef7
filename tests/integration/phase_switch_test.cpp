// SPDX-License-Identifier: Apache-2.0
// What the optimizer does at the switch of phases, read from real checkpoints on both sides of it.
#include <map>
#include <string>

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>

#include "checkpoint/safetensors.h"
#include "support/temp_directory.h"
#include "support/train_run.h"

namespace lambert {
namespace {

namespace fs = std::filesystem;
using Tensors = std::map<std::string, at::Tensor>;

constexpr int kLastStepOfFirstPhase = 24;

/// A run over both phases with a checkpoint of every step; its `file` after `step` steps.
class TwoPhases {
 public:
  explicit TwoPhases(std::vector<std::string> overrides)
      : run_{make_tiny_run(folder_.path()), folder_ / "run", std::move(overrides)} {
    run_.overrides.emplace_back("checkpoint.save_steps=1");
    EXPECT_EQ(run_.run(1), 0) << content_of(run_.log());
  }
  fs::path file(int step, const std::string& name) const {
    return run_.output_dir /
           ("checkpoint-000000" + std::string(step < 10 ? "0" : "") + std::to_string(step)) / name;
  }
  Tensors tensors(int step, const std::string& name) const {
    return read_safetensors(file(step, name));
  }

 private:
  TempDirectory folder_;
  TrainRun run_;
};

TEST(PhaseSwitch, KeepsTheMomentsUnlessToldOtherwise) {
  const TwoPhases run({});
  const Tensors before = run.tensors(kLastStepOfFirstPhase, "optimizer.safetensors");
  const Tensors after = run.tensors(kLastStepOfFirstPhase + 1, "optimizer.safetensors");
  for (const auto& [name, moment] : before) {
    if (name.ends_with(".exp_avg_sq")) {  // v + 0.001 (g * g - v) is at least 0.999 v
      EXPECT_TRUE(after.at(name).ge(moment * 0.99899).all().item<bool>()) << name;
      EXPECT_GT(moment.max().item<float>(), 0.0F) << name;
    }
  }
  EXPECT_EQ(json_of(run.file(kLastStepOfFirstPhase + 1, "train_state.json"))["optimizer_steps"],
            25);
}

TEST(PhaseSwitch, ResetStartsBothMomentsAndTheCounterFromZero) {
  const TwoPhases run({"phases[1].moments=reset"});
  const Tensors after = run.tensors(kLastStepOfFirstPhase + 1, "optimizer.safetensors");
  for (const auto& [name, first] : after) {
    if (name.ends_with(".exp_avg")) {  // 0.1 g and 0.001 g * g
      const at::Tensor squared = after.at(name + "_sq") * 10.0;
      EXPECT_LT((first * first - squared).norm().item<double>(),
                1e-5 * squared.norm().item<double>() + 1e-30)
          << name;
    }
  }
  EXPECT_EQ(json_of(run.file(kLastStepOfFirstPhase + 1, "train_state.json"))["optimizer_steps"], 1);
}

// Phase 1 has 16 positions, the model 32: the table is whole from the start, and rows that were
// never looked up have no moments.
TEST(PhaseSwitch, ThePositionTableHasAllItsRowsInTheFirstPhase) {
  const TwoPhases run({});
  const std::string name = "bert.embeddings.position_embeddings.weight";
  const at::Tensor table = run.tensors(kLastStepOfFirstPhase, "model.safetensors").at(name);
  ASSERT_EQ(table.size(0), 32);
  const at::Tensor moments =
      run.tensors(kLastStepOfFirstPhase, "optimizer.safetensors").at(name + ".exp_avg_sq");
  EXPECT_GT(moments.narrow(0, 0, 16).min().item<float>(), 0.0F);
  EXPECT_EQ(moments.narrow(0, 16, 16).abs().max().item<float>(), 0.0F);
  EXPECT_GT(table.narrow(0, 16, 16).abs().min().item<float>(), 0.0F);
  const at::Tensor later =
      run.tensors(kLastStepOfFirstPhase + 1, "optimizer.safetensors").at(name + ".exp_avg_sq");
  EXPECT_GT(later.narrow(0, 16, 16).max().item<float>(), 0.0F);
}

}  // namespace
}  // namespace lambert
