// SPDX-License-Identifier: Apache-2.0
// Products by cublasLt against the host's: every layout of the operands, bias, accumulation, types.
// Runs on a GPU only.
#include "kernels/matmul.h"
#include "support/device_array.h"

namespace lambert::testing {
namespace {

struct Case {
  std::int64_t rows;
  std::int64_t columns;
  std::int64_t inner;
  bool left_transposed;
  bool right_transposed;
  bool result_transposed;
  bool has_bias;
  Accumulate accumulate;
};

template <typename T>
Matrix operand(const T* data, std::int64_t rows, std::int64_t columns, bool transposed) {
  return transposed ? matrix(data, columns, rows).transposed() : matrix(data, rows, columns);
}
template <typename T>
MutableMatrix target(T* data, std::int64_t rows, std::int64_t columns, bool transposed) {
  return transposed ? mutable_matrix(data, columns, rows).transposed()
                    : mutable_matrix(data, rows, columns);
}

template <typename T, typename Result>
void compare(const Case& c, Float32Products products, const Tolerance& tolerance) {
  const auto left = random_values<T>(static_cast<std::size_t>(c.rows * c.inner), 1);
  const auto right = random_values<T>(static_cast<std::size_t>(c.inner * c.columns), 2);
  const auto old = random_values<Result>(static_cast<std::size_t>(c.rows * c.columns), 3);
  const auto bias = random_values<float>(static_cast<std::size_t>(c.columns), 4);
  const LentScratch lent(matmul_scratch_bytes());
  const DeviceArray<T> left_array(left);
  const DeviceArray<T> right_array(right);
  const DeviceArray<Result> result(old);
  const DeviceArray<float> bias_array(bias);
  matmul(lent.stream, operand(left_array.data(), c.rows, c.inner, c.left_transposed),
         operand(right_array.data(), c.inner, c.columns, c.right_transposed),
         target(result.data(), c.rows, c.columns, c.result_transposed),
         c.has_bias ? bias_array.data() : nullptr, c.accumulate, products);
  const std::vector<float> left_floats = floats_of(left);
  const std::vector<float> right_floats = floats_of(right);
  std::vector<float> expected = floats_of(old);
  matmul(operand(left_floats.data(), c.rows, c.inner, c.left_transposed),
         operand(right_floats.data(), c.inner, c.columns, c.right_transposed),
         target(expected.data(), c.rows, c.columns, c.result_transposed),
         c.has_bias ? bias.data() : nullptr, c.accumulate);
  expect_close(
      result.values(), expected, tolerance,
      std::to_string(c.rows) + " x " + std::to_string(c.inner) + " x " + std::to_string(c.columns));
}

const std::vector<Case> kCases = {{128, 256, 64, false, false, false, false, Accumulate::no},
                                  {128, 256, 64, false, true, false, true, Accumulate::no},
                                  {64, 72, 200, true, false, false, false, Accumulate::yes},
                                  {40, 24, 136, true, true, false, true, Accumulate::yes},
                                  {48, 80, 64, false, false, true, false, Accumulate::yes},
                                  {1, 8, 16, false, false, false, true, Accumulate::no}};

TEST(MatmulCuda, EqualsTheHostsInFloat) {
  for (const Case& c : kCases) {
    compare<float, float>(c, Float32Products::ieee, {1e-5, 1e-5});
    compare<float, float>(c, Float32Products::tf32, {1e-2, 1e-2});
  }
}

TEST(MatmulCuda, SumsProductsOfBfloat16InFloat) {
  for (const Case& c : kCases) {
    compare<Bfloat16, float>(c, Float32Products::ieee, {1e-5, 1e-5});
  }
}

TEST(MatmulCuda, SumsProductsOfFloat16InFloat) {
  for (const Case& c : kCases) {
    compare<Float16, float>(c, Float32Products::ieee, {1e-5, 1e-5});
  }
}

TEST(MatmulCuda, RoundsResultsToFloat16) {
  for (const Case& c : kCases) {
    if (c.accumulate == Accumulate::no) {
      compare<Float16, Float16>(c, Float32Products::ieee, {0x1.02p-10, 5e-4});
    }
  }
}

TEST(MatmulCuda, RoundsResultsToBfloat16) {
  for (const Case& c : kCases) {
    if (c.accumulate == Accumulate::no) {
      // A bias that the library does not take is added to the rounded product.
      compare<Bfloat16, Bfloat16>(c, Float32Products::ieee, {0x1.02p-7, 4e-3});
    }
  }
}

}  // namespace
}  // namespace lambert::testing
