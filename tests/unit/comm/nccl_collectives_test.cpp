// SPDX-License-Identifier: Apache-2.0
#include "comm/nccl_collectives.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"

namespace lambert {
namespace {

TEST(StrideOfShares, IsThatOfEvenCuts) {
  EXPECT_EQ(stride_of(cut_evenly(4096, 4)), 1024U);
  EXPECT_EQ(stride_of(cut_evenly(1000, 4)), 256U);
  EXPECT_EQ(stride_of(cut_evenly(5, 4)), 5U);
  EXPECT_EQ(stride_of({0, 7, 14, 21}), 7U);
}

TEST(StrideOfShares, IsNoneForOtherCuts) {
  EXPECT_EQ(stride_of({0, 0, 1000, 2000, 4000}), std::nullopt);
  EXPECT_EQ(stride_of({0, 1000, 1001, 2001}), std::nullopt);
}

/// Padding to equal shares would multiply the traffic by the number of ranks.
TEST(StrideOfShares, IsNoneWhenOneRankHasAll) {
  EXPECT_EQ(stride_of({0, 4000, 4000, 4000, 4000}), std::nullopt);
}

TEST(DeviceApi, ThatIsMissingSaysWhatWasLookedFor) {
  try {
    load_device_api({"libno-such-nccl.so.2", "libno-such-cudart.so.13"});
    FAIL() << "loaded";
  } catch (const DeviceError& error) {
    EXPECT_THAT(error.what(), ::testing::HasSubstr("libno-such-cudart.so.13"));
    EXPECT_THAT(error.what(), ::testing::HasSubstr("communication.backend"));
  }
}

TEST(DeviceApi, OfALibraryWithoutTheCallsSaysWhichIsMissing) {
  try {
    load_device_api({"libm.so.6", "libm.so.6"});
    FAIL() << "loaded";
  } catch (const DeviceError& error) {
    EXPECT_THAT(error.what(), ::testing::HasSubstr("it has no cudaSetDevice"));
  }
}

}  // namespace
}  // namespace lambert
