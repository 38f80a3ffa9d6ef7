// SPDX-License-Identifier: Apache-2.0
#include "base/counter_rng.h"

#include <cmath>
#include <numbers>

namespace lambert {

PhiloxKey philox_key(std::uint64_t seed, RandomPurpose purpose) {
  const PhiloxBlock mixed =
      philox({static_cast<std::uint32_t>(purpose), 0, 0, 0},
             {static_cast<std::uint32_t>(seed), static_cast<std::uint32_t>(seed >> 32)});
  return {mixed[0], mixed[1]};
}

std::uint32_t CounterStream::next() {
  if (used_ == 4) {
    block_ = philox(counter_, key_);
    ++counter_[0];
    used_ = 0;
  }
  return block_[static_cast<std::size_t>(used_++)];
}

std::uint32_t CounterStream::below(std::uint32_t bound) {
  std::uint64_t product = std::uint64_t{next()} * bound;
  auto fraction = static_cast<std::uint32_t>(product);
  if (fraction < bound) {
    const std::uint32_t threshold = (0U - bound) % bound;
    while (fraction < threshold) {
      product = std::uint64_t{next()} * bound;
      fraction = static_cast<std::uint32_t>(product);
    }
  }
  return static_cast<std::uint32_t>(product >> 32);
}

double CounterStream::uniform() {
  const std::uint64_t high = next() >> 5;
  const std::uint64_t low = next() >> 6;
  return static_cast<double>((high << 26) | low) * 0x1.0p-53;
}

double CounterStream::normal() {
  const double radius = std::sqrt(-2.0 * std::log(1.0 - uniform()));
  return radius * std::cos(2.0 * std::numbers::pi * uniform());
}

}  // namespace lambert
