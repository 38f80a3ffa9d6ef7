// SPDX-License-Identifier: Apache-2.0
#include "kernels/cpu_level.h"

#include <cstdlib>

#include <gtest/gtest.h>

namespace lambert {
namespace {

/// The highest level that was built, that this processor has, and that the loader may take:
/// LAMBERT_TEST_LEVEL, or without it any.
std::string expected_level() {
  const std::string built = LAMBERT_TEST_BUILT_LEVELS;
  const char* const asked = std::getenv("LAMBERT_TEST_LEVEL");
  const auto usable = [&](const std::string& level, bool supported) {
    return supported && built.find(level) != std::string::npos &&
           (asked == nullptr || asked == level);
  };
#if defined(__x86_64__)
  if (usable("x86-64-v4", __builtin_cpu_supports("x86-64-v4") != 0)) {
    return "x86-64-v4";
  }
  if (usable("x86-64-v3", __builtin_cpu_supports("x86-64-v3") != 0)) {
    return "x86-64-v3";
  }
#endif
  return "plain";
}

TEST(CpuLevel, IsTheHighestThatTheLoaderMayTake) {
  EXPECT_EQ(cpu_level(), expected_level());
}

}  // namespace
}  // namespace lambert
