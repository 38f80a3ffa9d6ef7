// SPDX-License-Identifier: Apache-2.0
#include "kernels/dropout_residual_norm.h"
#include "support/token_rows_case.h"

namespace lambert::testing {
namespace {

struct Case {
  std::vector<std::int32_t> lengths;
  std::size_t rest;
  std::size_t columns;
  double dropout;
  bool has_residual;  // and an input bias: without both and dropout it is a plain LayerNorm
  std::size_t offset;
};

/// Fewer columns than lanes, broken vectors, more columns than threads; more rows than parts.
std::vector<Case> cases() {
  return {{{1}, 0, 1, 0.0, true, 0},        {{3, 2}, 1, 40, 0.25, true, 0},
          {{9}, 0, 33, 0.25, true, 0},      {{2, 3}, 0, 128, 0.0, false, 0},
          {{2, 1}, 2, 1024, 0.25, true, 0}, {{300}, 5, 16, 0.25, true, 0},
          {{4}, 0, 2600, 0.25, true, 0},    {{7}, 0, 136, 0.25, true, 1}};
}

template <typename T>
struct Inputs {
  std::vector<T> input;
  std::vector<T> residual;
  std::vector<T> above;
  std::vector<float> gain;
  std::vector<float> bias;
  std::vector<float> input_bias;
  std::vector<float> old_gradient;

