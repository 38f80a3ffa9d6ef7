// SPDX-License-Identifier: Apache-2.0
// Error feedback between ranks (Seide et al. 2014; Karimireddy et al. 2019): a constant gradient
// that bf16 cannot hold has the right mean over many steps with it, and a wrong one without it.
#include <memory>
#include <mutex>
#include <vector>

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

#include "gradients/gradient_reducer.h"
#include "support/run_ranks.h"

namespace lambert {
namespace {

constexpr int kRanks = 3;
constexpr int kSteps = 200;

at::Tensor gradient_of(int rank, std::int64_t count) {
  return at::arange(count, at::kFloat).mul(0.37).add(rank).sin().add(3.0);
}

/// Relative error of the mean over steps of the reduced gradient.
double error_of_mean(bool error_feedback, bool is_sharded) {
  at::Tensor sum;  // of all steps, from the ranks that have it
  std::mutex mutex;
  testing::RankOptions options;
  options.wire_type = WireType::bfloat16;
  testing::run_ranks(
      kRanks,
      [&](Communicator& communicator) {
        const at::Tensor master = at::zeros({40'000}).set_requires_grad(true);
        GradientBuckets buckets({{"weight", master, master}}, 1);
        std::unique_ptr<ShardedParameters> sharded;
        if (is_sharded) {
          sharded = std::make_unique<ShardedParameters>(communicator, buckets);
        }
        GradientReducer reducer(communicator, buckets, Reduction::standard, sharded.get(),
                                error_feedback);
        at::Tensor own_sum = at::zeros({40'000}, at::kDouble);
        for (int step = 0; step < kSteps; ++step) {
          at::Tensor gradient = buckets.gradient(0);
          gradient.copy_(gradient_of(communicator.rank(), gradient.numel()));
          reducer.begin_micro_batch(true);
          reducer.finish();
          own_sum += gradient.to(at::kDouble);
        }
        const at::Tensor whole =
            sharded ? sharded->gather(0, sharded->own_part(0, own_sum).to(at::kFloat)) : own_sum;
        const std::lock_guard lock(mutex);
        sum = whole.to(at::kDouble);
      },
      options);
  at::Tensor exact = at::zeros({40'000}, at::kDouble);
  for (int rank = 0; rank < kRanks; ++rank) {
    exact += gradient_of(rank, 40'000);
  }
  return ((sum / kSteps - exact).norm() / exact.norm()).item<double>();
}

TEST(ErrorFeedback, MakesTheMeanOverManyStepsExact) {
  EXPECT_LT(error_of_mean(true, false), 3e-5);
  EXPECT_LT(error_of_mean(true, true), 3e-5);
}

// The test above would prove nothing if bf16 were exact enough.
TEST(ErrorFeedback, WithoutItTheMeanStaysWrong) {
  EXPECT_GT(error_of_mean(false, false), 1e-3);
  EXPECT_GT(error_of_mean(false, true), 1e-3);
}

}  // namespace
}  // namespace lambert
