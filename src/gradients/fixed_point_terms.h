// SPDX-License-Identifier: Apache-2.0
// The loops of fixed_point_sum on plain arrays; no torch, so that they are compiled for this
// processor's vectors.
#pragma once

#include <cstdint>

namespace lambert {

/// sums += terms in multiples of 2^-44, rounded to nearest even; terms above largest_multiples, NaN
/// and infinity are left out. Returns how many were.
std::int64_t add_terms(const float* terms, std::int64_t count, double largest_multiples,
                       std::int64_t* sums);

/// values = sums in fp32, rounded once; sums = 0.
void take_sums(std::int64_t* sums, std::int64_t count, float* values);

}  // namespace lambert
