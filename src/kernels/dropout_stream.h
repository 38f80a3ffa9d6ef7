// SPDX-License-Identifier: Apache-2.0
// Dropout masks as a pure function of where in the run they are used.
//
// Whether an element is kept depends on (seed, phase, step, site, sample number, row, column) and
// on nothing else: not on the batch that holds the sample, the length it is padded to, the rank or
// the thread. Backward passes compute the mask again instead of storing it.
//
// key     = first two words of philox({site, phase, step low, step high}, philox_key(seed,
// dropout)).
//           Site 0 is the embedding; layer l has 1 + 3 l (attention probabilities), 2 + 3 l
//           (attention output) and 3 + 3 l (feed-forward output).
// counter = {block, row, sample low, sample high}. A row of a hidden tensor is its position; a row
// of attention
//           probabilities is head * 65536 + query position.
// lanes   = a block's four words give eight 16-bit numbers, lane j = bits 16 (j mod 2) .. of word j
// / 2.
//           Column c reads lane (c / 16) mod 8 of block 16 (c / 128) + c mod 16: sixteen neighbours
//           read the same lane of sixteen blocks, which is how vector units make them.
// kept    = lane >= round(65536 p); kept values are multiplied by 65536 / (65536 - round(65536 p)).
#pragma once

#include <cstdint>

#include "base/counter_rng.h"
#include "kernels/cuda_stream.h"

namespace lambert {

/// The masks of one site in one micro-batch. The sample numbers are the caller's.
struct DropoutMask {
  PhiloxKey key{};
  /// On a device, where not null: read in place of key when the kernel runs. Work that is put on
  /// the device once and runs in many steps (ops/recorded_work.h) finds the step's key here.
  const PhiloxKey* device_key = nullptr;
  std::uint32_t threshold = 0;                   // round(65536 p); 0 = no dropout
  float scale = 1.0F;                            // of kept values
  const std::int64_t* sample_numbers = nullptr;  // (B)

  constexpr bool is_active() const { return threshold != 0; }
};

/// The key of a site's masks in one step.
PhiloxKey dropout_key(std::uint64_t seed, std::uint32_t phase, std::int64_t step,
                      std::uint32_t site);

/// probability in [0, 1).
DropoutMask make_dropout_mask(std::uint64_t seed, std::uint32_t phase, std::int64_t step,
                              std::uint32_t site, double probability,
                              const std::int64_t* sample_numbers);

/// multipliers: (columns), 0 for dropped elements and mask.scale for kept ones; all 1 without
/// dropout.
void dropout_multipliers(const DropoutMask& mask, std::int64_t sample_index, std::uint32_t row,
                         std::int64_t columns, float* multipliers);

/// On a device; the mask's sample_numbers are device memory.
void dropout_multipliers(const CudaStream& stream, const DropoutMask& mask,
                         std::int64_t sample_index, std::uint32_t row, std::int64_t columns,
                         float* multipliers);

}  // namespace lambert
