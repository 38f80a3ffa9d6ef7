// SPDX-License-Identifier: Apache-2.0
// Which example a sample is, without a table and without state.
//
// The story: an epoch is a random order of n examples. A shuffled list of them would cost memory on
// every rank and would have to be saved or rebuilt at a resume. A Feistel network is a bijection of
// 2^(2k) numbers whatever its round function is: a number is cut into two halves of k bits, and
// each round adds (xor) a random function of one half to the other. We take the smallest k with
// 2^(2k) >= n and, because the network may leave 0..n-1, walk on: a result of n or more goes
// through the network again until it lands below n. That stays a bijection of 0..n-1 (every walk is
// part of a cycle), and takes fewer than four passes on average. Eight rounds of Philox: four
// already make a pseudo-random permutation (Luby and Rackoff 1988), the rest is margin for small
// halves.
#pragma once

#include <cstdint>

#include "base/counter_rng.h"

namespace lambert {

/// The order of the examples in every epoch of one phase: a pure function of (seed, phase, epoch).
class SampleOrder {
 public:
  /// example_count > 0.
  SampleOrder(std::uint64_t seed, std::int64_t phase_index, std::int64_t example_count);

  /// The example at a place of the epoch's order; over all places each of 0 .. example_count-1
  /// occurs once.
  std::int64_t example_at(std::int64_t epoch, std::int64_t place) const;

  /// Sample number of the phase: epoch sample / example_count, place sample % example_count.
  std::int64_t example_of(std::int64_t sample_number) const {
    return example_at(sample_number / example_count_, sample_number % example_count_);
  }

 private:
  std::uint64_t permute(std::uint64_t value, const PhiloxKey& epoch_key) const;

  PhiloxKey phase_key_;
  std::int64_t example_count_;
  int half_bits_;
};

}  // namespace lambert
