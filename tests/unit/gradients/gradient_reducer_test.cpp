// SPDX-License-Identifier: Apache-2.0
#include "gradients/gradient_reducer.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/full.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>
#include <torch/csrc/autograd/custom_function.h>

#include "base/error.h"
#include "unit/gradients/recording_communicator.h"

namespace lambert {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

/// A chain y = ((x * w0) * w1) * w2, one bucket per weight; the backward pass reaches w2 first.
struct Chain {
  Chain() {
    std::vector<NamedParameter> parameters;
    for (const char* name : {"w0", "w1", "w2"}) {
      const at::Tensor master = at::full({4}, 2.0F).set_requires_grad(true);
      parameters.push_back({name, master, master});
    }
    buckets = std::make_unique<GradientBuckets>(parameters, 1);
  }
  const at::Tensor& weight(std::size_t index) { return buckets->parameters()[index].master; }
  at::Tensor loss() { return (weight(0) * weight(1) * weight(2)).sum(); }

  std::unique_ptr<GradientBuckets> buckets;
  RecordingCommunicator communicator{3};
};

TEST(GradientReducer, SumsOverRanksOnlyInTheReducingPass) {
  Chain chain;
  GradientReducer reducer(chain.communicator, *chain.buckets, Reduction::standard);
  reducer.begin_micro_batch(false);
  chain.loss().backward();
  EXPECT_TRUE(chain.communicator.started.empty());
  reducer.begin_micro_batch(true);
  chain.loss().backward();
  EXPECT_EQ(chain.communicator.started.size(), 3U);  // all started before finish()
  const ReducedGradients reduced = reducer.finish();
  EXPECT_EQ(chain.communicator.finished, 3U);
  EXPECT_TRUE(at::equal(reduced.buckets().gradient(0), at::full({4}, 3 * 2 * 4.0F)));
}

TEST(GradientReducer, StartsBucketsInIndexOrderWhateverTheBackwardOrder) {
  Chain chain;
  GradientReducer reducer(chain.communicator, *chain.buckets, Reduction::standard);
  reducer.begin_micro_batch(true);
  (chain.weight(0).sum() + chain.weight(1).sum()).backward();  // w2, bucket 0, has no gradient yet
  EXPECT_TRUE(chain.communicator.started.empty());
  chain.weight(2).sum().backward();
  EXPECT_EQ(chain.communicator.started,
            (std::vector<std::string>{"gradient bucket 0 (w2)", "gradient bucket 1 (w1)",
                                      "gradient bucket 2 (w0)"}));
}

TEST(GradientReducer, FinishStartsWhatNeverGotAGradient) {
  Chain chain;
  GradientReducer reducer(chain.communicator, *chain.buckets, Reduction::standard);
  reducer.begin_micro_batch(true);
  chain.weight(1).sum().backward();
  EXPECT_TRUE(chain.communicator.started.empty());
  reducer.finish();
  EXPECT_EQ(chain.communicator.finished, 3U);
}

TEST(GradientReducer, StartsBucketsOfAReplayedPassInOrderWhenFinished) {
  Chain chain;
  GradientReducer reducer(chain.communicator, *chain.buckets, Reduction::standard);
  reducer.begin_recording();
  chain.loss().backward();
  reducer.end_recording();
  EXPECT_TRUE(chain.communicator.started.empty());
  for (int step = 0; step < 2; ++step) {
    chain.communicator.started.clear();
    chain.buckets->zero();
    reducer.begin_micro_batch(false);
    chain.loss().backward();
    reducer.begin_micro_batch(true, BackwardPass::replayed);
    chain.loss().backward();
    EXPECT_TRUE(chain.communicator.started.empty());
    const ReducedGradients reduced = reducer.finish();
    EXPECT_EQ(chain.communicator.started,
              (std::vector<std::string>{"gradient bucket 0 (w2)", "gradient bucket 1 (w1)",
                                        "gradient bucket 2 (w0)"}));
    EXPECT_TRUE(at::equal(reduced.buckets().gradient(0), at::full({4}, 3 * 2 * 4.0F)));
  }
  reducer.begin_micro_batch(true);
  chain.loss().backward();
  EXPECT_EQ(chain.communicator.started.size(), 6U) << "again while the pass runs";
  reducer.finish();
}

TEST(GradientReducer, ServesStepAfterStep) {
  Chain chain;
  GradientReducer reducer(chain.communicator, *chain.buckets, Reduction::standard);
  for (int step = 0; step < 3; ++step) {
    chain.buckets->zero();
    reducer.begin_micro_batch(true);
    chain.loss().backward();
    const ReducedGradients reduced = reducer.finish();
    EXPECT_TRUE(at::equal(reduced.buckets().gradient(2), at::full({4}, 3 * 4.0F)));
  }
  EXPECT_EQ(chain.communicator.started.size(), 9U);
  EXPECT_GE(reducer.exposed_seconds(), 0.0);
}

TEST(GradientReducer, ReproducibleSumsMicroBatchesAndRanksInIntegers) {
  Chain chain;
  GradientReducer reducer(chain.communicator, *chain.buckets, Reduction::reproducible);
  for (int step = 0; step < 2; ++step) {
    chain.buckets->zero();
    reducer.begin_step(6);
    for (const bool is_last : {false, true}) {
      reducer.begin_micro_batch(is_last);
      chain.loss().backward();
    }
    EXPECT_EQ(chain.communicator.started.size(), 3U * (static_cast<std::size_t>(step) + 1));
    const ReducedGradients reduced = reducer.finish();
    for (std::size_t index = 0; index < 3; ++index) {
      EXPECT_TRUE(at::equal(reduced.buckets().gradient(index), at::full({4}, 2 * 3 * 4.0F)));
    }
  }
}

TEST(GradientReducer, CountsATensorWithTwoUsesOnce) {
  Chain chain;
  GradientReducer reducer(chain.communicator, *chain.buckets, Reduction::standard);
  reducer.begin_micro_batch(true);
  (chain.weight(2) * chain.weight(2) * chain.weight(1) * chain.weight(0)).sum().backward();
  EXPECT_EQ(chain.communicator.started.size(), 3U);
  const ReducedGradients reduced = reducer.finish();
  EXPECT_TRUE(at::equal(reduced.buckets().gradient(2), at::full({4}, 3 * 16.0F)));
}

/// Adds its gradient to the bucket itself and hands none to autograd, as the fused layers do.
class WritesItsOwnGradient : public torch::autograd::Function<WritesItsOwnGradient> {
 public:
  static at::Tensor forward(AutogradContext* context, const at::Tensor& weight) {
    context->saved_data["weight"] = weight;
    return weight.detach().sum();
  }
  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    context->saved_data["weight"].toTensor().mutable_grad().add_(gradients[0]);
    return {at::Tensor()};
  }
};

