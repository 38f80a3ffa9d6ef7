// SPDX-License-Identifier: Apache-2.0
#include <chrono>
#include <cstring>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "support/communicator_contract.h"
#include "support/run_ranks.h"

namespace lambert::testing {
namespace {

TEST(SingleCommunicator, KeepsTheContract) {
  const auto communicator = make_single_communicator();
  check_contract(*communicator, kFloatError);
}

class ThreadRanks : public ::testing::TestWithParam<int> {};

TEST_P(ThreadRanks, KeepTheContract) {
  run_ranks(GetParam(),
            [](Communicator& communicator) { check_contract(communicator, kFloatError); });
}

TEST_P(ThreadRanks, KeepTheContractWhenTheLinkKeepsMessages) {
  RankOptions options;
  options.link_keeps_messages = true;
  run_ranks(
      GetParam(), [](Communicator& communicator) { check_ring_sums(communicator, kFloatError); },
      options);
}

TEST_P(ThreadRanks, KeepTheContractWithBfloat16OnTheWire) {
  RankOptions options;
  options.wire_type = WireType::bfloat16;
  run_ranks(
      GetParam(), [](Communicator& communicator) { check_contract(communicator, kBfloat16Error); },
      options);
}

TEST_P(ThreadRanks, SumTheSameBitsForEverySegmentSize) {
  constexpr std::size_t kCount = 5003;
  std::vector<std::vector<float>> results;
  std::mutex mutex;
  for (const std::size_t segment_bytes : {4U, 60U, 64U, 1000U, 4096U, 1U << 20U}) {
    RankOptions options;
    options.segment_bytes = segment_bytes;
    run_ranks(
        GetParam(),
        [&](Communicator& communicator) {
          std::vector<float> values = contract_values(communicator.rank(), kCount);
          communicator.start_all_reduce_sum(values, "segments")->wait();
          const std::lock_guard lock(mutex);
          results.push_back(values);
        },
        options);
  }
  for (const std::vector<float>& result : results) {
    EXPECT_EQ(result, results.front());
  }
}

INSTANTIATE_TEST_SUITE_P(Sizes, ThreadRanks, ::testing::Values(1, 2, 3, 4, 5, 7));

TEST(ThreadGroup, FindsADifferentReductionAtOnce) {
  try {
    run_ranks(2, [](Communicator& communicator) {
      std::vector<float> values(100);
      const std::string name = communicator.rank() == 0 ? "bucket 3" : "bucket 4";
      communicator.start_all_reduce_sum(values, name)->wait();
    });
    FAIL() << "two different reductions were added";
  } catch (const CommError& error) {
    EXPECT_THAT(error.what(), ::testing::HasSubstr("'bucket 3' #1 of 400 bytes"));
    EXPECT_THAT(error.what(), ::testing::HasSubstr("'bucket 4' #1 of 400 bytes"));
  }
}

/// What run_ranks says when the two ranks start different work.
std::string disagreement(const std::function<void(Communicator&, std::span<float>)>& work) {
  std::vector<std::vector<float>> values(2, std::vector<float>(100));
  try {
    run_ranks(2, [&](Communicator& communicator) {
      work(communicator, values[static_cast<std::size_t>(communicator.rank())]);
    });
  } catch (const CommError& error) {
    return error.what();
  }
  return "none";
}

TEST(ThreadGroup, FindsAnotherHalfOfTheRing) {
  const std::string found = disagreement([](Communicator& communicator, std::span<float> values) {
    const ShareCuts cuts = cut_evenly(100, 2);
    if (communicator.rank() == 0) {
      communicator.start_reduce_scatter_sum(values, cuts, "bucket 3")->wait();
    } else {
      communicator.start_all_reduce_sum(values, "bucket 3")->wait();
    }
  });
  EXPECT_THAT(found, ::testing::HasSubstr("reduce-scatter 'bucket 3' #1 of 400 bytes"));
  EXPECT_THAT(found, ::testing::HasSubstr("all-reduce 'bucket 3' #1 of 400 bytes"));
}

TEST(ThreadGroup, FindsOtherCuts) {
  const std::string found = disagreement([](Communicator& communicator, std::span<float> values) {
    const std::size_t cut = communicator.rank() == 0 ? 40 : 60;
    communicator.start_reduce_scatter_sum(values, {0, cut, 100}, "bucket 3")->wait();
  });
  EXPECT_THAT(found, ::testing::HasSubstr("the ranks do different things"));
}

TEST(ThreadGroup, FindsADifferentCount) {
  RankOptions options;
  options.timeout_seconds = 0.2;  // for the rank whose left neighbour agrees with it
  EXPECT_THROW(run_ranks(
                   3,
                   [](Communicator& communicator) {
                     std::vector<float> values(communicator.rank() == 2 ? 100 : 101);
                     communicator.start_all_reduce_sum(values, "bucket")->wait();
                   },
                   options),
               CommError);
}

TEST(ReductionQueue, EndsAWaitAtTheDeadlineAndFailsWhatFollows) {
  RankOptions options;
  options.timeout_seconds = 0.2;
  run_ranks(
      2,
      [](Communicator& communicator) {
        if (communicator.rank() == 1) {
          return;  // never comes
        }
        std::vector<float> first(10);
        std::vector<float> second(10);
        const auto pending_first = communicator.start_all_reduce_sum(first, "first");
        const auto pending_second = communicator.start_all_reduce_sum(second, "second");
        EXPECT_THROW(pending_first->wait(), CommError);
        EXPECT_THROW(pending_second->wait(), CommError);
      },
      options);
}

TEST(ReductionQueue, LetsGoOfTheValuesWhenTheOwnerLeavesEarly) {
  const auto start = std::chrono::steady_clock::now();
  EXPECT_THROW(run_ranks(2,
                         [](Communicator& communicator) {
                           if (communicator.rank() == 1) {
                             return;  // never comes
                           }
                           std::vector<float> values(10);
                           const auto pending = communicator.start_all_reduce_sum(values, "left");
                           throw DataError("reading a shard: broken; prepare it again");
                         }),
               DataError);
  // Well before the deadline of 20 s.
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(5));
}

}  // namespace
}  // namespace lambert::testing
