// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <cmath>

#include "kernels/dropout_stream.h"

namespace lambert {

namespace {

constexpr std::int64_t kBlocks = 16;    // blocks made together
constexpr std::int64_t kColumns = 128;  // columns they serve

/// Sixteen Philox blocks, word by word: words[w][i] is word w of block first_block + i.
using Words = std::array<std::array<std::uint32_t, kBlocks>, 4>;

void philox_blocks(const DropoutMask& mask, std::uint32_t first_block, std::uint32_t row,
                   std::uint64_t sample, Words& words) {
#pragma omp simd
  for (std::uint32_t i = 0; i < kBlocks; ++i) {
    std::uint32_t c0 = first_block + i;
    std::uint32_t c1 = row;
    auto c2 = static_cast<std::uint32_t>(sample);
    auto c3 = static_cast<std::uint32_t>(sample >> 32);
    std::uint32_t k0 = mask.key[0];
    std::uint32_t k1 = mask.key[1];
    for (int round = 0; round < 10; ++round) {
      const std::uint64_t low = std::uint64_t{0xD2511F53} * c0;
      const std::uint64_t high = std::uint64_t{0xCD9E8D57} * c2;
      c0 = static_cast<std::uint32_t>(high >> 32) ^ c1 ^ k0;
      c1 = static_cast<std::uint32_t>(high);
      c2 = static_cast<std::uint32_t>(low >> 32) ^ c3 ^ k1;
      c3 = static_cast<std::uint32_t>(low);
      k0 += 0x9E3779B9;
      k1 += 0xBB67AE85;
    }
    words[0][i] = c0;
    words[1][i] = c1;
    words[2][i] = c2;
    words[3][i] = c3;
  }
}

void write_multipliers(const Words& words, const DropoutMask& mask, float* multipliers) {
  const std::uint32_t threshold = mask.threshold;
  const float scale = mask.scale;
  for (std::size_t lane = 0; lane < 8; ++lane) {
    const std::uint32_t* const word = words[lane / 2].data();
    const unsigned shift = 16 * (lane % 2);
#pragma omp simd
    for (std::size_t i = 0; i < kBlocks; ++i) {
      const std::uint32_t number = (word[i] >> shift) & 0xFFFFU;
      multipliers[16 * lane + i] = number >= threshold ? scale : 0.0F;
    }
  }
}

}  // namespace

PhiloxKey dropout_key(std::uint64_t seed, std::uint32_t phase, std::int64_t step,
                      std::uint32_t site) {
  const auto step_bits = static_cast<std::uint64_t>(step);
  const PhiloxBlock mixed = philox({site, phase, static_cast<std::uint32_t>(step_bits),
                                    static_cast<std::uint32_t>(step_bits >> 32)},
                                   philox_key(seed, RandomPurpose::dropout));
  return {mixed[0], mixed[1]};
}

DropoutMask make_dropout_mask(std::uint64_t seed, std::uint32_t phase, std::int64_t step,
                              std::uint32_t site, double probability,
                              const std::int64_t* sample_numbers) {
  DropoutMask mask;
  mask.key = dropout_key(seed, phase, step, site);
  mask.threshold = static_cast<std::uint32_t>(std::lround(65536.0 * probability));
  mask.scale = 65536.0F / (65536.0F - static_cast<float>(mask.threshold));
  mask.sample_numbers = sample_numbers;
  return mask;
}

void dropout_multipliers(const DropoutMask& mask, std::int64_t sample_index, std::uint32_t row,
                         std::int64_t columns, float* multipliers) {
  if (!mask.is_active()) {
    std::fill_n(multipliers, columns, 1.0F);
    return;
  }
  const auto sample = static_cast<std::uint64_t>(mask.sample_numbers[sample_index]);
  Words words{};
  std::array<float, kColumns> rest{};
  for (std::int64_t first = 0; first < columns; first += kColumns) {
    const auto block = static_cast<std::uint32_t>(first / kColumns * kBlocks);
    philox_blocks(mask, block, row, sample, words);
    if (columns - first >= kColumns) {
      write_multipliers(words, mask, multipliers + first);
    } else {
      write_multipliers(words, mask, rest.data());
      std::copy_n(rest.data(), columns - first, multipliers + first);
    }
  }
}

}  // namespace lambert
