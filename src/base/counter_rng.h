// SPDX-License-Identifier: Apache-2.0
// Random numbers as a pure function of a key and a counter (Philox-4x32-10, Salmon et al., SC
// 2011). Nothing random is ever saved: masks, dropout, sample order and initialisation are
// functions of the seed and of where in the run they are used.
#pragma once

#include <array>
#include <cstdint>

namespace lambert {

using PhiloxBlock = std::array<std::uint32_t, 4>;
using PhiloxKey = std::array<std::uint32_t, 2>;

/// Ten rounds; equals the published known-answer vectors of Random123. A constant expression, so
/// that device code may call it too (docs/architecture.md).
constexpr PhiloxBlock philox(const PhiloxBlock& counter, const PhiloxKey& key) {
  PhiloxBlock c = counter;
  PhiloxKey k = key;
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t low = std::uint64_t{0xD2511F53} * c[0];
    const std::uint64_t high = std::uint64_t{0xCD9E8D57} * c[2];
    c = {static_cast<std::uint32_t>(high >> 32) ^ c[1] ^ k[0], static_cast<std::uint32_t>(high),
         static_cast<std::uint32_t>(low >> 32) ^ c[3] ^ k[1], static_cast<std::uint32_t>(low)};
    k[0] += 0x9E3779B9;
    k[1] += 0xBB67AE85;
  }
  return c;
}

/// What a stream is for: streams of different purposes never share numbers.
enum class RandomPurpose : std::uint32_t {
  initialisation = 1,
  sample_order = 2,
  masking = 3,
  dropout = 4,
  example_building = 5,
  document_order = 6,
  certificate = 7,
};

/// Mixes a seed and a purpose into a Philox key.
PhiloxKey philox_key(std::uint64_t seed, RandomPurpose purpose);

/// A sequential reader of one stream, from a block of it on. The stream is (key, first, second);
/// 2^32 blocks of four numbers each.
class CounterStream {
 public:
  CounterStream(PhiloxKey key, std::uint64_t first, std::uint32_t second, std::uint32_t block = 0)
      : key_(key),
        counter_{block, second, static_cast<std::uint32_t>(first),
                 static_cast<std::uint32_t>(first >> 32)} {}

  std::uint32_t next();
  /// Even over 0 .. bound-1 without bias (Lemire); bound > 0.
  std::uint32_t below(std::uint32_t bound);
  /// Even over [0, 1), 53 bits.
  double uniform();
  /// Standard normal (Box-Muller, one of the pair). Takes one block.
  double normal();

 private:
  PhiloxKey key_;
  PhiloxBlock counter_;
  PhiloxBlock block_{};
  int used_ = 4;
};

}  // namespace lambert
