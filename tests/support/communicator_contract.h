// SPDX-License-Identifier: Apache-2.0
// What every implementation of Communicator must do; each function runs on every rank of a group.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/error.h"
#include "comm/communicator.h"

namespace lambert::testing {

/// A different, reproducible value for every rank and place, with sums that depend on the order of
/// adding.
inline float contract_value(int rank, std::size_t index) {
  const auto mixed = static_cast<std::uint32_t>((index * 2654435761U) ^
                                                (static_cast<std::size_t>(rank + 1) * 40503U));
  return static_cast<float>(mixed % 20011U) / 7.0F - 1000.0F;
}

inline std::vector<float> contract_values(int rank, std::size_t count) {
  std::vector<float> values(count);
  for (std::size_t i = 0; i < count; ++i) {
    values[i] = contract_value(rank, i);
  }
  return values;
}

template <class Value>
void expect_identical_bits_on_all_ranks(Communicator& communicator, std::span<const Value> values) {
  const auto own = std::as_bytes(values);
  const auto all = communicator.all_gather(own);
  ASSERT_EQ(all.size(), static_cast<std::size_t>(communicator.size()));
  for (const auto& other : all) {
    ASSERT_EQ(other.size(), own.size());
    EXPECT_TRUE(own.empty() || std::memcmp(other.data(), own.data(), own.size()) == 0);
  }
}

/// The sum over ranks of `count` values; relative_error covers the order of adding and the wire.
inline void expect_ring_sum(Communicator& communicator, std::size_t count, double relative_error) {
  std::vector<float> values = contract_values(communicator.rank(), count);
  communicator.start_all_reduce_sum(values, "sum of " + std::to_string(count))->wait();
  for (std::size_t i = 0; i < count; ++i) {
    double expected = 0.0;
    double size = 0.0;
    for (int rank = 0; rank < communicator.size(); ++rank) {
      expected += contract_value(rank, i);
      size += std::abs(contract_value(rank, i));
    }
    ASSERT_NEAR(values[i], expected, size * relative_error) << "value " << i << " of " << count;
  }
  expect_identical_bits_on_all_ranks<float>(communicator, values);
}

/// Around everything that is cut: ranks, cache lines, segments (of 1,024 values in the thread
/// tests, 65,536 in the real ring).
inline std::vector<std::size_t> contract_sizes() {
  return {0,     1,     2,     3,     4,     5,      15,     16,     17,    31,   63,
          64,    65,    100,   1023,  1024,  1025,   4095,   4096,   4097,  8191, 10007,
          16384, 32769, 65535, 65536, 65537, 131072, 131073, 262145, 400003};
}

/// fp32 wire: adding up to four values of this size, a few units of the last place.
inline constexpr double kFloatError = 1e-6;
/// bf16 wire: eight bits, rounded once per hop.
inline constexpr double kBfloat16Error = 0.02;

inline void check_ring_sums(Communicator& communicator, double relative_error) {
  for (const std::size_t count : contract_sizes()) {
    expect_ring_sum(communicator, count, relative_error);
  }
}

/// Ways to cut `count` values: evenly, unevenly with empty shares, and all to the first rank.
inline std::vector<ShareCuts> contract_cuts(std::size_t count, int ranks) {
  ShareCuts uneven;
  ShareCuts first_takes_all(static_cast<std::size_t>(ranks) + 1, count);
  first_takes_all.front() = 0;
  for (int rank = 0; rank < ranks; ++rank) {  // 0, 0, count / 4 ...
    uneven.push_back(count * static_cast<std::size_t>(rank / 2) / static_cast<std::size_t>(ranks));
  }
  uneven.push_back(count);
  return {cut_evenly(count, ranks), uneven, first_takes_all};
}

template <class Value>
std::span<Value> own_share(std::span<Value> values, const ShareCuts& cuts, int rank) {
  const auto index = static_cast<std::size_t>(rank);
  return values.subspan(cuts[index], cuts[index + 1] - cuts[index]);
}

/// The halves of the ring: the share of a reduce-scatter has the bits of an all-reduce that is cut
/// alike, and gathering the shares makes the all-reduce of it.
template <class Value>
void expect_halves_make_the_whole(Communicator& communicator, const std::vector<Value>& own,
                                  const ShareCuts& cuts) {
  std::vector<Value> whole = own;
  communicator.start({RingKind::all_reduce, std::span(whole), cuts, {}, "whole"})->wait();
  std::vector<Value> halves = own;
  communicator.start_reduce_scatter_sum(std::span(halves), cuts, "first half")->wait();
  const auto share = own_share(std::span(halves), cuts, communicator.rank());
  const auto expected = own_share(std::span(whole), cuts, communicator.rank());
  ASSERT_TRUE(std::equal(share.begin(), share.end(), expected.begin())) << own.size();
  ShareCuts byte_cuts = cuts;
  for (std::size_t& cut : byte_cuts) {
    cut *= sizeof(Value);
  }
  communicator
      .start_all_gather(std::as_writable_bytes(std::span(halves)), byte_cuts, "second half")
      ->wait();
  ASSERT_EQ(halves, whole) << own.size();
}

inline void check_halves_of_the_ring(Communicator& communicator) {
  for (const std::size_t count : contract_sizes()) {
    const std::vector<float> floats = contract_values(communicator.rank(), count);
    std::vector<std::int64_t> integers(count);
    for (std::size_t i = 0; i < count; ++i) {
      integers[i] = (static_cast<std::int64_t>(i) + 1) * 4'000'000'007 * (communicator.rank() - 1);
    }
    for (const ShareCuts& cuts : contract_cuts(count, communicator.size())) {
      expect_halves_make_the_whole(communicator, floats, cuts);
      expect_halves_make_the_whole(communicator, integers, cuts);
    }
  }
}

/// Elements of two bytes, as compute weights are: they arrive as they are, whatever the wire type.
inline void check_gather_is_exact(Communicator& communicator) {
  for (const std::size_t count : contract_sizes()) {
    for (ShareCuts cuts : contract_cuts(count, communicator.size())) {
      std::vector<std::uint16_t> values(count, 0xFFFF);
      const auto share = own_share(std::span(values), cuts, communicator.rank());
      for (std::size_t i = 0; i < share.size(); ++i) {
        const std::size_t index = cuts[static_cast<std::size_t>(communicator.rank())] + i;
        share[i] = static_cast<std::uint16_t>(index * 7);
      }
      for (std::size_t& cut : cuts) {
        cut *= sizeof(std::uint16_t);
      }
      communicator.start_all_gather(std::as_writable_bytes(std::span(values)), cuts, "weights")
          ->wait();
      for (std::size_t i = 0; i < count; ++i) {
        ASSERT_EQ(values[i], static_cast<std::uint16_t>(i * 7)) << i << " of " << count;
      }
    }
  }
}

/// The mean over steps of the sum of values that bf16 cannot hold, relative to the exact sum.
inline double error_of_mean(Communicator& communicator, bool with_feedback) {
  constexpr int kSteps = 256;
  constexpr std::size_t kCount = 100;
  std::vector<float> residual(with_feedback ? kCount : 0, 0.0F);
  std::vector<double> total(kCount, 0.0);
  const ShareCuts cuts = cut_evenly(kCount, communicator.size());
  for (int step = 0; step < kSteps; ++step) {
    std::vector<float> values = contract_values(communicator.rank(), kCount);
    communicator.start({RingKind::all_reduce, std::span(values), cuts, residual, "step"})->wait();
    for (std::size_t i = 0; i < kCount; ++i) {
      total[i] += values[i];
    }
  }
  double error = 0.0;
  double size = 0.0;
  for (std::size_t i = 0; i < kCount; ++i) {
    double exact = 0.0;
    for (int rank = 0; rank < communicator.size(); ++rank) {
      exact += contract_value(rank, i);
    }
    error += std::abs(total[i] / kSteps - exact);
    size += std::abs(exact);
  }
  return error / size;
}

/// What rounding takes in one step is made up for in the next ones: the mean over many is exact.
inline void check_residual_makes_the_mean_exact(Communicator& communicator, bool rounds) {
  EXPECT_LT(error_of_mean(communicator, true), 3e-5);
  if (rounds) {
    EXPECT_GT(error_of_mean(communicator, false), 3e-4);
  }
}

/// A residual is used once: by the sum whichever rank holds it, and by any kind of wire.
inline void check_residual_is_part_of_the_sum(Communicator& communicator) {
  std::vector<float> values(1000, 1.0F);
  std::vector<float> residual(1000, communicator.rank() == 0 ? 3.0F : 0.0F);
  const ShareCuts cuts = cut_evenly(values.size(), communicator.size());
  communicator.start({RingKind::all_reduce, std::span(values), cuts, residual, "sum"})->wait();
  for (std::size_t i = 0; i < values.size(); ++i) {
    ASSERT_EQ(values[i], 3.0F + static_cast<float>(communicator.size()));
    ASSERT_EQ(residual[i], 0.0F);
  }
}

/// Where sums cannot have a residual the user is told so.
inline void check_residual_is_refused(Communicator& communicator) {
  std::vector<float> values(1000, 1.0F);
  std::vector<float> residual(1000, 0.0F);
  const ShareCuts cuts = cut_evenly(values.size(), communicator.size());
  EXPECT_THROW(communicator.start({RingKind::all_reduce, std::span(values), cuts, residual, "sum"}),
               ConfigError);
}

inline void check_reductions_overlap_and_finish_in_order(Communicator& communicator) {
  constexpr std::size_t kBuckets = 12;
  std::vector<std::vector<float>> buckets;
  std::vector<std::unique_ptr<PendingCollective>> pending;
  for (std::size_t i = 0; i < kBuckets; ++i) {
    buckets.emplace_back(1000 + 777 * i, static_cast<float>(i + 1));
  }
  for (std::size_t i = 0; i < kBuckets; ++i) {
    pending.push_back(communicator.start_all_reduce_sum(buckets[i], "bucket " + std::to_string(i)));
  }
  // Collectives of the main thread do not disturb reductions in flight.
  std::vector<double> sum = {1.0};
  communicator.all_reduce_sum(sum);
  EXPECT_EQ(sum.front(), communicator.size());
  for (std::size_t i = 0; i < kBuckets; ++i) {
    pending[i]->wait();
    for (const float value : buckets[i]) {
      ASSERT_EQ(value, static_cast<float>(i + 1) * static_cast<float>(communicator.size()));
    }
  }
}

inline void check_integer_sums(Communicator& communicator) {
  for (const std::size_t count : contract_sizes()) {
    std::vector<std::int64_t> values(count);
    std::int64_t size_sum = 0;
    for (int rank = 0; rank < communicator.size(); ++rank) {
      size_sum += rank + 1;
    }
    for (std::size_t i = 0; i < count; ++i) {
      values[i] = (static_cast<std::int64_t>(i) - 1000) * 4'000'000'007 * (communicator.rank() + 1);
    }
    communicator.start_all_reduce_sum(values, "integers")->wait();
    for (std::size_t i = 0; i < count; ++i) {
      ASSERT_EQ(values[i], (static_cast<std::int64_t>(i) - 1000) * 4'000'000'007 * size_sum);
    }
  }
}

inline void check_non_finite_values_reach_all_ranks(Communicator& communicator) {
  std::vector<float> values(1000, 1.0F);
  if (communicator.rank() == communicator.size() - 1) {
    values[10] = std::numeric_limits<float>::quiet_NaN();
    values[990] = std::numeric_limits<float>::infinity();
  }
  communicator.start_all_reduce_sum(values, "not finite")->wait();
  EXPECT_TRUE(std::isnan(values[10]));
  EXPECT_TRUE(std::isinf(values[990]));
  EXPECT_EQ(values[0], static_cast<float>(communicator.size()));
}

inline void check_double_sums_and_maxima(Communicator& communicator) {
  for (const std::size_t count : {0U, 1U, 3U, 100U}) {
    std::vector<double> sums(count);
    std::vector<double> maxima(count);
    for (std::size_t i = 0; i < count; ++i) {
      sums[i] = 0.1 * static_cast<double>(communicator.rank() + 1) + static_cast<double>(i);
      maxima[i] =
          static_cast<double>((communicator.rank() + static_cast<int>(i)) % communicator.size());
    }
    communicator.all_reduce_sum(sums);
    communicator.all_reduce_max(maxima);
    const double ranks = communicator.size();
    for (std::size_t i = 0; i < count; ++i) {
      EXPECT_NEAR(sums[i], 0.1 * ranks * (ranks + 1) / 2 + static_cast<double>(i) * ranks, 1e-9);
      EXPECT_EQ(maxima[i], ranks - 1);
    }
    expect_identical_bits_on_all_ranks<double>(communicator, sums);
  }
}

inline void check_broadcast_from_every_root(Communicator& communicator) {
  for (int root = 0; root < communicator.size(); ++root) {
    for (const std::size_t count : {0U, 1U, 70000U}) {
      std::vector<std::byte> bytes(count, static_cast<std::byte>(communicator.rank() + 1));
      communicator.broadcast(bytes, root);
      for (const std::byte byte : bytes) {
        ASSERT_EQ(byte, static_cast<std::byte>(root + 1));
      }
    }
  }
}

inline void check_all_gather_of_different_sizes(Communicator& communicator) {
  const auto size_of = [](int rank) { return static_cast<std::size_t>(rank) * 5000U; };
  const std::vector<std::byte> own(size_of(communicator.rank()),
                                   static_cast<std::byte>(communicator.rank() + 7));
  const auto all = communicator.all_gather(own);
  ASSERT_EQ(all.size(), static_cast<std::size_t>(communicator.size()));
  for (int rank = 0; rank < communicator.size(); ++rank) {
    const std::vector<std::byte> expected(size_of(rank), static_cast<std::byte>(rank + 7));
    EXPECT_EQ(all.at(static_cast<std::size_t>(rank)), expected);
  }
}

inline void check_contract(Communicator& communicator, double relative_error,
                           bool has_residuals = true) {
  EXPECT_GE(communicator.rank(), 0);
  EXPECT_LT(communicator.rank(), communicator.size());
  EXPECT_GE(communicator.local_size(), 1);
  EXPECT_FALSE(communicator.host_of(communicator.size() - 1).empty());
  communicator.barrier();
  check_ring_sums(communicator, relative_error);
  check_reductions_overlap_and_finish_in_order(communicator);
  check_integer_sums(communicator);
  check_halves_of_the_ring(communicator);
  check_gather_is_exact(communicator);
  if (has_residuals) {
    const bool rounds = relative_error > kFloatError && communicator.size() > 1;
    check_residual_makes_the_mean_exact(communicator, rounds);
    check_residual_is_part_of_the_sum(communicator);
  } else {
    check_residual_is_refused(communicator);
  }
  check_non_finite_values_reach_all_ranks(communicator);
  check_double_sums_and_maxima(communicator);
  check_broadcast_from_every_root(communicator);
  check_all_gather_of_different_sizes(communicator);
  communicator.barrier();
}

}  // namespace lambert::testing
