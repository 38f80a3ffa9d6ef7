// SPDX-License-Identifier: Apache-2.0
#include <fstream>
#include <set>
#include <string>

#include <gtest/gtest.h>

#include "kernels/matmul.h"

namespace lambert {
namespace {

TEST(OpenMpRuntime, IsLoadedOnce) {
  float one = 1.0F;
  float result = 0.0F;
  matmul(matrix(&one, 1, 1), matrix(&one, 1, 1), mutable_matrix(&result, 1, 1));
  ASSERT_EQ(result, 1.0F);
  std::set<std::string> runtimes;
  std::ifstream maps("/proc/self/maps");
  std::string line;
  while (std::getline(maps, line)) {
    const std::size_t path = line.find('/');
    if (path != std::string::npos &&
        (line.find("libgomp") != std::string::npos || line.find("libomp") != std::string::npos ||
         line.find("libiomp") != std::string::npos)) {
      runtimes.insert(line.substr(path));
    }
  }
  EXPECT_EQ(runtimes.size(), 1U);
}

}  // namespace
}  // namespace lambert
