// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "kernels/gradient_squares.h"
#include "kernels/lamb_update.h"
#include "support/device_array.h"

namespace lambert::testing {
namespace {

/// Of every tensor, one after the other in flat arrays: one element, not quite a block, a block and
/// one more, several.
const std::vector<std::size_t> kCounts = {1, 515, kUpdateBlock + 1, 7, 2 * kUpdateBlock + 1029};

std::size_t total_count() {
  std::size_t total = 0;
  for (const std::size_t count : kCounts) {
    total += count;
  }
  return total;
}

struct Flat {
  std::vector<float> weight;
  std::vector<float> gradient;
  std::vector<float> first;
  std::vector<float> second;
  std::vector<std::uint16_t> rounded;

  Flat()
      : weight(random_values<float>(total_count(), 1, 0.02F)),
        gradient(random_values<float>(total_count(), 2, 0.1F)),
        first(random_values<float>(total_count(), 3, 0.1F)),
        second(random_values<float>(total_count(), 4, 0.1F)),
        rounded(total_count()) {
    for (float& value : second) {
      value *= value;
    }
    std::fill_n(weight.begin() + 1 + 515 + static_cast<std::ptrdiff_t>(kUpdateBlock) + 1, 7, 0.0F);
  }
};

/// Tensors 1 and 3 are not decayed, tensor 4 is not adapted; tensor 3 is zero.
bool is_decayed(std::size_t tensor) {
  return tensor != 1 && tensor != 3;
}
bool is_adapted(std::size_t tensor) {
  return tensor != 4;
}

/// Calls work(tensor, first element, count) for every block.
template <typename Work>
void for_every_block(const Work& work) {
  std::size_t start = 0;
  for (std::size_t tensor = 0; tensor < kCounts.size(); ++tensor) {
    for (std::size_t begin = 0; begin < kCounts[tensor]; begin += kUpdateBlock) {
      work(tensor, start + begin, std::min(kUpdateBlock, kCounts[tensor] - begin));
    }
    start += kCounts[tensor];
  }
}

/// The copy's type; float32: there is none.
bool has_copy(ElementType copy) {
  return copy != ElementType::float32;
}

UpdateBlock block_at(const DeviceArray<float>& weight, const DeviceArray<float>& gradient,
                     const DeviceArray<float>& first, const DeviceArray<float>& second,
                     std::uint16_t* rounded, ElementType copy, std::size_t begin,
                     std::size_t count) {
  return {weight.data() + begin,
          gradient.data() + begin,
          first.data() + begin,
          second.data() + begin,
          has_copy(copy) ? rounded + begin : nullptr,
          count,
          copy};
}

/// The flat arrays on the device and the plan of their blocks. The odd number of elements of the
/// first tensor makes all later blocks begin off alignment, unless `padding` elements follow it.
struct DevicePlan {
  DeviceArray<float> weight;
  DeviceArray<float> gradient;
  DeviceArray<float> first;
  DeviceArray<float> second;
  DeviceArray<std::uint16_t> rounded;
  std::vector<PlannedBlock> block_list;
  std::vector<PlannedTensor> tensor_list;
  DeviceArray<PlannedBlock> blocks;
  DeviceArray<PlannedTensor> tensors;

  DevicePlan(const Flat& flat, std::size_t offset, ElementType copy)
      : weight(flat.weight, offset),
        gradient(flat.gradient, offset),
        first(flat.first, offset),
        second(flat.second, offset),
        rounded(flat.rounded),
        block_list(make_blocks(copy)),
        tensor_list(make_tensors()),
        blocks(block_list),
        tensors(tensor_list) {}