TEST(GradientReducer, SeesGradientsThatAFusedBackwardWroteItself) {
  Chain chain;
  GradientReducer reducer(chain.communicator, *chain.buckets, Reduction::standard);
  reducer.begin_micro_batch(true);
  at::Tensor loss = at::zeros({});
  for (std::size_t index = 0; index < 3; ++index) {
    loss = loss + WritesItsOwnGradient::apply(chain.weight(index));
  }
  loss.backward();
  EXPECT_EQ(chain.communicator.started.size(), 3U);
  const ReducedGradients reduced = reducer.finish();
  EXPECT_TRUE(at::equal(reduced.buckets().gradient(1), at::full({4}, 3.0F)));
}

TEST(GradientReducer, PassesOnTheLossOfAPeerWithTheBucketsName) {
  Chain chain;
  chain.communicator.fails_at = 1;
  GradientReducer reducer(chain.communicator, *chain.buckets, Reduction::standard);
  reducer.begin_micro_batch(true);
  chain.loss().backward();
  try {
    reducer.finish();
    FAIL() << "no CommError";
  } catch (const CommError& error) {
    EXPECT_NE(std::string(error.what()).find("gradient bucket 1 (w1)"), std::string::npos);
  }
}

TEST(GradientReducer, LeavesNoHookBehind) {
  Chain chain;
  { const GradientReducer gone(chain.communicator, *chain.buckets, Reduction::standard); }
  GradientReducer reducer(chain.communicator, *chain.buckets, Reduction::standard);
  reducer.begin_micro_batch(true);
  chain.loss().backward();
  EXPECT_EQ(chain.communicator.started.size(), 3U);
}

}  // namespace
}  // namespace lambert
