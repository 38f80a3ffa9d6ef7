// SPDX-License-Identifier: Apache-2.0
#include "kernels/embedding.h"
#include "support/token_rows_case.h"

namespace lambert::testing {
namespace {

constexpr std::size_t kWords = 23;
constexpr std::size_t kPositions = 200;
constexpr std::size_t kTypes = 2;
constexpr float kEpsilon = 1e-5F;

struct Case {
  std::vector<std::int32_t> lengths;
  std::size_t rest;
  std::size_t columns;
  double dropout;
  std::size_t offset;
};

/// Chunks of 32 sorted rows: none full, one exactly, runs within one, over two and over many.
std::vector<Case> cases() {
  return {{{1}, 0, 8, 0.0, 0},          {{5, 3}, 2, 40, 0.25, 0},       {{32}, 0, 33, 0.25, 0},
          {{17, 16}, 0, 264, 0.25, 0},  {{70, 31, 20}, 3, 24, 0.25, 0}, {{3, 2}, 0, 1032, 0.0, 0},
          {{66, 65, 40}, 1, 16, 0.0, 1}};
}

/// Ids, tables and gradients on the host.
template <typename T>
struct Inputs {
  std::vector<std::int32_t> ids;
  std::vector<std::int32_t> types;
  std::vector<T> words;
  std::vector<T> positions;
  std::vector<T> token_types;
  std::vector<T> above;
  std::vector<float> gain;
  std::vector<float> bias;

  Inputs(std::size_t rows, std::size_t columns)
      : words(random_values<T>(kWords * columns, 1)),
        positions(random_values<T>(kPositions * columns, 2)),
        token_types(random_values<T>(kTypes * columns, 3)),
        above(random_values<T>(rows * columns, 4)),
        gain(random_values<float>(columns, 5)),
        bias(random_values<float>(columns, 6)) {
    std::mt19937 random(7);
    for (std::size_t row = 0; row < rows; ++row) {
      const auto draw = static_cast<std::int32_t>(random() % 64);
      ids.push_back(draw < static_cast<std::int32_t>(kWords) ? draw : 3);  // a frequent word
      types.push_back(row % 5 < 2 ? 0 : 1);
    }
  }
};

/// What the two passes write; gradients are added to the old ones.
template <typename T>
struct Results {
  std::vector<T> output;
  std::vector<float> mean;
  std::vector<float> inverse_deviation;
  std::vector<float> words;
  std::vector<float> positions;
  std::vector<float> token_types;
  std::vector<float> gain;
  std::vector<float> bias;

