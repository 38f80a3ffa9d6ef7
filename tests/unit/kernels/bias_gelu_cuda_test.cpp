// SPDX-License-Identifier: Apache-2.0
#include "kernels/bias_gelu.h"
#include "kernels/column_sums.h"
#include "support/device_array.h"

namespace lambert::testing {
namespace {

struct Case {
  std::size_t rows;
  std::size_t columns;
  std::size_t offset;  // elements by which arrays are off alignment
};

/// Whole and broken vectors, bands and parts; 600 rows are ten parts, 2,500 more than are added up
/// side by side.
constexpr Case kCases[] = {{1, 1, 0},    {3, 8, 0},    {5, 256, 0},  {70, 264, 0}, {600, 24, 0},
                           {130, 33, 0}, {65, 256, 1}, {1, 1000, 0}, {9, 520, 3},  {2500, 8, 0}};

template <typename T>
void compare_gelu(const Case& c, GeluForm form) {
  const std::size_t count = c.rows * c.columns;
  const auto rows = static_cast<std::int64_t>(c.rows);
  const auto columns = static_cast<std::int64_t>(c.columns);
  const auto input = random_values<T>(count, 1, 2.0F);
  const auto bias = random_values<float>(c.columns, 2);
  const auto above = random_values<T>(count, 3);
  const auto old_gradient = random_values<float>(c.columns, 4);
  const std::string what = std::to_string(c.rows) + " x " + std::to_string(c.columns);

  std::vector<T> output;
  std::vector<T> gradient;
  std::vector<float> bias_gradient;
  const std::function<std::vector<unsigned char>()> run = [&] {
    const LentScratch lent(column_sums_scratch_bytes(rows, columns));
    const DeviceArray<T> inputs(input, c.offset);
    const DeviceArray<T> aboves(above, c.offset);
    const DeviceArray<float> biases(bias);
    const DeviceArray<T> outputs(count, c.offset);
    const DeviceArray<T> gradients(count, c.offset);
    const DeviceArray<float> bias_gradients(old_gradient);
    bias_gelu_forward(lent.stream, form, inputs.data(), biases.data(), rows, columns,
                      outputs.data());
    bias_gelu_backward(lent.stream, form, aboves.data(), inputs.data(), biases.data(), rows,
                       columns, gradients.data(), bias_gradients.data());
    output = outputs.values();
    gradient = gradients.values();
    bias_gradient = bias_gradients.values();
    return bytes_of(output, gradient, bias_gradient);
  };
  in_any_order(run, what);

  std::vector<float> expected(count);
  std::vector<float> expected_gradient(count);
  std::vector<float> expected_bias_gradient = old_gradient;
  bias_gelu_forward(form, floats_of(input).data(), bias.data(), rows, columns, expected.data());
  bias_gelu_backward(form, floats_of(above).data(), floats_of(input).data(), bias.data(), rows,
                     columns, expected_gradient.data(), expected_bias_gradient.data());
  expect_close(output, expected, one_rounding<T>(), what + ": output");
  Tolerance of_slope = one_rounding<T>();
  of_slope.of_scale = 1e-5;  // near its zero the slope is a difference of terms near one
  expect_close(gradient, expected_gradient, of_slope, what + ": gradient");
  expect_close(bias_gradient, expected_bias_gradient, {4e-6, 4e-6}, what + ": bias gradient");
}

TEST(BiasGeluCuda, EqualsTheHostsOverASweepOfSizes) {
  for (const Case& c : kCases) {
    for (const GeluForm form : {GeluForm::erf, GeluForm::tanh}) {
      compare_gelu<float>(c, form);
      compare_gelu<Bfloat16>(c, form);
      compare_gelu<Float16>(c, form);
    }
  }
}

template <typename T>
void compare_column_sums(const Case& c) {
  const auto values = random_values<T>(c.rows * c.columns, 5);
  const auto old_sums = random_values<float>(c.columns, 6);
  const auto rows = static_cast<std::int64_t>(c.rows);
  const auto columns = static_cast<std::int64_t>(c.columns);
  const std::string what = std::to_string(c.rows) + " x " + std::to_string(c.columns) + ": sums";
  const std::function<std::vector<float>()> run = [&] {
    const LentScratch lent(column_sums_scratch_bytes(rows, columns));
    const DeviceArray<T> inputs(values, c.offset);
    const DeviceArray<float> sums(old_sums);
    column_sums(lent.stream, inputs.data(), rows, columns, sums.data());
    return sums.values();
  };
  std::vector<float> expected = old_sums;
  column_sums(floats_of(values).data(), rows, columns, expected.data());
  expect_close(in_any_order(run, what), expected, {4e-6, 4e-6}, what);
}

TEST(ColumnSumsCuda, EqualTheHostsOverASweepOfSizes) {
  for (const Case& c : kCases) {
    compare_column_sums<float>(c);
    compare_column_sums<Bfloat16>(c);
    compare_column_sums<Float16>(c);
  }
}

TEST(ColumnSumsCuda, OfNoRowsAddNothing) {
  const LentScratch lent(column_sums_scratch_bytes(0, 4));
  const DeviceArray<float> nothing(0);
  const DeviceArray<float> sums(std::vector<float>{1.0F, 2.0F, 3.0F, 4.0F});
  column_sums(lent.stream, nothing.data(), 0, 4, sums.data());
  EXPECT_EQ(sums.values(), (std::vector<float>{1.0F, 2.0F, 3.0F, 4.0F}));
}

}  // namespace
}  // namespace lambert::testing