  std::vector<PlannedBlock> make_blocks(ElementType copy) {
    std::vector<PlannedBlock> list;
    for_every_block([&](std::size_t tensor, std::size_t begin, std::size_t count) {
      const auto number = static_cast<std::int32_t>(list.size());
      list.push_back({block_at(weight, gradient, first, second, rounded.data(), copy, begin, count),
                      static_cast<std::int32_t>(tensor), number});
    });
    return list;
  }
  static std::vector<PlannedTensor> make_tensors() {
    std::vector<PlannedTensor> list;
    std::int64_t sum = 0;
    for (std::size_t tensor = 0; tensor < kCounts.size(); ++tensor) {
      const auto sums =
          static_cast<std::int64_t>((kCounts[tensor] + kUpdateBlock - 1) / kUpdateBlock);
      list.push_back({sum, sums, is_decayed(tensor), is_adapted(tensor)});
      sum += sums;
    }
    return list;
  }
  UpdatePlan plan() const {
    return {blocks.data(), static_cast<std::int64_t>(block_list.size()), tensors.data(),
            static_cast<std::int64_t>(tensor_list.size())};
  }
};

LambStep example_step(bool averages, bool epsilon_inside) {
  LambStep step;
  step.decayed.gradient_scale = 0.7F;
  step.decayed.averages_gradient = averages;
  step.decayed.first_increment = averages ? 0.1F : 1.0F;
  step.decayed.first_debias = 1.8F;
  step.decayed.second_debias = 20.0F;
  step.decayed.epsilon_inside_sqrt = epsilon_inside;
  step.not_decayed = step.decayed;
  step.decayed.weight_decay = 0.01F;
  step.decayed.gradient_decay = epsilon_inside ? 0.02F : 0.0F;
  step.limits = {0.01, 1.5, 10.0};
  step.rate = 0.004;
  return step;
}

/// The host's step, block by block as the optimizer does it.
std::vector<TensorUpdate> step_on_host(Flat& flat, const LambStep& step, ElementType copy) {
  std::vector<SquaredNorms> norms(kCounts.size());
  const auto block_of = [&](std::size_t begin, std::size_t count) -> UpdateBlock {
    return {flat.weight.data() + begin,
            flat.gradient.data() + begin,
            flat.first.data() + begin,
            flat.second.data() + begin,
            has_copy(copy) ? flat.rounded.data() + begin : nullptr,
            count,
            copy};
  };
  for_every_block([&](std::size_t tensor, std::size_t begin, std::size_t count) {
    const SquaredNorms sums = update_moments(block_of(begin, count),
                                             is_decayed(tensor) ? step.decayed : step.not_decayed);
    norms[tensor].weight += sums.weight;
    norms[tensor].update += sums.update;
  });
  std::vector<TensorUpdate> updates;
  for (std::size_t tensor = 0; tensor < kCounts.size(); ++tensor) {
    updates.push_back(tensor_update(step.limits, is_adapted(tensor),
                                    std::sqrt(norms[tensor].weight),
                                    std::sqrt(norms[tensor].update)));
  }
  for_every_block([&](std::size_t tensor, std::size_t begin, std::size_t count) {
    apply_update(block_of(begin, count), is_decayed(tensor) ? step.decayed : step.not_decayed,
                 static_cast<float>(step.rate * updates[tensor].trust_ratio));
  });
  return updates;
}

void compare_step(bool averages, bool epsilon_inside, std::size_t offset, ElementType copy) {
  const LambStep step = example_step(averages, epsilon_inside);
  Flat expected;
  const std::vector<TensorUpdate> expected_updates = step_on_host(expected, step, copy);
  Flat ours;
  std::vector<TensorUpdate> updates;
  const std::function<std::vector<unsigned char>()> run = [&] {
    const DevicePlan device(Flat(), offset, copy);
    const DeviceArray<SquaredNorms> sums(device.block_list.size());
    const DeviceArray<TensorUpdate> update_array(kCounts.size());
    const DeviceArray<float> rates(kCounts.size());
    const CudaStream stream;
    update_moments(stream, device.plan(), step, sums.data());
    choose_rates(stream, device.plan(), step, sums.data(), update_array.data(), rates.data());
    apply_update(stream, device.plan(), step, rates.data());
    ours.weight = device.weight.values();
    ours.first = device.first.values();
    ours.second = device.second.values();
    ours.rounded = device.rounded.values();
    updates = update_array.values();
    return bytes_of(ours.weight, ours.first, ours.second, ours.rounded);
  };
  in_any_order(run, "LAMB");
  // Sums of terms of either sign; the host's loops may fuse a product and a sum.
  constexpr Tolerance kTolerance{1e-6, 5e-7};
  expect_close(ours.first, expected.first, kTolerance, "m");
  expect_close(ours.second, expected.second, kTolerance, "v");
  expect_close(ours.weight, expected.weight, kTolerance, "weight");
  for (std::size_t i = 0; i < ours.weight.size(); ++i) {
    ASSERT_EQ(ours.rounded[i],
              has_copy(copy) ? rounded_weight_bits(copy, ours.weight[i]) : std::uint16_t{0});
  }
  for (std::size_t tensor = 0; tensor < kCounts.size(); ++tensor) {
    const TensorUpdate& theirs = expected_updates[tensor];
    EXPECT_NEAR(updates[tensor].weight_norm, theirs.weight_norm, 1e-9 * theirs.weight_norm);
    EXPECT_NEAR(updates[tensor].update_norm, theirs.update_norm, 1e-6 * theirs.update_norm);
    EXPECT_NEAR(updates[tensor].trust_ratio, theirs.trust_ratio, 1e-6 * theirs.trust_ratio);
    EXPECT_EQ(updates[tensor].is_adapted, theirs.is_adapted) << tensor;
    EXPECT_EQ(updates[tensor].is_clamped, theirs.is_clamped) << tensor;
  }
}

TEST(LambUpdateCuda, StepsAsTheHostDoes) {
  compare_step(true, false, 0, ElementType::bfloat16);
  compare_step(true, false, 0, ElementType::float16);
  compare_step(false, true, 0, ElementType::float32);
  compare_step(true, true, 3,
               ElementType::bfloat16);  // the later blocks begin at an aligned address
}

GradientSquares measured(const Flat& flat, std::vector<double>& squares) {
  const DevicePlan device(flat, 0, ElementType::float32);
  const DeviceArray<double> sums(device.block_list.size());
  const DeviceArray<double> square_array(kCounts.size());
  const DeviceArray<GradientSquares> total(1);
  const CudaStream stream;
  measure_gradients(stream, device.plan(), sums.data());
  sum_gradients(stream, device.plan(), sums.data(), square_array.data(), total.data());
  squares = square_array.values();
  return total.values()[0];
}

TEST(GradientSquaresCuda, EqualTheSumOfTheHostsBlocks) {
  const Flat flat;
  std::vector<double> squares;
  const std::function<std::vector<double>()> run = [&] {
    const GradientSquares total = measured(flat, squares);
    EXPECT_EQ(total.first_non_finite, -1);
    return std::vector<double>{total.sum};
  };
  const double total = in_any_order(run, "squares")[0];
  std::vector<double> expected(kCounts.size());
  for_every_block([&](std::size_t tensor, std::size_t begin, std::size_t count) {
    expected[tensor] += sum_of_squares({flat.gradient.data() + begin, count});
  });
  double expected_total = 0.0;
  for (std::size_t tensor = 0; tensor < kCounts.size(); ++tensor) {
    EXPECT_NEAR(squares[tensor], expected[tensor], 1e-12 * expected[tensor]) << tensor;
    expected_total += expected[tensor];
  }
  EXPECT_NEAR(total, expected_total, 1e-12 * expected_total);
}

TEST(GradientSquaresCuda, NameTheFirstTensorThatIsNotFinite) {
  for (const float bad : {NAN, -INFINITY}) {
    Flat flat;
    flat.gradient[total_count() - 1] = bad;       // tensor 4
    flat.gradient[1 + 515 + kUpdateBlock] = bad;  // the last of tensor 2
    std::vector<double> squares;
    const GradientSquares total = measured(flat, squares);
    EXPECT_FALSE(std::isfinite(total.sum));
    EXPECT_EQ(total.first_non_finite, 2);
  }
}

}  // namespace
}  // namespace lambert::testing
