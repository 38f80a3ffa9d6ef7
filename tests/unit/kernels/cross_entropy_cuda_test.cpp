// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "base/error.h"
#include "kernels/cross_entropy.h"
#include "support/device_array.h"

namespace lambert::testing {
namespace {

struct Case {
  std::size_t rows;
  std::size_t classes;
  std::size_t offset;
};

/// Fewer classes than threads, as many, more, and broken vectors.
constexpr Case kCases[] = {{1, 1, 0},    {4, 2, 0},    {7, 256, 0}, {3, 2056, 0},
                           {3, 3001, 0}, {6, 1030, 1}, {2, 260, 0}};

/// Every second row has its label at a largest logit, every fourth a second such logit before it;
/// every sixth has no label.
template <typename T>
void place_labels(const Case& c, std::vector<T>& logits, std::vector<std::int64_t>& labels) {
  for (std::size_t row = 0; row < c.rows; ++row) {
    const std::size_t label = (row * 37 + 11) % c.classes;
    labels.push_back(static_cast<std::int64_t>(label));
    if (row % 2 == 0) {
      logits[row * c.classes + label] = from_float<T>(9.0F);
    }
    if (row % 4 == 0) {
      logits[row * c.classes + label / 2] = from_float<T>(9.0F);
    }
    if (row % 6 == 5) {
      labels.back() = kNoLabel;
    }
  }
}

/// fp32: sums of thousands of exponentials, each within two units in the last place.
template <typename T>
Tolerance of_gradients() {
  Tolerance tolerance = one_rounding<T>();
  tolerance.of_element += 4e-6;
  return tolerance;
}

template <typename T>
void compare(const Case& c, LogitsBecome become) {
  auto logits = random_values<T>(c.rows * c.classes, 1, 3.0F);
  std::vector<std::int64_t> labels;
  place_labels(c, logits, labels);
  const auto rows = static_cast<std::int64_t>(c.rows);
  const auto classes = static_cast<std::int64_t>(c.classes);
  const std::string what = std::to_string(c.rows) + " rows of " + std::to_string(c.classes);

  CrossEntropySums sums;
  std::vector<T> become_values;
  const std::function<std::vector<unsigned char>()> run = [&] {
    const LentScratch lent(cross_entropy_scratch_bytes(rows));
    const DeviceArray<T> inputs(logits, c.offset);
    const DeviceArray<std::int64_t> places(labels);
    const DeviceArray<CrossEntropySums> results(1);
    cross_entropy(lent.stream, inputs.data(), places.data(), rows, classes, become, results.data());
    sums = results.values()[0];
    become_values = inputs.values();
    return bytes_of(become_values, std::vector<double>{sums.loss},
                    std::vector<std::int64_t>{sums.correct});
  };
  in_any_order(run, what);

  std::vector<float> expected = floats_of(logits);
  const CrossEntropySums expected_sums =
      cross_entropy(expected.data(), labels.data(), rows, classes, become);
  if (become == LogitsBecome::gradients) {
    std::ranges::for_each(expected, [](float& value) { value *= kLogitGradientScale<T>; });
  }
  EXPECT_NEAR(sums.loss, expected_sums.loss, 4e-6 * (1.0 + std::abs(expected_sums.loss))) << what;
  EXPECT_EQ(sums.correct, expected_sums.correct) << what;
  expect_close(become_values, expected, of_gradients<T>(), what);
}

TEST(CrossEntropyCuda, EqualsTheHostsOverASweepOfSizes) {
  for (const Case& c : kCases) {
    for (const LogitsBecome become : {LogitsBecome::unchanged, LogitsBecome::gradients}) {
      compare<float>(c, become);
      compare<Bfloat16>(c, become);
      compare<Float16>(c, become);
    }
  }
}

TEST(CrossEntropyCuda, AddsUpMoreRowsThanABlockHasThreads) {
  compare<float>({259, 3, 0}, LogitsBecome::unchanged);
}

TEST(CrossEntropyCuda, OfNoRowsIsZero) {
  const LentScratch lent(cross_entropy_scratch_bytes(0));
  const DeviceArray<float> logits(0);
  const DeviceArray<std::int64_t> labels(0);
  const DeviceArray<CrossEntropySums> results(1);
  cross_entropy(lent.stream, logits.data(), labels.data(), 0, 5, LogitsBecome::gradients,
                results.data());
  EXPECT_EQ(results.values()[0].loss, 0.0);
  EXPECT_EQ(results.values()[0].correct, 0);
}

TEST(CrossEntropyCuda, ANanInTheLogitsIsANanInTheLoss) {
  std::vector<float> values(600, 1.0F);
  values[577] = NAN;
  const LentScratch lent(cross_entropy_scratch_bytes(1));
  const DeviceArray<float> logits(values);
  const DeviceArray<std::int64_t> labels(std::vector<std::int64_t>{3});
  const DeviceArray<CrossEntropySums> results(1);
  cross_entropy(lent.stream, logits.data(), labels.data(), 1, 600, LogitsBecome::unchanged,
                results.data());
  EXPECT_TRUE(std::isnan(results.values()[0].loss));
}

TEST(CrossEntropyCuda, TooLittleScratchIsAnErrorThatTellsHowMuch) {
  const CudaStream stream{nullptr, nullptr, 255};
  const DeviceArray<float> logits(4);
  try {
    cross_entropy<float>(stream, logits.data(), nullptr, 2, 2, LogitsBecome::unchanged, nullptr);
    ADD_FAILURE() << "no error";
  } catch (const InternalError& error) {
    EXPECT_NE(std::string(error.what()).find("needs 256 bytes of scratch memory and was lent 255"),
              std::string::npos)
        << error.what();
  }
}

}  // namespace
}  // namespace lambert::testing
