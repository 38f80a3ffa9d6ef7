// SPDX-License-Identifier: Apache-2.0
#include "data/sample_order.h"

#include <bit>
#include <string>

#include "base/error.h"

namespace lambert {
namespace {

constexpr std::uint32_t kRounds = 8;

PhiloxKey mix(std::uint64_t number, const PhiloxKey& key) {
  const PhiloxBlock mixed = philox(
      {static_cast<std::uint32_t>(number), static_cast<std::uint32_t>(number >> 32), 0, 0}, key);
  return {mixed[0], mixed[1]};
}

/// The smallest k with 2^(2k) >= count.
int half_bits_for(std::int64_t count) {
  const auto bits = static_cast<int>(std::bit_width(static_cast<std::uint64_t>(count - 1)));
  return (bits + 1) / 2;
}

}  // namespace

SampleOrder::SampleOrder(std::uint64_t seed, std::int64_t phase_index, std::int64_t example_count)
    : phase_key_(mix(static_cast<std::uint64_t>(phase_index),
                     philox_key(seed, RandomPurpose::sample_order))),
      example_count_(example_count),
      half_bits_(half_bits_for(example_count)) {
  LAMBERT_CHECK(example_count > 0, "an order of no examples");
}

std::int64_t SampleOrder::example_at(std::int64_t epoch, std::int64_t place) const {
  LAMBERT_CHECK(epoch >= 0 && place >= 0 && place < example_count_,
                "place " + std::to_string(place));
  const PhiloxKey epoch_key = mix(static_cast<std::uint64_t>(epoch), phase_key_);
  auto value = static_cast<std::uint64_t>(place);
  do {
    value = permute(value, epoch_key);
  } while (value >= static_cast<std::uint64_t>(example_count_));
  return static_cast<std::int64_t>(value);
}

std::uint64_t SampleOrder::permute(std::uint64_t value, const PhiloxKey& epoch_key) const {
  const std::uint64_t half_mask = (std::uint64_t{1} << half_bits_) - 1;
  std::uint64_t left = value >> half_bits_;
  std::uint64_t right = value & half_mask;
  for (std::uint32_t round = 0; round < kRounds; ++round) {
    const std::uint64_t random =
        philox({static_cast<std::uint32_t>(right), round, 0, 0}, epoch_key)[0];
    const std::uint64_t next_right = left ^ (random & half_mask);
    left = right;
    right = next_right;
  }
  return (left << half_bits_) | right;
}

}  // namespace lambert
