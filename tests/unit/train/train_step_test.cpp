// SPDX-License-Identifier: Apache-2.0
#include "train/train_step.h"

#include <functional>
#include <limits>
#include <mutex>

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/cat.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "support/parity_row.h"
#include "support/run_ranks.h"
#include "support/tiny_step.h"
#include "train/micro_batch_inputs.h"
#include "train/named_parameters.h"

namespace lambert {
namespace {

using testing::sequences;

RunConfig tiny_config(LossNormalization normalization) {
  return testing::tiny_step_config(normalization);
}

/// Keeps the gradients that it was given instead of changing weights.
class RecordingOptimizer final : public Optimizer {
 public:
  void step(const ReducedGradients& gradients, double /*clip_scale*/,
            double /*learning_rate*/) override {
    ++steps;
    std::vector<at::Tensor> flat;
    for (std::size_t i = 0; i < gradients.buckets().parameters().size(); ++i) {
      flat.push_back(gradients.buckets().gradient(i).flatten().to(at::kDouble));
    }
    seen = at::cat(flat);
  }
  void reset_moments() override {}
  std::vector<OptimizerMoments>& moments() override { return moments_; }
  std::int64_t step_count() const override { return 0; }
  void set_step_count(std::int64_t /*count*/) override {}
  const std::vector<ParameterTreatment>& treatments() const override { return treatments_; }
  std::vector<TensorUpdate> last_updates() const override { return {}; }
  GradientNorm measure_norm(const ReducedGradients& gradients) override {
    return measure_gradient_norm(gradients);
  }

  at::Tensor seen;  // (all elements) fp64
  int steps = 0;

 private:
  std::vector<OptimizerMoments> moments_;
  std::vector<ParameterTreatment> treatments_;
};

/// One rank with a network of its own.
struct Rank {
  Rank(const RunConfig& the_config, Communicator& communicator)
      : config(the_config),
        model(config.model, Precision::fp32, 3),
        buckets(named_parameters(model.parameters()), 4096),
        reducer(communicator, buckets, config.communication.reduction),
        step(config, communicator, model, buckets, reducer, optimizer, progress) {}

