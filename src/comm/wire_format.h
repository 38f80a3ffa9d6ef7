// SPDX-License-Identifier: Apache-2.0
// The arithmetic of the ring, element by element, compiled with vector instructions.
#pragma once

#include <cstddef>
#include <cstdint>

namespace lambert {

/// sum[i] += values[i]; both (count).
void add_floats(const float* values, float* sum, std::size_t count);

/// sum[i] += values[i]; both (count). The caller keeps the sums inside 64 bits.
void add_integers(const std::int64_t* values, std::int64_t* sum, std::size_t count);

/// fp32 (count) -> bf16 bits (count), to nearest, ties to even; NaN stays NaN.
void encode_bfloat16(const float* values, std::uint16_t* encoded, std::size_t count);

/// The same, and lost[i] = what rounding took from values[i], exactly; 0 where that is not finite.
void encode_bfloat16(const float* values, std::uint16_t* encoded, float* lost, std::size_t count);

/// bf16 bits (count) -> fp32 (count), exact.
void decode_bfloat16(const std::uint16_t* encoded, float* values, std::size_t count);

/// sum[i] += decoded[i]; both (count).
void add_bfloat16(const std::uint16_t* encoded, float* sum, std::size_t count);

/// values[i] becomes the fp32 value of its bf16 rounding; (count).
void round_to_bfloat16(float* values, std::size_t count);

/// The same, and lost[i] as above.
void round_to_bfloat16(float* values, float* lost, std::size_t count);

/// sum[i] += values[i]; values[i] = 0; both (count).
void move_floats(float* values, float* sum, std::size_t count);

}  // namespace lambert
