// SPDX-License-Identifier: Apache-2.0
// A token layout of given lengths, on the host and on the device.
#pragma once

#include <cstdint>
#include <vector>

#include "kernels/dropout_stream.h"
#include "kernels/token_layout.h"
#include "support/device_array.h"

namespace lambert::testing {

/// The host's arrays of a TokenLayout; rows of no sample have sample and position 0.
struct LayoutArrays {
  std::vector<std::int32_t> starts{0};
  std::vector<std::int32_t> sample_of;
  std::vector<std::int32_t> position_of;
  std::vector<std::int64_t> sample_numbers;

  LayoutArrays(const std::vector<std::int32_t>& lengths, std::size_t rest) {
    for (std::size_t sample = 0; sample < lengths.size(); ++sample) {
      for (std::int32_t position = 0; position < lengths[sample]; ++position) {
        sample_of.push_back(static_cast<std::int32_t>(sample));
        position_of.push_back(position);
      }
      starts.push_back(starts.back() + lengths[sample]);
      sample_numbers.push_back(5'000'000'000 + 31 * static_cast<std::int64_t>(sample));
    }
    sample_of.resize(sample_of.size() + rest);
    position_of.resize(position_of.size() + rest);
  }
  TokenLayout layout() const {
    return {static_cast<std::int64_t>(sample_of.size()),
            static_cast<std::int64_t>(sample_numbers.size()), starts.data(), sample_of.data(),
            position_of.data()};
  }
  std::size_t rows() const { return sample_of.size(); }
};

/// The same in device memory.
struct DeviceLayout {
  const LayoutArrays& host;
  DeviceArray<std::int32_t> starts;
  DeviceArray<std::int32_t> sample_of;
  DeviceArray<std::int32_t> position_of;
  DeviceArray<std::int64_t> sample_numbers;

  explicit DeviceLayout(const LayoutArrays& arrays)
      : host(arrays),
        starts(arrays.starts),
        sample_of(arrays.sample_of),
        position_of(arrays.position_of),
        sample_numbers(arrays.sample_numbers) {}
  TokenLayout layout() const {
    return {static_cast<std::int64_t>(host.rows()),
            static_cast<std::int64_t>(host.sample_numbers.size()), starts.data(), sample_of.data(),
            position_of.data()};
  }
};

/// A mask that keeps 3 of 4; the probability 0 is none.
inline DropoutMask mask_of(double probability, const std::int64_t* sample_numbers) {
  return make_dropout_mask(42, 1, 1234, 5, probability, sample_numbers);
}

}  // namespace lambert::testing