  RunConfig config;
  BertForPreTraining model;
  GradientBuckets buckets;
  GradientReducer reducer;
  RecordingOptimizer optimizer;
  RunProgress progress;
  TrainStep step;
};

/// The reduced gradient of eight sequences cut into these micro-batches, dealt evenly.
at::Tensor gradient_of(const std::vector<Batch>& micro_batches, int ranks,
                       LossNormalization normalization) {
  at::Tensor gradient;
  testing::run_ranks(ranks, [&](Communicator& communicator) {
    Rank rank(tiny_config(normalization), communicator);
    StepBatch own;
    const std::size_t share = micro_batches.size() / static_cast<std::size_t>(ranks);
    const std::size_t first = share * static_cast<std::size_t>(communicator.rank());
    own.micro_batches.assign(micro_batches.begin() + static_cast<std::ptrdiff_t>(first),
                             micro_batches.begin() + static_cast<std::ptrdiff_t>(first + share));
    rank.step.run(own, 0, 0.1);
    if (communicator.rank() == 0) {
      gradient = rank.optimizer.seen;
    }
  });
  return gradient;
}

std::vector<Batch> four_micro_batches() {
  return {sequences(0, 2), sequences(2, 2), sequences(4, 2), sequences(6, 2)};
}

Batch without_masked_tokens(Batch batch) {
  batch.masked_positions.clear();
  batch.masked_labels.clear();
  return batch;
}

/// The gradient of a step that finds this value all over the gradients' memory.
at::Tensor gradient_over(float before, Rank& rank, const StepBatch& batch, bool measures_noise) {
  for (GradientBucket& bucket : rank.buckets.buckets()) {
    bucket.flat.fill_(before);
  }
  rank.step.run(batch, 0, 0.1, measures_noise);
  return rank.optimizer.seen;
}

void expect_every_matrix_has_a_gradient(const GradientBuckets& buckets) {
  for (std::size_t i = 0; i < buckets.parameters().size(); ++i) {
    if (buckets.parameters()[i].gradient) {
      EXPECT_GT(buckets.gradient(i).abs().sum().item<float>(), 0.0F)
          << buckets.parameters()[i].name;
    }
  }
}

void expect_nothing_left_of_before(Rank& rank, const StepBatch& batch) {
  for (const bool measures_noise : {false, true}) {
    const at::Tensor over_zeros = gradient_over(0.0F, rank, batch, measures_noise);
    const at::Tensor over_nan =
        gradient_over(std::numeric_limits<float>::quiet_NaN(), rank, batch, measures_noise);
    EXPECT_TRUE(over_zeros.equal(over_nan));
  }
}

// Matrices are not emptied at the start of a step: the first product replaces what is there.
TEST(TrainStep, LeavesNothingOfTheGradientMemoryBefore) {
  StepBatch batch;
  batch.micro_batches = four_micro_batches();
  StepBatch without_masked;
  without_masked.micro_batches = {without_masked_tokens(sequences(0, 2)),
                                  without_masked_tokens(sequences(2, 2))};
  for (const Reduction reduction : {Reduction::standard, Reduction::reproducible}) {
    RunConfig config = tiny_config(LossNormalization::global);
    config.communication.reduction = reduction;
    testing::run_ranks(1, [&](Communicator& communicator) {
      Rank rank(config, communicator);
      expect_nothing_left_of_before(rank, batch);
      expect_every_matrix_has_a_gradient(rank.buckets);
      expect_nothing_left_of_before(rank, without_masked);
    });
  }
}

double relative_difference(const at::Tensor& found, const at::Tensor& expected) {
  return ((found - expected).norm() / expected.norm()).item<double>();
}

TEST(TrainStep, GradientOfTwoRanksWithUnevenMicroBatchesIsThatOfOneBigBatch) {
  const at::Tensor whole = gradient_of({sequences(0, 8)}, 1, LossNormalization::global);
  for (const int ranks : {1, 2, 4}) {
    const at::Tensor dealt = gradient_of(four_micro_batches(), ranks, LossNormalization::global);
    EXPECT_LT(relative_difference(dealt, whole), 1e-6) << ranks << " ranks";
  }
}

/// All elements, fp64, of what is done with each parameter.
at::Tensor flattened(const BertForPreTraining& model,
                     const std::function<at::Tensor(const at::Tensor& master)>& value_of) {
  std::vector<at::Tensor> flat;
  for (const ModelParameter& parameter : model.parameters()) {
    flat.push_back(value_of(parameter.master).detach().flatten().to(at::kDouble));
  }
  return at::cat(flat);
}

// The network itself is compared with Transformers in tests/parity; LAMB would hide a factor here.
TEST(TrainStep, GradientIsThatOfTheMeanLossWithoutAnyFactor) {
  const RunConfig config = tiny_config(LossNormalization::global);
  BertForPreTraining model(config.model, Precision::fp32, 3);
  const Batch batch = sequences(0, 8);
  const PretrainingLoss loss =
      model.forward(to_model_inputs(batch, dropout_of_step(config, 0, {0, {batch}})));
  (loss.mlm_sum / static_cast<double>(loss.masked_tokens) +
   loss.nsp_sum / static_cast<double>(loss.sequences))
      .backward();
  const at::Tensor expected =
      flattened(model, [](const at::Tensor& master) { return master.grad(); });
  double worst = 0.0;
  for (const int ranks : {1, 2, 4}) {
    const at::Tensor found = gradient_of(four_micro_batches(), ranks, LossNormalization::global);
    worst = std::max(worst, relative_difference(found, expected));
  }
  EXPECT_LT(worst, 1e-6);
  testing::print_parity_row("reduced gradient, uneven micro-batches on 1, 2, 4 ranks",
                            "gradient of the global mean", "3", worst, 1e-6);
}

/// The weights after one LAMB update on rank 0.
at::Tensor weights_after_update(const std::vector<Batch>& micro_batches, int ranks) {
  at::Tensor weights;
  testing::run_ranks(ranks, [&](Communicator& communicator) {
    const RunConfig config = tiny_config(LossNormalization::global);
    Rank rank(config, communicator);
    const auto lamb = make_optimizer(config.optimizer, named_parameters(rank.model.parameters()));
    TrainStep step(rank.config, communicator, rank.model, rank.buckets, rank.reducer, *lamb,
                   rank.progress);
    StepBatch own;
    const std::size_t share = micro_batches.size() / static_cast<std::size_t>(ranks);
    for (std::size_t index = 0; index < share; ++index) {
      own.micro_batches.push_back(
          micro_batches[share * static_cast<std::size_t>(communicator.rank()) + index]);
    }
    step.run(own, 0, 1e-2);
    if (communicator.rank() == 0) {
      weights = flattened(rank.model, [](const at::Tensor& master) { return master; });
    }
  });
  return weights;
}

TEST(TrainStep, UpdateOfRanksAndAccumulationIsThatOfOneBigBatch) {
  const at::Tensor whole = weights_after_update({sequences(0, 8)}, 1);
  double worst = 0.0;
  for (const int ranks : {1, 2, 4}) {
    worst = std::max(worst,
                     relative_difference(weights_after_update(four_micro_batches(), ranks), whole));
  }
  EXPECT_LT(worst, 1e-6);
  testing::print_parity_row("weights after a LAMB update on 1, 2, 4 ranks", "one big batch", "3",
                            worst, 1e-6);
}

TEST(TrainStep, PerMicroBatchNormalizationIsTheMeanOfTheMicroBatchesGradients) {
  at::Tensor mean;
  for (const Batch& batch : four_micro_batches()) {
    const at::Tensor own = gradient_of({batch}, 1, LossNormalization::global) / 4;
    mean = mean.defined() ? mean + own : own;
  }
  const at::Tensor found = gradient_of(four_micro_batches(), 2, LossNormalization::per_micro_batch);
  EXPECT_LT(relative_difference(found, mean), 1e-6);
  const at::Tensor global = gradient_of(four_micro_batches(), 2, LossNormalization::global);
  EXPECT_GT(relative_difference(found, global), 0.01) << "uneven counts make them differ";
}

/// Mean over the ranks of the squared norms that they measured of their first micro-batch.
double measured_square(int ranks, Reduction reduction) {
  std::mutex mutex;
  double sum = 0.0;
  testing::run_ranks(ranks, [&](Communicator& communicator) {
    RunConfig config = tiny_config(LossNormalization::per_micro_batch);
    config.communication.reduction = reduction;
    Rank rank(config, communicator);
    const std::vector<Batch> all = four_micro_batches();
    StepBatch own;
    for (std::size_t index = 0; index < all.size() / static_cast<std::size_t>(ranks); ++index) {
      own.micro_batches.push_back(all[index * static_cast<std::size_t>(ranks) +
                                      static_cast<std::size_t>(communicator.rank())]);
    }
    const StepResult result = rank.step.run(own, 0, 0.1, /*measures_noise=*/true);
    const std::lock_guard lock(mutex);
    sum += result.first_micro_batch_squared_norm.value() / ranks;
  });
  return sum;
}

TEST(TrainStep, MeasuresTheGradientOfTheFirstMicroBatchOfEachRank) {
  const std::vector<Batch> all = four_micro_batches();
  for (const Reduction reduction : {Reduction::standard, Reduction::reproducible}) {
    for (const int ranks : {1, 2, 4}) {
      double expected = 0.0;
      for (int first = 0; first < ranks; ++first) {
        const at::Tensor own = gradient_of({all[static_cast<std::size_t>(first)]}, 1,
                                           LossNormalization::per_micro_batch) /
                               4;
        expected += (own * own).sum().item<double>() / ranks;
      }
      EXPECT_NEAR(measured_square(ranks, reduction), expected, 1e-5 * expected)
          << ranks << " ranks";
    }
  }
}

void spoil(const Rank& rank) {
  rank.model.parameters().front().master.detach().fill_(std::numeric_limits<float>::quiet_NaN());
}

TEST(TrainStep, StopsAtANonFiniteGradientUnlessToldToSkip) {
  const auto alone = make_single_communicator();
  Rank rank(tiny_config(LossNormalization::global), *alone);
  spoil(rank);
  EXPECT_THROW(rank.step.run({0, {sequences(0, 2)}}, 0, 0.1), DivergenceError);
  EXPECT_EQ(rank.optimizer.steps, 0);
}

TEST(TrainStep, SkipsNonFiniteGradientsUntilTwentyInARow) {
  const auto alone = make_single_communicator();
  RunConfig config = tiny_config(LossNormalization::global);
  config.non_finite_gradients = NonFiniteGradients::skip;
  Rank rank(config, *alone);
  const at::Tensor saved = rank.model.parameters().front().master.detach().clone();
  for (int round = 0; round < 2; ++round) {  // a good step starts the count anew
    spoil(rank);
    for (int step = 0; step < 19; ++step) {
      EXPECT_TRUE(rank.step.run({step, {sequences(0, 2)}}, 0, 0.1).skipped);
    }
    rank.model.parameters().front().master.detach().copy_(saved);
    EXPECT_FALSE(rank.step.run({19, {sequences(0, 2)}}, 0, 0.1).skipped);
  }
  EXPECT_EQ(rank.optimizer.steps, 2);
  spoil(rank);
  for (int step = 0; step < 19; ++step) {
    rank.step.run({step, {sequences(0, 2)}}, 0, 0.1);
  }
  EXPECT_THROW(rank.step.run({19, {sequences(0, 2)}}, 0, 0.1), DivergenceError);
}

}  // namespace
}  // namespace lambert
