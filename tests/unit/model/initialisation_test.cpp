// SPDX-License-Identifier: Apache-2.0
#include "model/initialisation.h"

#include <ATen/Parallel.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/equal.h>
#include <gtest/gtest.h>

#include "base/counter_rng.h"

namespace lambert {
namespace {

constexpr std::uint64_t kSeed = 17;
constexpr std::uint32_t kParameter = 5;

at::Tensor made_by(int threads) {
  const int before = at::get_num_threads();
  at::set_num_threads(threads);
  const at::Tensor values =
      make_initial_parameter({"bert.pooler.dense.weight", {301, 257}}, kParameter, {}, kSeed);
  at::set_num_threads(before);
  return values;
}

TEST(InitialParameter, IsTheStreamOfItsNumber) {
  const at::Tensor values = made_by(1);
  CounterStream stream(philox_key(kSeed, RandomPurpose::initialisation), 0, kParameter);
  const float* const value = values.const_data_ptr<float>();
  const double deviation = ModelConfig{}.initializer_range;
  for (std::int64_t i = 0; i < values.numel(); ++i) {
    ASSERT_EQ(value[i], static_cast<float>(deviation * stream.normal())) << i;
  }
}

TEST(InitialParameter, HasTheSameBitsOnAnyNumberOfThreads) {
  const at::Tensor alone = made_by(1);
  for (const int threads : {2, 3, 16}) {
    EXPECT_TRUE(at::equal(made_by(threads), alone)) << threads;
  }
}

}  // namespace
}  // namespace lambert
