// SPDX-License-Identifier: Apache-2.0
#include "kernels/matmul.h"

#include <cmath>
#include <vector>

#include <gtest/gtest.h>

#include "base/counter_rng.h"
#include "base/error.h"

namespace lambert {
namespace {

template <typename T>
std::vector<T> random_values(std::int64_t count, std::uint32_t stream_number) {
  CounterStream stream(philox_key(1, RandomPurpose::initialisation), 0, stream_number);
  std::vector<T> values;
  for (std::int64_t i = 0; i < count; ++i) {
    values.push_back(from_float<T>(static_cast<float>(stream.normal())));
  }
  return values;
}

template <typename T>
double value_at(const Matrix& view, std::int64_t row, std::int64_t column) {
  const T* const data = static_cast<const T*>(view.data);
  return static_cast<double>(to_float(data[row * view.row_stride + column * view.column_stride]));
}

/// Largest distance from the product computed element by element in double.
template <typename T>
double largest_error(const Matrix& left, const Matrix& right, const std::vector<float>& result,
                     const std::vector<float>& start, const std::vector<float>& bias) {
  double largest = 0.0;
  for (std::int64_t r = 0; r < left.rows; ++r) {
    for (std::int64_t c = 0; c < right.columns; ++c) {
      const auto index = static_cast<std::size_t>(r * right.columns + c);
      double expected = static_cast<double>(start[index]);
      expected += bias.empty() ? 0.0 : static_cast<double>(bias[static_cast<std::size_t>(c)]);
      for (std::int64_t k = 0; k < left.columns; ++k) {
        expected += value_at<T>(left, r, k) * value_at<T>(right, k, c);
      }
      largest = std::max(largest, std::abs(expected - static_cast<double>(result[index])));
    }
  }
  return largest;
}

template <typename T>
void check_all_layouts() {
  const std::int64_t m = 37;
  const std::int64_t k = 48;
  const std::int64_t n = 33;
  const std::int64_t stride = 80;
  const auto left_values = random_values<T>(stride * stride, 1);
  const auto right_values = random_values<T>(stride * stride, 2);
  const auto bias = random_values<float>(n, 3);
  const auto start = random_values<float>(m * n, 4);
  const std::vector<float> zeros(start.size());
  for (const bool left_transposed : {false, true}) {
    for (const bool right_transposed : {false, true}) {
      const Matrix left = left_transposed ? matrix(left_values.data(), k, m, stride).transposed()
                                          : matrix(left_values.data(), m, k, stride);
      const Matrix right = right_transposed ? matrix(right_values.data(), n, k, stride).transposed()
                                            : matrix(right_values.data(), k, n, stride);
      std::vector<float> result(start.size());
      matmul(left, right, mutable_matrix(result.data(), m, n), bias.data());
      EXPECT_LT(largest_error<T>(left, right, result, zeros, bias), 2e-5);
      result = start;
      matmul(left, right, mutable_matrix(result.data(), m, n), nullptr, Accumulate::yes);
      EXPECT_LT(largest_error<T>(left, right, result, start, {}), 2e-5);
    }
  }
}

template <typename T>
void check_packed(std::int64_t rows_when_packed) {
  const std::int64_t m = 37;
  const std::int64_t k = 48;
  const std::int64_t n = 70;
  const auto left_values = random_values<T>(m * k, 1);
  const auto right_values = random_values<T>(n * k, 2);
  const auto bias = random_values<float>(n, 3);
  const auto start = random_values<float>(m * n, 4);
  const Matrix left = matrix(left_values.data(), m, k);
  for (const Matrix& right :
       {matrix(right_values.data(), k, n), matrix(right_values.data(), n, k).transposed()}) {
    PackedMatrix packed;
    packed.pack(right, rows_when_packed);
    std::vector<float> result(start.size());
    matmul(left, packed, mutable_matrix(result.data(), m, n), bias.data());
    EXPECT_LT(largest_error<T>(left, right, result, std::vector<float>(start.size()), bias), 2e-5);
    result = start;
    matmul(left, packed, mutable_matrix(result.data(), m, n), nullptr, Accumulate::yes);
    EXPECT_LT(largest_error<T>(left, right, result, start, {}), 2e-5);
  }
}

TEST(Matmul, MultipliesWithAPackedRightOperandWhateverTheRows) {
  for (const std::int64_t rows_when_packed : {1, 37, 1000}) {
    check_packed<float>(rows_when_packed);
    check_packed<Bfloat16>(rows_when_packed);
    check_packed<Float16>(rows_when_packed);
  }
}

TEST(Matmul, PacksAgainInThePlaceOfTheOldValues) {
  const std::vector<float> left = {1, 2};
  std::vector<float> right = {3, 4};
  PackedMatrix packed;
  packed.pack(matrix(right.data(), 2, 1), 1);
  right = {5, 6};
  packed.pack(matrix(right.data(), 2, 1), 1);
  float result = 0;
  matmul(matrix(left.data(), 1, 2), packed, mutable_matrix(&result, 1, 1));
  EXPECT_EQ(result, 17.0F);
}

TEST(Matmul, RefusesAPackedOperandOfAnotherShape) {
  const std::vector<float> values(64);
  std::vector<float> result(64);
  PackedMatrix packed;
  packed.pack(matrix(values.data(), 8, 4), 2);
  EXPECT_THROW(packed.pack(matrix(values.data(), 4, 8), 2), InternalError);
  EXPECT_THROW(matmul(matrix(values.data(), 2, 4), packed, mutable_matrix(result.data(), 2, 4)),
               InternalError);
}

TEST(Matmul, MultipliesFloatsInEveryLayout) {
  check_all_layouts<float>();
}

TEST(Matmul, MultipliesBfloat16IntoFloatsInEveryLayout) {
  check_all_layouts<Bfloat16>();
}

TEST(Matmul, MultipliesFloat16IntoFloatsInEveryLayout) {
  check_all_layouts<Float16>();
}

/// rounding: largest relative difference of two neighbours of T.
template <typename T>
void check_rounded_results(float rounding) {
  const std::int64_t m = 5;
  const std::int64_t k = 48;
  const std::int64_t n = 33;
  const std::int64_t stride = 40;
  const auto left_values = random_values<T>(m * k, 1);
  const auto right_values = random_values<T>(n * k, 2);
  const auto bias = random_values<float>(n, 3);
  const Matrix left = matrix(left_values.data(), m, k);
  const Matrix right = matrix(right_values.data(), k, n);
  std::vector<float> exact(static_cast<std::size_t>(m * n));
  matmul(left, right, mutable_matrix(exact.data(), m, n), bias.data());
  const T untouched{0x1234};
  std::vector<T> result(static_cast<std::size_t>(m * stride), untouched);
  matmul(left, right, mutable_matrix(result.data(), m, n, stride), bias.data());
  for (std::int64_t r = 0; r < m; ++r) {
    for (std::int64_t c = 0; c < stride; ++c) {
      const T found = result[static_cast<std::size_t>(r * stride + c)];
      if (c < n) {
        const float expected = exact[static_cast<std::size_t>(r * n + c)];
        EXPECT_NEAR(to_float(found), expected, std::abs(expected) * rounding);
      } else {
        EXPECT_EQ(found.bits, untouched.bits);
      }
    }
  }
}

TEST(Matmul, RoundsNarrowResultsOnceAndLeavesWhatLiesBetweenTheRows) {
  check_rounded_results<Bfloat16>(0x1.05p-8F);
  check_rounded_results<Float16>(0x1.05p-11F);
}

TEST(Matmul, AddsToNarrowResults) {
  const std::vector<Float16> ones(3, from_float<Float16>(1.0F));
  std::vector<Float16> result(1, from_float<Float16>(0.5F));
  matmul(matrix(ones.data(), 1, 3), matrix(ones.data(), 3, 1), mutable_matrix(result.data(), 1, 1),
         nullptr, Accumulate::yes);
  EXPECT_EQ(to_float(result[0]), 3.5F);
}

TEST(Matmul, OverflowsToInfinityInFloat16) {
  const std::vector<Float16> large(2, from_float<Float16>(300.0F));
  std::vector<Float16> result(1);
  matmul(matrix(large.data(), 1, 2), matrix(large.data(), 2, 1),
         mutable_matrix(result.data(), 1, 1));
  EXPECT_TRUE(std::isinf(to_float(result[0])));
}

TEST(Matmul, LongInnerDimensionsAreSummedCompletely) {
  const std::int64_t inner = 20'001;
  const std::vector<float> ones(static_cast<std::size_t>(2 * inner), 1.0F);
  const std::vector<float> bias = {0.5F, 1.5F};
  std::vector<float> result(4, 100.0F);
  matmul(matrix(ones.data(), 2, inner), matrix(ones.data(), 2, inner).transposed(),
         mutable_matrix(result.data(), 2, 2), bias.data(), Accumulate::yes);
  EXPECT_EQ(result, (std::vector<float>{20101.5F, 20102.5F, 20101.5F, 20102.5F}));
}

template <typename T>
void check_many_rows() {
  const std::int64_t rows = 1030;  // more than are widened at once, where bf16 is
  const std::int64_t columns = 2048;
  const std::vector<T> ones(static_cast<std::size_t>(rows * columns), from_float<T>(1.0F));
  std::vector<T> result(static_cast<std::size_t>(rows));
  matmul(matrix(ones.data(), rows, columns), matrix(ones.data(), columns, 1),
         mutable_matrix(result.data(), rows, 1));
  for (const T value : result) {
    ASSERT_EQ(to_float(value), 2048.0F);
  }
}

TEST(Matmul, ManyNarrowRowsAreAllMultiplied) {
  check_many_rows<Bfloat16>();
  check_many_rows<Float16>();
}

TEST(Matmul, EmptyResultsAreLeftAlone) {
  const float value = 1.0F;
  float result = 5.0F;
  matmul(matrix(&value, 0, 1), matrix(&value, 1, 1), mutable_matrix(&result, 0, 1));
  EXPECT_EQ(result, 5.0F);
}

TEST(Matmul, RefusesShapesThatDisagree) {
  const std::vector<float> values(12);
  std::vector<float> result(12);
  EXPECT_THROW(matmul(matrix(values.data(), 3, 4), matrix(values.data(), 3, 4),
                      mutable_matrix(result.data(), 3, 4)),
               InternalError);
}

}  // namespace
}  // namespace lambert