  Inputs(std::size_t rows, std::size_t columns)
      : input(random_values<T>(rows * columns, 1)),
        residual(random_values<T>(rows * columns, 2)),
        above(random_values<T>(rows * columns, 3)),
        gain(random_values<float>(columns, 4)),
        bias(random_values<float>(columns, 5)),
        input_bias(random_values<float>(columns, 6)),
        old_gradient(random_values<float>(columns, 7)) {}
};

/// All that the two passes write.
template <typename T>
struct Results {
  std::vector<T> sum;
  std::vector<T> output;
  std::vector<float> mean;
  std::vector<float> inverse_deviation;
  std::vector<T> input_gradient;
  std::vector<T> residual_gradient;
  std::vector<float> gain_gradient;
  std::vector<float> bias_gradient;
  std::vector<float> input_bias_gradient;
};

constexpr float kEpsilon = 1e-5F;

template <typename T>
Results<T> run_on_device(const Case& c, const LayoutArrays& arrays, const Inputs<T>& inputs) {
  const DeviceLayout device(arrays);
  const HiddenShape shape{device.layout(), static_cast<std::int64_t>(c.columns)};
  const DropoutMask mask = mask_of(c.dropout, device.sample_numbers.data());
  const LentScratch lent(dropout_residual_norm_scratch_bytes(shape.rows(), shape.columns));
  const std::size_t count = inputs.input.size();
  const DeviceArray<T> sum(inputs.input, c.offset);
  const DeviceArray<T> residual(inputs.residual, c.offset);
  const DeviceArray<T> above(inputs.above, c.offset);
  const DeviceArray<float> gain(inputs.gain);
  const DeviceArray<float> bias(inputs.bias);
  const DeviceArray<float> input_bias(inputs.input_bias);
  const DeviceArray<T> output(count, c.offset);
  const DeviceArray<float> mean(arrays.rows());
  const DeviceArray<float> inverse_deviation(arrays.rows());
  const DeviceArray<T> input_gradient(count, c.offset);
  const DeviceArray<T> residual_gradient(count, c.offset);
  const DeviceArray<float> gain_gradient(inputs.old_gradient);
  const DeviceArray<float> bias_gradient(inputs.old_gradient);
  const DeviceArray<float> input_bias_gradient(inputs.old_gradient);
  const NormWeights norm{gain.data(), bias.data(), kEpsilon};
  dropout_residual_norm_forward(lent.stream, shape, mask, norm,
                                c.has_residual ? input_bias.data() : nullptr,
                                c.has_residual ? residual.data() : nullptr, sum.data(),
                                output.data(), mean.data(), inverse_deviation.data());
  dropout_residual_norm_backward(lent.stream, shape, mask, norm, above.data(), sum.data(),
                                 mean.data(), inverse_deviation.data(), input_gradient.data(),
                                 c.has_residual ? residual_gradient.data() : nullptr,
                                 {gain_gradient.data(), bias_gradient.data(),
                                  c.has_residual ? input_bias_gradient.data() : nullptr});
  return {sum.values(),
          output.values(),
          mean.values(),
          inverse_deviation.values(),
          input_gradient.values(),
          residual_gradient.values(),
          gain_gradient.values(),
          bias_gradient.values(),
          input_bias_gradient.values()};
}

/// Backward from the device's own sum, which is rounded in bf16.
template <typename T>
Results<float> run_on_host(const Case& c, const LayoutArrays& arrays, const Inputs<T>& inputs,
                           const std::vector<T>& device_sum) {
  const HiddenShape shape{arrays.layout(), static_cast<std::int64_t>(c.columns)};
  const DropoutMask mask = mask_of(c.dropout, arrays.sample_numbers.data());
  const NormWeights norm{inputs.gain.data(), inputs.bias.data(), kEpsilon};
  const std::vector<float> residual = floats_of(inputs.residual);
  const std::size_t count = inputs.input.size();
  Results<float> r{floats_of(inputs.input),
                   std::vector<float>(count),
                   std::vector<float>(arrays.rows()),
                   std::vector<float>(arrays.rows()),
                   std::vector<float>(count),
                   std::vector<float>(count),
                   inputs.old_gradient,
                   inputs.old_gradient,
                   inputs.old_gradient};
  dropout_residual_norm_forward(shape, mask, norm,
                                c.has_residual ? inputs.input_bias.data() : nullptr,
                                c.has_residual ? residual.data() : nullptr, r.sum.data(),
                                r.output.data(), r.mean.data(), r.inverse_deviation.data());
  dropout_residual_norm_backward(shape, mask, norm, floats_of(inputs.above).data(),
                                 floats_of(device_sum).data(), r.mean.data(),
                                 r.inverse_deviation.data(), r.input_gradient.data(),
                                 c.has_residual ? r.residual_gradient.data() : nullptr,
                                 {r.gain_gradient.data(), r.bias_gradient.data(),
                                  c.has_residual ? r.input_bias_gradient.data() : nullptr});
  return r;
}

template <typename T>
void compare(const Case& c) {
  const LayoutArrays arrays(c.lengths, c.rest);
  const Inputs<T> inputs(arrays.rows(), c.columns);
  const std::string what = std::to_string(arrays.rows()) + " x " + std::to_string(c.columns);
  Results<T> ours;
  const std::function<std::vector<unsigned char>()> run = [&] {
    ours = run_on_device(c, arrays, inputs);
    return bytes_of(ours.sum, ours.output, ours.mean, ours.inverse_deviation, ours.input_gradient,
                    ours.gain_gradient, ours.bias_gradient, ours.input_bias_gradient);
  };
  in_any_order(run, what);
  const Results<float> theirs = run_on_host(c, arrays, inputs, ours.sum);
  // A LayerNorm divides by the deviation: rounding of the sums counts once more.
  constexpr Tolerance kStatistics{1e-5, 1e-5};
  Tolerance tolerance = one_rounding<T>();
  expect_close(ours.sum, theirs.sum, tolerance, what + ": sum");
  tolerance.of_scale = 1e-5;
  expect_close(ours.output, theirs.output, tolerance, what + ": output");
  expect_close(ours.mean, theirs.mean, kStatistics, what + ": mean");
  expect_close(ours.inverse_deviation, theirs.inverse_deviation, kStatistics, what + ": deviation");
  if (c.columns == 1) {
    return;  // the gradient of a row of one is zero: rounding is all there is
  }
  expect_close(ours.input_gradient, theirs.input_gradient, tolerance, what + ": input gradient");
  if (c.has_residual) {
    expect_close(ours.residual_gradient, theirs.residual_gradient, tolerance, what + ": residual");
  }
  expect_close(ours.gain_gradient, theirs.gain_gradient, kStatistics, what + ": gain gradient");
  expect_close(ours.bias_gradient, theirs.bias_gradient, kStatistics, what + ": bias gradient");
  expect_close(ours.input_bias_gradient, theirs.input_bias_gradient, kStatistics,
               what + ": input bias gradient");
}

TEST(DropoutResidualNormCuda, EqualsTheHostsOverASweepOfSizes) {
  for (const Case& c : cases()) {
    compare<float>(c);
    compare<Bfloat16>(c);
    compare<Float16>(c);
  }
}

}  // namespace
}  // namespace lambert::testing