  Results(std::size_t rows, std::size_t columns)
      : output(rows * columns),
        mean(rows),
        inverse_deviation(rows),
        words(random_values<float>(kWords * columns, 11)),
        positions(random_values<float>(kPositions * columns, 12)),
        token_types(random_values<float>(kTypes * columns, 13)),
        gain(random_values<float>(columns, 14)),
        bias(random_values<float>(columns, 15)) {}
};

template <typename T>
void run_on_device(const Case& c, const LayoutArrays& arrays, const Inputs<T>& inputs,
                   Results<T>& results) {
  const DeviceLayout device(arrays);
  const HiddenShape shape{device.layout(), static_cast<std::int64_t>(c.columns)};
  const DropoutMask mask = mask_of(c.dropout, device.sample_numbers.data());
  const LentScratch lent(embedding_scratch_bytes(shape.rows(), shape.columns));
  const DeviceArray<std::int32_t> ids(inputs.ids);
  const DeviceArray<std::int32_t> types(inputs.types);
  const DeviceArray<std::int32_t> by_word(stable_order(inputs.ids));
  const DeviceArray<std::int32_t> by_position(stable_order(arrays.position_of));
  const DeviceArray<std::int32_t> by_type(stable_order(inputs.types));
  const DeviceArray<T> words(inputs.words, c.offset);
  const DeviceArray<T> positions(inputs.positions, c.offset);
  const DeviceArray<T> token_types(inputs.token_types, c.offset);
  const DeviceArray<T> above(inputs.above, c.offset);
  const DeviceArray<float> gain(inputs.gain);
  const DeviceArray<float> bias(inputs.bias);
  const DeviceArray<T> output(results.output.size(), c.offset);
  const DeviceArray<float> mean(results.mean.size());
  const DeviceArray<float> inverse_deviation(results.mean.size());
  const DeviceArray<float> word_gradient(results.words);
  const DeviceArray<float> position_gradient(results.positions);
  const DeviceArray<float> type_gradient(results.token_types);
  const DeviceArray<float> gain_gradient(results.gain);
  const DeviceArray<float> bias_gradient(results.bias);
  const NormWeights norm{gain.data(), bias.data(), kEpsilon};
  const EmbeddingLookup<T> lookup{ids.data(), types.data(), words.data(), positions.data(),
                                  token_types.data()};
  embedding_forward(lent.stream, shape, mask, norm, lookup, output.data(), mean.data(),
                    inverse_deviation.data());
  embedding_backward(lent.stream, shape, mask, norm, lookup,
                     {by_word.data(), by_position.data(), by_type.data()}, above.data(),
                     mean.data(), inverse_deviation.data(),
                     {word_gradient.data(), position_gradient.data(), type_gradient.data(),
                      gain_gradient.data(), bias_gradient.data()});
  results.output = output.values();
  results.mean = mean.values();
  results.inverse_deviation = inverse_deviation.values();
  results.words = word_gradient.values();
  results.positions = position_gradient.values();
  results.token_types = type_gradient.values();
  results.gain = gain_gradient.values();
  results.bias = bias_gradient.values();
}

template <typename T>
Results<float> run_on_host(const Case& c, const LayoutArrays& arrays, const Inputs<T>& inputs) {
  const HiddenShape shape{arrays.layout(), static_cast<std::int64_t>(c.columns)};
  const DropoutMask mask = mask_of(c.dropout, arrays.sample_numbers.data());
  const NormWeights norm{inputs.gain.data(), inputs.bias.data(), kEpsilon};
  const std::vector<float> words = floats_of(inputs.words);
  const std::vector<float> positions = floats_of(inputs.positions);
  const std::vector<float> token_types = floats_of(inputs.token_types);
  const EmbeddingLookup<float> lookup{inputs.ids.data(), inputs.types.data(), words.data(),
                                      positions.data(), token_types.data()};
  Results<float> r(arrays.rows(), c.columns);
  embedding_forward(shape, mask, norm, lookup, r.output.data(), r.mean.data(),
                    r.inverse_deviation.data());
  embedding_backward(
      shape, mask, norm, lookup, floats_of(inputs.above).data(), r.mean.data(),
      r.inverse_deviation.data(),
      {r.words.data(), r.positions.data(), r.token_types.data(), r.gain.data(), r.bias.data()});
  return r;
}

template <typename T>
void compare(const Case& c) {
  const LayoutArrays arrays(c.lengths, c.rest);
  const Inputs<T> inputs(arrays.rows(), c.columns);
  const std::string what = std::to_string(arrays.rows()) + " x " + std::to_string(c.columns);
  Results<T> ours(0, 0);
  const std::function<std::vector<unsigned char>()> run = [&] {
    ours = Results<T>(arrays.rows(), c.columns);
    run_on_device(c, arrays, inputs, ours);
    return bytes_of(ours.output, ours.mean, ours.inverse_deviation, ours.words, ours.positions,
                    ours.token_types, ours.gain, ours.bias);
  };
  in_any_order(run, what);
  const Results<float> theirs = run_on_host(c, arrays, inputs);
  constexpr Tolerance kSums{1e-5, 1e-5};
  Tolerance tolerance = one_rounding<T>();
  tolerance.of_scale = 1e-5;
  expect_close(ours.output, theirs.output, tolerance, what + ": output");
  expect_close(ours.mean, theirs.mean, kSums, what + ": mean");
  expect_close(ours.inverse_deviation, theirs.inverse_deviation, kSums, what + ": deviation");
  expect_close(ours.words, theirs.words, kSums, what + ": word gradient");
  expect_close(ours.positions, theirs.positions, kSums, what + ": position gradient");
  expect_close(ours.token_types, theirs.token_types, kSums, what + ": token type gradient");
  expect_close(ours.gain, theirs.gain, kSums, what + ": gain gradient");
  expect_close(ours.bias, theirs.bias, kSums, what + ": bias gradient");
}

TEST(EmbeddingCuda, EqualsTheHostsOverASweepOfSizes) {
  for (const Case& c : cases()) {
    compare<float>(c);
    compare<Bfloat16>(c);
    compare<Float16>(c);
  }
}

TEST(EmbeddingCuda, AStableOrderKeepsEqualIdsInTheirOrder) {
  const std::vector<std::int32_t> ids = {4, 1, 4, 0, 1, 4};
  EXPECT_EQ(stable_order(ids), (std::vector<std::int32_t>{3, 1, 4, 0, 2, 5}));
}

}  // namespace
}  // namespace lambert::testing
