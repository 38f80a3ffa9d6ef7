// SPDX-License-Identifier: Apache-2.0
// What the sweeps of the CUDA kernels share. They are compiled twice: with the .cu files for the
// host (support/cuda_on_host.h), and with nvcc's for a GPU; device_memory.h is the difference.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>
#include <functional>
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "device_memory.h"
#include "kernels/cuda_stream.h"
#include "kernels/element.h"

namespace lambert::testing {

/// Owns device memory for `count` elements of T, which begin `offset` elements after an aligned
/// address.
template <typename T>
class DeviceArray {
 public:
  /// Filled with the bits of NaN.
  explicit DeviceArray(std::size_t count, std::size_t offset = 0)
      : count_(count), offset_(offset), memory_(allocate_device((count + offset) * sizeof(T))) {
    const std::vector<unsigned char> ones((count + offset) * sizeof(T), 0xFF);
    copy_to_device(memory_, ones.data(), ones.size());
  }
  explicit DeviceArray(const std::vector<T>& values, std::size_t offset = 0)
      : DeviceArray(values.size(), offset) {
    copy_to_device(data(), values.data(), values.size() * sizeof(T));
  }
  ~DeviceArray() { free_device(memory_); }
  DeviceArray(const DeviceArray&) = delete;
  DeviceArray& operator=(const DeviceArray&) = delete;

  T* data() const { return static_cast<T*>(memory_) + offset_; }
  std::vector<T> values() const {
    std::vector<T> result(count_);
    copy_to_host(result.data(), data(), count_ * sizeof(T));
    return result;
  }

 private:
  std::size_t count_;
  std::size_t offset_;
  void* memory_;
};

/// The stream of a call that lends exactly so much scratch memory.
struct LentScratch {
  DeviceArray<std::byte> memory;
  CudaStream stream;
  explicit LentScratch(std::int64_t bytes)
      : memory(static_cast<std::size_t>(bytes)), stream{nullptr, memory.data(), bytes} {}
};

inline std::vector<float> floats_of(const std::vector<float>& values) {
  return values;
}
template <typename T>
std::vector<float> floats_of(const std::vector<T>& values) {
  std::vector<float> result;
  for (const T value : values) {
    result.push_back(to_float(value));
  }
  return result;
}

/// Normally distributed, the same for every call with the same seed.
template <typename T>
std::vector<T> random_values(std::size_t count, std::uint64_t seed, float deviation = 1.0F) {
  std::mt19937_64 random(seed);
  std::normal_distribution<float> normal(0.0F, deviation);
  std::vector<T> result(count);
  for (T& value : result) {
    value = from_float<T>(normal(random));
  }
  return result;
}

/// How far a result may be from the host's fp32 kernel on the same inputs: relative to the element,
/// and to the root mean square of all. bf16 results are rounded once, to 8 bits, fp16 ones
/// to 11 (or, below 2^-14, to a multiple of 2^-24).
struct Tolerance {
  double of_element = 2e-6;
  double of_scale = 2e-6;
};
template <typename T>
Tolerance one_rounding();
template <>
inline Tolerance one_rounding<float>() {
  return {};
}
template <>
inline Tolerance one_rounding<Bfloat16>() {
  return {0x1.01p-8, 4e-6};
}
template <>
inline Tolerance one_rounding<Float16>() {
  return {0x1.02p-11, 1e-5};
}

template <typename T>
void expect_close(const std::vector<T>& ours, const std::vector<float>& theirs,
                  const Tolerance& tolerance, const std::string& what) {
  ASSERT_EQ(ours.size(), theirs.size()) << what;
  const std::vector<float> values = floats_of(ours);
  double squares = 0.0;
  for (const float value : theirs) {
    squares += static_cast<double>(value) * static_cast<double>(value);
  }
  const double scale = std::sqrt(squares / static_cast<double>(theirs.size()));
  for (std::size_t i = 0; i < theirs.size(); ++i) {
    const auto expected = static_cast<double>(theirs[i]);
    const double bound = tolerance.of_element * std::abs(expected) + tolerance.of_scale * scale;
    if (!(std::abs(static_cast<double>(values[i]) - expected) <= bound)) {
      ADD_FAILURE() << what << ", element " << i << " of " << theirs.size() << ": " << values[i]
                    << " instead of " << expected << ", tolerance " << bound;
      return;
    }
  }
}

/// Runs the work twice, the threads in different orders, and demands the same bits.
template <typename Result>
Result in_any_order(const std::function<Result()>& work, const std::string& what) {
  change_thread_order(1);
  const Result first = work();
  change_thread_order(20);
  EXPECT_TRUE(first == work()) << what << ": the bits depend on the order of the threads";
  return first;
}

/// The bytes of all arrays, to compare bits, NaN included.
template <typename... Arrays>
std::vector<unsigned char> bytes_of(const Arrays&... arrays) {
  std::vector<unsigned char> bytes;
  const auto append = [&](const auto& array) {
    const std::size_t size = array.size() * sizeof(array[0]);
    const std::size_t before = bytes.size();
    bytes.resize(before + size);
    if (size > 0) {
      std::memcpy(bytes.data() + before, array.data(), size);
    }
  };
  (append(arrays), ...);
  return bytes;
}

}  // namespace lambert::testing
