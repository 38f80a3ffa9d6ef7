// SPDX-License-Identifier: Apache-2.0
#include "base/error.h"
#include "kernels/attention.h"
#include "support/token_rows_case.h"

namespace lambert::testing {
namespace {

struct Case {
  std::vector<std::int32_t> lengths;
  std::size_t rest;
  std::int64_t heads;
  std::int64_t head_size;
  double dropout;
  std::size_t offset;
};

/// Tiles of 64: one sample or many in one, samples over several, exact ends, rows of no sample in a
/// tile and in tiles of their own; heads of one band and of two, whole and broken vectors.
std::vector<Case> cases() {
  return {{{2}, 0, 1, 8, 0.0, 0},
          {{1, 1, 5}, 3, 2, 5, 0.25, 0},
          {{64}, 0, 1, 64, 0.25, 0},
          {{65, 1}, 70, 1, 64, 0.25, 0},
          {{7, 60, 61, 2}, 1, 2, 16, 0.25, 0},
          {{150}, 0, 1, 24, 0.25, 0},
          {{3, 140, 20}, 0, 1, 32, 0.25, 1},
          {{70, 9}, 0, 1, 72, 0.25, 0},
          {{33}, 2, 1, 128, 0.25, 0}};
}

template <typename T>
struct Inputs {
  std::vector<T> query_key_value;
  std::vector<T> above;
  explicit Inputs(std::size_t count)
      : query_key_value(random_values<T>(3 * count, 1)), above(random_values<T>(count, 4)) {}
};

template <typename T>
struct Results {
  std::vector<T> output;
  std::vector<float> log_sums;
  std::vector<T> input_gradient;
};

template <typename T>
Results<T> run_on_device(const Case& c, const LayoutArrays& arrays, const Inputs<T>& inputs) {
  const DeviceLayout device(arrays);
  const AttentionShape shape{device.layout(), c.heads, c.head_size};
  const DropoutMask mask = mask_of(c.dropout, device.sample_numbers.data());
  const LentScratch lent(attention_backward_scratch_bytes(shape));
  const DeviceArray<T> query_key_value(inputs.query_key_value, c.offset);
  const DeviceArray<T> above(inputs.above, c.offset);
  const DeviceArray<T> output(inputs.above.size(), c.offset);
  const DeviceArray<float> log_sums(arrays.rows() * static_cast<std::size_t>(c.heads));
  const DeviceArray<T> input_gradient(inputs.query_key_value.size(), c.offset);
  attention_forward(lent.stream, shape, mask, query_key_value.data(), output.data(),
                    log_sums.data());
  attention_backward(lent.stream, shape, mask, query_key_value.data(), output.data(),
                     log_sums.data(), above.data(), input_gradient.data());
  return {output.values(), log_sums.values(), input_gradient.values()};
}

template <typename T>
Results<float> run_on_host(const Case& c, const LayoutArrays& arrays, const Inputs<T>& inputs) {
  const AttentionShape shape{arrays.layout(), c.heads, c.head_size};
  const DropoutMask mask = mask_of(c.dropout, arrays.sample_numbers.data());
  const std::vector<float> query_key_value = floats_of(inputs.query_key_value);
  Results<float> r{std::vector<float>(inputs.above.size()),
                   std::vector<float>(arrays.rows() * static_cast<std::size_t>(c.heads)),
                   std::vector<float>(query_key_value.size())};
  attention_forward(shape, mask, query_key_value.data(), r.output.data(), r.log_sums.data());
  attention_backward(shape, mask, query_key_value.data(), r.log_sums.data(),
                     floats_of(inputs.above).data(), r.input_gradient.data());
  return r;
}

/// fp32 sums of up to 150 products of a few units each. In bf16 the device's backward pass also
/// reads its own output, rounded to 8 bits (as Dao et al. do): the product of a row's rounding with
/// the gradient above is in every element of the row, 2 % of the scale as a rule and 7 % where a
/// sample has one token, whose true gradient is zero. The fp32 sweep is the sharp one.
template <typename T>
Tolerance of_gradients();
template <>
Tolerance of_gradients<float>() {
  return {2e-5, 2e-5};
}
template <>
Tolerance of_gradients<Bfloat16>() {
  return {0x1.01p-8, 0.1};
}
/// Rounded to 11 bits: an eighth of bf16's.
template <>
Tolerance of_gradients<Float16>() {
  return {0x1.02p-11, 0.0125};
}

/// log_sums of rows of no sample are left as they are.
std::vector<float> of_samples(const std::vector<float>& log_sums, const Case& c,
                              const LayoutArrays& arrays) {
  const auto used = static_cast<std::size_t>(arrays.starts.back() * c.heads);
  return {log_sums.begin(), log_sums.begin() + static_cast<std::ptrdiff_t>(used)};
}

/// Those of query, key or value.
template <typename T>
std::vector<T> columns_of(const std::vector<T>& joined, const Case& c, std::size_t part) {
  const auto width = static_cast<std::size_t>(c.heads * c.head_size);
  std::vector<T> columns;
  for (std::size_t begin = part * width; begin < joined.size(); begin += 3 * width) {
    columns.insert(columns.end(), joined.begin() + static_cast<std::ptrdiff_t>(begin),
                   joined.begin() + static_cast<std::ptrdiff_t>(begin + width));
  }
  return columns;
}

template <typename T>
void compare(const Case& c) {
  const LayoutArrays arrays(c.lengths, c.rest);
  const Inputs<T> inputs(arrays.rows() * static_cast<std::size_t>(c.heads * c.head_size));
  const std::string what = std::to_string(arrays.rows()) + " rows, " + std::to_string(c.heads) +
                           " heads of " + std::to_string(c.head_size);
  Results<T> ours;
  const std::function<std::vector<unsigned char>()> run = [&] {
    ours = run_on_device(c, arrays, inputs);
    return bytes_of(ours.output, ours.log_sums, ours.input_gradient);
  };
  in_any_order(run, what);
  const Results<float> theirs = run_on_host(c, arrays, inputs);
  Tolerance tolerance = one_rounding<T>();
  tolerance.of_scale = 1e-5;
  expect_close(ours.output, theirs.output, tolerance, what + ": output");
  expect_close(of_samples(ours.log_sums, c, arrays), of_samples(theirs.log_sums, c, arrays),
               {1e-5, 1e-5}, what + ": log sums");
  const Tolerance rough = of_gradients<T>();
  const char* const names[] = {"query", "key", "value"};
  tolerance.of_scale = 2e-5;
  for (std::size_t part = 0; part < 3; ++part) {
    expect_close(columns_of(ours.input_gradient, c, part),
                 columns_of(theirs.input_gradient, c, part), part < 2 ? rough : tolerance,
                 what + ": gradient of the " + names[part]);
  }
}

class AttentionCuda : public ::testing::TestWithParam<std::size_t> {};

TEST_P(AttentionCuda, EqualsTheHostsInFloat) {
  compare<float>(cases()[GetParam()]);
}

TEST_P(AttentionCuda, EqualsTheHostsInBfloat16) {
  compare<Bfloat16>(cases()[GetParam()]);
}

TEST_P(AttentionCuda, EqualsTheHostsInFloat16) {
  compare<Float16>(cases()[GetParam()]);
}

INSTANTIATE_TEST_SUITE_P(Sweep, AttentionCuda, ::testing::Range<std::size_t>(0, 9));

TEST(AttentionCudaLimits, AHeadThatDoesNotFitIsAConfigError) {
  const LayoutArrays arrays({2}, 0);
  const AttentionShape shape{arrays.layout(), 1, 129};
  EXPECT_THROW(attention_forward<float>({}, shape, {}, nullptr, nullptr, nullptr), ConfigError);
}

}  // namespace
}  // namespace lambert::testing
