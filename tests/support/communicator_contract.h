// SPDX-License-Identifier: Apache-2.0
// What every implementation of Communicator must do; each function runs on every rank of a group.
#pragma once

#include <cmath>
#include <cstring>
#include <limits>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <gtest/gtest.h>

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

inline void check_reductions_overlap_and_finish_in_order(Communicator& communicator) {
  constexpr std::size_t kBuckets = 12;
  std::vector<std::vector<float>> buckets;
  std::vector<std::unique_ptr<PendingReduction>> pending;
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

inline void check_contract(Communicator& communicator, double relative_error) {
  EXPECT_GE(communicator.rank(), 0);
  EXPECT_LT(communicator.rank(), communicator.size());
  EXPECT_GE(communicator.local_size(), 1);
  EXPECT_FALSE(communicator.host_of(communicator.size() - 1).empty());
  communicator.barrier();
  check_ring_sums(communicator, relative_error);
  check_reductions_overlap_and_finish_in_order(communicator);
  check_integer_sums(communicator);
  check_non_finite_values_reach_all_ranks(communicator);
  check_double_sums_and_maxima(communicator);
  check_broadcast_from_every_root(communicator);
  check_all_gather_of_different_sizes(communicator);
  communicator.barrier();
}

}  // namespace lambert::testing
