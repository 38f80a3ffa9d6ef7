// SPDX-License-Identifier: Apache-2.0
// A sharded step has the bits of one that is not sharded, whatever the optimizer and the ranks.
#include <functional>
#include <limits>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

#include "gradients/gradient_reducer.h"
#include "gradients/sharded_parameters.h"
#include "optim/gradient_norm.h"
#include "optim/optimizer.h"
#include "support/run_ranks.h"

namespace lambert {
namespace {

struct StepCase {
  std::string name;
  OptimizerConfig optimizer;
  Precision precision = Precision::fp32;
  Reduction reduction = Reduction::standard;
  WireType wire = WireType::float32;
};

/// Tensors around the size of a block; the second is cut for any number of ranks.
std::vector<NamedParameter> make_parameters(Precision precision) {
  const std::vector<std::pair<std::string, std::vector<std::int64_t>>> shapes = {
      {"embeddings.weight", {1000, 113}}, {"embeddings.LayerNorm.weight", {113}},
      {"first.weight", {113, 300}},       {"first.bias", {300}},
      {"second.weight", {128, 128}},      {"second.bias", {7}}};
  std::vector<NamedParameter> parameters;
  double start = 0.0;
  for (const auto& [name, shape] : shapes) {
    const std::int64_t count = at::zeros(shape).numel();
    const at::Tensor values = at::arange(count, at::kFloat).add(start += 1.0).cos().mul(0.1);
    const at::Tensor master = values.view(shape).clone();
    const bool has_copy = precision != Precision::fp32 && shape.size() > 1;
    const at::ScalarType type = precision == Precision::fp16 ? at::kHalf : at::kBFloat16;
    const at::Tensor compute = has_copy ? master.to(type) : master;
    master.requires_grad_(true);
    parameters.push_back({name, master, compute});
  }
  return parameters;
}

/// What a run of three steps leaves, by name, and the numbers it reported.
struct Outcome {
  std::map<std::string, at::Tensor> tensors;
  std::vector<double> numbers;
};

void add_numbers(const Optimizer& optimizer, const GradientNorm& norm, Outcome& outcome) {
  outcome.numbers.push_back(norm.value);
  for (const TensorUpdate& update : optimizer.last_updates()) {
    outcome.numbers.insert(outcome.numbers.end(),
                           {update.weight_norm, update.update_norm, update.trust_ratio,
                            update.is_clamped ? 1.0 : 0.0});
  }
}

Outcome outcome_on(Communicator& communicator, const StepCase& step_case, bool is_sharded) {
  const std::vector<NamedParameter> parameters = make_parameters(step_case.precision);
  GradientBuckets buckets(parameters, 300'000);
  std::unique_ptr<ShardedParameters> sharded;
  if (is_sharded) {
    sharded = std::make_unique<ShardedParameters>(communicator, buckets);
  }
  GradientReducer reducer(communicator, buckets, step_case.reduction, sharded.get());
  const auto optimizer = make_optimizer(step_case.optimizer, parameters, sharded.get());
  Outcome outcome;
  for (int step = 0; step < 3; ++step) {
    buckets.zero();
    reducer.begin_step(communicator.size());
    reducer.begin_micro_batch(true);
    for (std::size_t index = 0; index < parameters.size(); ++index) {
      at::Tensor gradient = buckets.gradient(index);
      const double phase = step * 17 + communicator.rank() * 5 + static_cast<double>(index);
      gradient.view({-1}).copy_(at::arange(gradient.numel(), at::kFloat).add(phase).sin());
    }
    const ReducedGradients reduced = reducer.finish();
    const GradientNorm norm = measure_gradient_norm(reduced);
    optimizer->step(reduced, norm.clip_scale(step_case.optimizer.max_grad_norm), 1e-2);
    add_numbers(*optimizer, norm, outcome);
    if (step == 1) {
      optimizer->reset_moments();
    }
  }
  for (std::size_t index = 0; index < parameters.size(); ++index) {
    const auto whole = [&](const at::Tensor& own, const at::Tensor& kept) {
      return sharded ? sharded->gather(index, own) : kept.detach().clone();
    };
    const std::string& name = parameters[index].name;
    const OptimizerMoments& moments = optimizer->moments()[index];
    outcome.tensors[name + " compute"] = parameters[index].compute.detach().clone();
    outcome.tensors[name + " master"] =
        whole(sharded ? sharded->own_weight(index) : at::Tensor(), parameters[index].master);
    outcome.tensors[name + " first"] = whole(moments.first, moments.first);
    if (moments.second.defined()) {
      outcome.tensors[name + " second"] = whole(moments.second, moments.second);
    }
  }
  return outcome;
}

std::vector<Outcome> outcomes(int ranks, const StepCase& step_case, bool is_sharded) {
  std::vector<Outcome> all(static_cast<std::size_t>(ranks));
  testing::RankOptions options;
  options.wire_type = step_case.wire;
  testing::run_ranks(
      ranks,
      [&](Communicator& communicator) {
        all[static_cast<std::size_t>(communicator.rank())] =
            outcome_on(communicator, step_case, is_sharded);
      },
      options);
  return all;
}

void expect_equal(const Outcome& found, const Outcome& expected, const std::string& what) {
  EXPECT_EQ(found.numbers, expected.numbers) << what;
  ASSERT_EQ(found.tensors.size(), expected.tensors.size());
  for (const auto& [name, tensor] : expected.tensors) {
    EXPECT_TRUE(at::equal(found.tensors.at(name), tensor)) << name << " " << what;
  }
}

std::vector<StepCase> all_cases() {
  std::vector<StepCase> cases = {
      {"lamb", {}}, {"lamb_bf16", {}, Precision::bf16}, {"lamb_fp16", {}, Precision::fp16}};
  cases.push_back({"lamb_bf16_wire", {}, Precision::bf16, Reduction::standard, WireType::bfloat16});
  cases.push_back({"lamb_reproducible", {}, Precision::bf16, Reduction::reproducible});
  StepCase variants{"lamb_variants", {}, Precision::bf16};
  variants.optimizer.weight_decay_placement = WeightDecayPlacement::gradient;
  variants.optimizer.bias_correction_placement = BiasCorrectionPlacement::step_size;
  variants.optimizer.grad_averaging = false;
  variants.optimizer.epsilon_inside_sqrt = true;
  variants.optimizer.adapt_excluded = true;
  variants.optimizer.trust_ratio_max = 0.5;
  variants.optimizer.weight_norm_max = 3.0;
  cases.push_back(variants);
  StepCase adamw{"adamw", {}};
  adamw.optimizer.name = OptimizerName::adamw;
  cases.push_back(adamw);
  for (const LarsTrustRatio form : {LarsTrustRatio::momentum, LarsTrustRatio::gradient}) {
    StepCase lars{form == LarsTrustRatio::momentum ? "lars_momentum" : "lars_gradient", {}};
    lars.optimizer.name = OptimizerName::lars;
    lars.optimizer.lars_trust_ratio = form;
    cases.push_back(lars);
  }
  return cases;
}

class ShardedStep : public ::testing::TestWithParam<StepCase> {};

TEST_P(ShardedStep, HasTheBitsOfAStepThatIsNotSharded) {
  for (const int ranks : {1, 2, 3, 4, 7}) {
    const std::string what = "on " + std::to_string(ranks) + " ranks";
    const std::vector<Outcome> expected = outcomes(ranks, GetParam(), false);
    for (const Outcome& found : outcomes(ranks, GetParam(), true)) {
      expect_equal(found, expected.front(), what);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Optimizers, ShardedStep, ::testing::ValuesIn(all_cases()),
                         [](const auto& one) { return one.param.name; });

/// The norm when one rank's gradient of the first tensor has a value that is not finite.
std::vector<GradientNorm> spoilt_norms(int ranks, Reduction reduction, bool is_sharded) {
  std::vector<GradientNorm> norms(static_cast<std::size_t>(ranks));
  testing::run_ranks(ranks, [&](Communicator& communicator) {
    const std::vector<NamedParameter> parameters = make_parameters(Precision::fp32);
    GradientBuckets buckets(parameters, 300'000);
    std::unique_ptr<ShardedParameters> sharded;
    if (is_sharded) {
      sharded = std::make_unique<ShardedParameters>(communicator, buckets);
    }
    GradientReducer reducer(communicator, buckets, reduction, sharded.get());
    reducer.begin_step(communicator.size());
    reducer.begin_micro_batch(true);
    if (communicator.rank() == 1) {
      buckets.gradient(2).view({-1})[33'000] = std::numeric_limits<float>::infinity();
    }
    norms[static_cast<std::size_t>(communicator.rank())] = measure_gradient_norm(reducer.finish());
  });
  return norms;
}

TEST(ShardedNorm, NamesTheSameTensorOnEveryRankWhenItIsNotFinite) {
  for (const Reduction reduction : {Reduction::standard, Reduction::reproducible}) {
    const GradientNorm expected = spoilt_norms(3, reduction, false).front();
    EXPECT_FALSE(expected.finite);
    for (const GradientNorm& norm : spoilt_norms(3, reduction, true)) {
      EXPECT_FALSE(norm.finite);
      EXPECT_EQ(norm.non_finite_tensor, expected.non_finite_tensor);
    }
  }
}

TEST(ShardedParameters, KeepMomentsAndMasterWeightsOfTheOwnShareOnly) {
  std::mutex mutex;
  std::int64_t sum = 0;
  testing::run_ranks(4, [&](Communicator& communicator) {
    const std::vector<NamedParameter> parameters = make_parameters(Precision::bf16);
    GradientBuckets buckets(parameters, 300'000);
    ShardedParameters sharded(communicator, buckets);
    const auto optimizer = make_optimizer({}, parameters, &sharded);
    const std::lock_guard lock(mutex);
    for (std::size_t index = 0; index < parameters.size(); ++index) {
      sum += optimizer->moments()[index].first.numel();
      if (parameters[index].master.dim() > 1) {  // the master weights are given back
        EXPECT_EQ(parameters[index].master.storage().nbytes(), sizeof(float));
      }
    }
  });
  std::int64_t all = 0;
  for (const NamedParameter& parameter : make_parameters(Precision::bf16)) {
    all += parameter.master.numel();
  }
  EXPECT_EQ(sum, all);
}

}  // namespace
}  // namespace lambert
