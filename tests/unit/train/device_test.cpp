// SPDX-License-Identifier: Apache-2.0
// A whole step on a device against the same step on the CPU: the blocks, both heads, the reducer,
// LAMB, checkpoints. Compiled twice (support/device_under_test.h): on every machine over kernels
// that run on the host, and for a GPU.
#include <cmath>
#include <filesystem>
#include <limits>
#include <memory>

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/tensor.h>

#include "base/file_system.h"
#include "checkpoint/safetensors.h"
#include "checkpoint/safetensors_reader.h"
#include "config/enum_names.h"
#include "gradients/sharded_parameters.h"
#include "model/bert_for_question_answering.h"
#include "support/device_under_test.h"
#include "support/run_ranks.h"
#include "support/temp_directory.h"
#include "support/tiny_step.h"
#include "train/named_parameters.h"
#include "train/replica_check.h"
#include "train/train_step.h"

namespace lambert {
namespace {

constexpr std::int64_t kLength = 21;

RunConfig tiny_config(Precision precision) {
  RunConfig config = testing::tiny_step_config();
  config.model.max_position_embeddings = kLength;
  config.precision = precision;
  config.attention_kernel = AttentionKernelName::tiled;  // the masks of the CPU
  return config;
}

/// Micro-batch `rank` of the step, or both. Two sequences of the six are followed by another
/// document: with as many of either kind the gradients of the NSP head would all but cancel, and
/// show rounding alone.
StepBatch step_batch(std::int64_t step, int rank, int ranks) {
  StepBatch batch{step, {}};
  for (int number = 0; number < 2; ++number) {
    if (number % ranks == rank) {
      batch.micro_batches.push_back(
          testing::sequences(10 * step + 4 * number, 3, kLength, /*shorter_by=*/4));
    }
  }
  return batch;
}

/// One rank's part of a run.
struct RankRun {
  RankRun(const RunConfig& the_config, const at::Device& device, Communicator& communicator)
      : config(the_config),
        model(config.model, config.precision, 3, config.gradient_checkpointing, device),
        buckets(named_parameters(model.parameters()), 20'000),
        sharded(config.communication.sharded_optimizer
                    ? std::make_unique<ShardedParameters>(communicator, buckets)
                    : nullptr),
        reducer(communicator, buckets, Reduction::standard, sharded.get()),
        optimizer(make_optimizer(config.optimizer, buckets.parameters(), sharded.get())),
        step(config, communicator, model, buckets, reducer, *optimizer, progress) {
    model.use(choose_kernels(kernel_request(config), config.model, device));
  }

  /// Every weight in the compute type, one after the other, on the CPU in fp32.
  at::Tensor weights() const {
    std::vector<at::Tensor> flat;
    for (const ModelParameter& parameter : model.parameters()) {
      flat.push_back(parameter.compute.detach().cpu().to(at::kFloat).flatten());
    }
    return at::cat(flat);
  }

  RunConfig config;
  BertForPreTraining model;
  GradientBuckets buckets;
  std::unique_ptr<ShardedParameters> sharded;
  GradientReducer reducer;
  std::unique_ptr<Optimizer> optimizer;
  RunProgress progress;
  TrainStep step;
};

double relative_difference(const at::Tensor& found, const at::Tensor& expected) {
  return ((found - expected).norm() / expected.norm()).item<double>();
}

/// fp32 sums in another order; the narrow types round activations at other places, to 8 and to 11
/// bits.
double tolerance_of(Precision precision) {
  return precision == Precision::fp32 ? 2e-5 : precision == Precision::bf16 ? 3e-2 : 4e-3;
}

class DeviceParity : public ::testing::TestWithParam<Precision> {};

/// One step on the device against one on the CPU, which has no other attention than the tiled one.
void compare_gradients(const RunConfig& config) {
  const auto alone = make_single_communicator();
  RunConfig host_config = config;
  host_config.attention_kernel = AttentionKernelName::automatic;
  RankRun host(host_config, at::kCPU, *alone);
  RankRun device(config, testing::device_under_test(), *alone);
  for (RankRun* run : {&host, &device}) {
    run->config.optimizer.weight_decay = 0.0;
  }
  const StepResult expected = host.step.run(step_batch(1, 0, 1), 0, 0.0);
  const StepResult found = device.step.run(step_batch(1, 0, 1), 0, 0.0);
  const double tolerance = tolerance_of(config.precision);
  EXPECT_NEAR(found.losses.mlm_sum, expected.losses.mlm_sum, tolerance * expected.losses.mlm_sum);
  EXPECT_NEAR(found.losses.nsp_sum, expected.losses.nsp_sum, tolerance * expected.losses.nsp_sum);
  EXPECT_EQ(found.losses.masked_tokens, expected.losses.masked_tokens);
  EXPECT_EQ(found.losses.mlm_correct, expected.losses.mlm_correct);
  EXPECT_EQ(found.losses.nsp_correct, expected.losses.nsp_correct);
  EXPECT_NEAR(found.norm.value, expected.norm.value, tolerance * expected.norm.value);
  for (std::size_t index = 0; index < host.buckets.parameters().size(); ++index) {
    const std::string& name = host.buckets.parameters()[index].name;
    if (name.ends_with("key.bias")) {
      continue;  // a softmax ignores what is added to all: zero but for rounding
    }
    EXPECT_LT(
        relative_difference(device.buckets.gradient(index).cpu(), host.buckets.gradient(index)),
        tolerance)
        << name;
  }
}

TEST_P(DeviceParity, LossesAndEveryGradientAreTheHosts) {
  compare_gradients(tiny_config(GetParam()));
}

TEST_P(DeviceParity, StepsOfLambGiveTheHostsWeightsAndTrustRatios) {
  const auto alone = make_single_communicator();
  RankRun host(tiny_config(GetParam()), at::kCPU, *alone);
  RankRun device(tiny_config(GetParam()), testing::device_under_test(), *alone);
  for (std::int64_t step = 0; step < 3; ++step) {
    host.step.run(step_batch(step, 0, 1), 0, 0.01);
    device.step.run(step_batch(step, 0, 1), 0, 0.01);
  }
  EXPECT_LT(relative_difference(device.weights(), host.weights()), tolerance_of(GetParam()));
  const std::vector<TensorUpdate> expected = host.optimizer->last_updates();
  const std::vector<TensorUpdate> found = device.optimizer->last_updates();
  ASSERT_EQ(found.size(), expected.size());
  for (std::size_t index = 0; index < expected.size(); ++index) {
    EXPECT_EQ(found[index].is_adapted, expected[index].is_adapted);
    EXPECT_NEAR(found[index].trust_ratio, expected[index].trust_ratio,
                10 * tolerance_of(GetParam()) * expected[index].trust_ratio)
        << host.buckets.parameters()[index].name;
  }
}

TEST_P(DeviceParity, ShardedStepsOfTwoRanksHaveTheBitsOfWholeOnes) {
  std::vector<at::Tensor> weights(2);
  for (const bool is_sharded : {false, true}) {
    const auto run_rank = [&](Communicator& communicator) {
      RunConfig config = tiny_config(GetParam());
      config.communication.sharded_optimizer = is_sharded;
      RankRun run(config, testing::device_under_test(), communicator);
      for (std::int64_t step = 0; step < 2; ++step) {
        run.step.run(step_batch(step, communicator.rank(), 2), 0, 0.01);
      }
      if (communicator.rank() == 0) {
        weights[is_sharded ? 1 : 0] = run.weights();
      }
      check_replicas(communicator,
                     run.sharded ? run.sharded->replicated() : run.buckets.parameters());
    };
    testing::run_ranks(2, run_rank, {.on_device = testing::reduce_in_host_memory});
  }
  EXPECT_TRUE(at::equal(weights[0], weights[1]));
}

/// Weights and moments, as a checkpoint names them.
std::vector<NamedTensor> state_of(RankRun& run) {
  std::vector<NamedTensor> tensors;
  for (const ModelParameter& parameter : run.model.parameters()) {
    tensors.push_back({parameter.name, parameter.master.detach()});
  }
  for (OptimizerMoments& moments : run.optimizer->moments()) {
    tensors.push_back({moments.name + ".exp_avg", moments.first});
    tensors.push_back({moments.name + ".exp_avg_sq", moments.second});
  }
  return tensors;
}

TEST_P(DeviceParity, ResumeFromAFileGoesOnWithTheSameBits) {
  const TempDirectory folder;
  const auto file_system = make_posix_file_system();
  const auto alone = make_single_communicator();
  RankRun whole(tiny_config(GetParam()), testing::device_under_test(), *alone);
  whole.step.run(step_batch(0, 0, 1), 0, 0.01);
  write_safetensors(*file_system, folder.path() / "state", state_of(whole));
  whole.step.run(step_batch(1, 0, 1), 0, 0.01);

  RankRun resumed(tiny_config(GetParam()), testing::device_under_test(), *alone);
  const SafetensorsReader reader(folder.path() / "state");
  for (NamedTensor& named : state_of(resumed)) {
    for (const SafetensorsEntry& entry : reader.entries()) {
      if (entry.name == named.name) {
        reader.copy_to(entry, named.tensor);
      }
    }
  }
  resumed.model.refresh_compute_weights();
  resumed.optimizer->set_step_count(1);
  resumed.step.run(step_batch(1, 0, 1), 0, 0.01);
  EXPECT_TRUE(at::equal(resumed.weights(), whole.weights()));
}

TEST_P(DeviceParity, CheckpointedLayersGiveTheSameBits) {
  const auto alone = make_single_communicator();
  RunConfig config = tiny_config(GetParam());
  RankRun kept(config, testing::device_under_test(), *alone);
  config.gradient_checkpointing = true;
  RankRun recomputed(config, testing::device_under_test(), *alone);
  kept.step.run(step_batch(0, 0, 1), 0, 0.01);
  recomputed.step.run(step_batch(0, 0, 1), 0, 0.01);
  EXPECT_TRUE(at::equal(recomputed.weights(), kept.weights()));
}

/// Weights after three steps of two micro-batches of one shape, the last two with one of another;
/// replays: how many of them were replays.
at::Tensor weights_of_run(const RunConfig& config, std::int64_t& replays) {
  const auto alone = make_single_communicator();
  RankRun run(config, testing::device_under_test(), *alone);
  for (std::int64_t step = 0; step < 3; ++step) {
    StepBatch batch = step_batch(step, 0, 1);
    if (step > 0) {
      batch.micro_batches.push_back(testing::sequences(90 + step, 5, kLength));
    }
    run.step.run(batch, 0, 0.01);
  }
  replays = run.step.replays();
  return run.weights();
}

/// weights_of_run() with and without graphs.
void expect_equal_bits_with_graphs(RunConfig config) {
  config.cuda_graphs = AutoFlag::off;
  std::int64_t replays = 0;
  const at::Tensor expected = weights_of_run(config, replays);
  EXPECT_EQ(replays, 0);
  config.cuda_graphs = AutoFlag::on;
  EXPECT_TRUE(at::equal(weights_of_run(config, replays), expected));
  EXPECT_EQ(replays, 6) << "of eight micro-batches all but the first of each shape";
}

TEST_P(DeviceParity, CudaGraphsGiveTheSameBits) {
  RunConfig config = tiny_config(GetParam());
  config.loss_normalization = LossNormalization::per_micro_batch;
  config.communication.sharded_optimizer = true;  // query, key and value are joined by copies
  expect_equal_bits_with_graphs(config);
}

TEST(DeviceStep, CudaGraphsGiveTheSameBitsWithCheckpointedLayers) {
  RunConfig config = tiny_config(Precision::bf16);
  config.gradient_checkpointing = true;
  expect_equal_bits_with_graphs(config);
}

TEST_P(DeviceParity, AnswersAreTheHosts) {
  const ModelConfig model = tiny_config(GetParam()).model;
  QuestionAnsweringInputs inputs;
  const auto integers = at::TensorOptions(at::kInt);
  inputs.input_ids = at::arange(5, 35, integers);
  inputs.token_type_ids = at::arange(30, integers).remainder(2);
  inputs.lengths = at::tensor(std::vector<std::int32_t>{18, 12}, integers);
  inputs.sample_numbers = at::tensor(std::vector<std::int64_t>{3, 4});
  inputs.start_positions = at::tensor(std::vector<std::int64_t>{2, 1});
  inputs.end_positions = at::tensor(std::vector<std::int64_t>{4, 1});
  BertForQuestionAnswering host(model, GetParam(), 3);
  BertForQuestionAnswering device(model, GetParam(), 3, false, testing::device_under_test());
  const double tolerance = tolerance_of(GetParam());
  EXPECT_LT(relative_difference(device.logits(inputs), host.logits(inputs)), tolerance);
  const SpanLoss expected = host.forward(inputs);
  const SpanLoss found = device.forward(inputs);
  EXPECT_NEAR(found.sum.item<double>(), expected.sum.item<double>(),
              tolerance * expected.sum.item<double>());
  constexpr double kLossScale = 4096.0;  // for fp16
  (expected.sum * kLossScale).backward();
  (found.sum * kLossScale).backward();
  for (std::size_t index = 0; index < host.parameters().size(); ++index) {
    const std::string& name = host.parameters()[index].name;
    if (name.ends_with("key.bias") || name == "qa_outputs.bias" ||
        name == "bert.encoder.layer.1.output.LayerNorm.bias") {
      continue;  // a softmax ignores what is added to all: zero but for rounding
    }
    EXPECT_LT(relative_difference(device.parameters()[index].master.grad().cpu(),
                                  host.parameters()[index].master.grad()),
              tolerance)
        << name;
  }
}

INSTANTIATE_TEST_SUITE_P(Precisions, DeviceParity,
                         ::testing::Values(Precision::fp32, Precision::bf16, Precision::fp16),
                         [](const auto& one) { return std::string(enum_name(one.param)); });

/// FlashAttention's masks are not the host's, so that with them only the device's own runs compare.
class DeviceFlash : public ::testing::TestWithParam<Precision> {
 protected:
  static RunConfig config_with(double dropout) {
    RunConfig config = tiny_config(GetParam());
    config.attention_kernel = AttentionKernelName::flash;
    config.model.attention_probs_dropout_prob = dropout;
    config.model.hidden_dropout_prob = 0.0;  // so that nothing else depends on the seed
    return config;
  }
  static at::Tensor weights_after_a_step(const RunConfig& config, std::int64_t step) {
    const auto alone = make_single_communicator();
    RankRun run(config, testing::device_under_test(), *alone);
    run.step.run(step_batch(step, 0, 1), 0, 0.01);
    return run.weights();
  }
};

TEST_P(DeviceFlash, LossesAndEveryGradientAreTheHosts) {
  compare_gradients(config_with(0.0));
}

TEST_P(DeviceFlash, DropoutIsTheSameAtEveryRepetition) {
  RunConfig config = config_with(0.5);
  const at::Tensor weights = weights_after_a_step(config, 0);
  EXPECT_TRUE(at::equal(weights_after_a_step(config, 0), weights));
  config.gradient_checkpointing = true;
  EXPECT_TRUE(at::equal(weights_after_a_step(config, 0), weights));
  EXPECT_FALSE(at::equal(weights_after_a_step(config_with(0.0), 0), weights));
  config.seed += 1;
  EXPECT_FALSE(at::equal(weights_after_a_step(config, 0), weights));
}

TEST_P(DeviceFlash, CudaGraphsGiveTheSameBits) {
  expect_equal_bits_with_graphs(config_with(0.5));
}

TEST_P(DeviceFlash, WithCheckpointedLayersCudaGraphsAreRefused) {
  RunConfig config = config_with(0.5);
  config.gradient_checkpointing = true;
  EXPECT_EQ(largest_recorded_micro_batch(config, testing::device_under_test()), 0);
  config.cuda_graphs = AutoFlag::on;
  try {
    largest_recorded_micro_batch(config, testing::device_under_test());
    ADD_FAILURE() << "no error";
  } catch (const ConfigError& error) {
    EXPECT_THAT(error.what(),
                ::testing::HasSubstr("cuda_graphs: true: with gradient_checkpointing"));
  }
}

INSTANTIATE_TEST_SUITE_P(Precisions, DeviceFlash,
                         ::testing::Values(Precision::bf16, Precision::fp16),
                         [](const auto& one) { return std::string(enum_name(one.param)); });

TEST(DeviceStep, NamesTheTensorWhoseGradientIsNotFinite) {
  const auto alone = make_single_communicator();
  RankRun run(tiny_config(Precision::fp32), testing::device_under_test(), *alone);
  {
    const at::NoGradGuard no_gradients;
    run.model.parameters()[0].master.select(0, 5).fill_(std::numeric_limits<float>::infinity());
  }
  try {
    run.step.run(step_batch(0, 0, 1), 0, 0.01);
    ADD_FAILURE() << "no error";
  } catch (const DivergenceError& error) {
    EXPECT_THAT(error.what(), ::testing::HasSubstr("the gradient of bert.embeddings."));
  }
}

}  // namespace
}  // namespace lambert
