// SPDX-License-Identifier: Apache-2.0
// A program of its own: the handlers and what they have seen are the process's. It fails for a
// handler on a computing thread with oneDNN's products for AVX2 (ONEDNN_MAX_CPU_ISA=AVX2).
#include "base/stop_signal.h"

#include <atomic>
#include <chrono>
#include <csignal>
#include <thread>
#include <vector>

#include <gtest/gtest.h>
#include <unistd.h>

#include "kernels/matmul.h"

namespace lambert {
namespace {

// Where a handler runs on a computing thread, oneDNN's fp32 products lose values and the heap its
// structure within some hundred signals.
TEST(StopSignal, ArrivesWhileProductsAreComputed) {
  constexpr std::int64_t kRows = 96;
  constexpr std::int64_t kSize = 512;
  constexpr int kProducts = 3000;
  const std::vector<float> left(kRows * kSize, 0.5F);
  const std::vector<float> right(kSize * kSize, 0.25F);
  const std::vector<float> expected(kRows * kSize, 0.125F * kSize);
  install_stop_signal_handlers();
  std::atomic<bool> is_done = false;
  std::atomic<int> sent = 0;
  std::thread sender([&] {
    while (!is_done) {
      ::kill(::getpid(), SIGUSR2);
      ++sent;
      std::this_thread::sleep_for(std::chrono::microseconds(20));
    }
  });
  bool all_equal = true;
  for (int product = 0; product < kProducts; ++product) {
    std::vector<float> result(expected.size());
    matmul(matrix(left.data(), kRows, kSize), matrix(right.data(), kSize, kSize).transposed(),
           mutable_matrix(result.data(), kRows, kSize));
    all_equal = all_equal && result == expected;
  }
  is_done = true;
  sender.join();
  EXPECT_TRUE(all_equal);
  EXPECT_GT(sent, kProducts / 10);
  EXPECT_EQ(take_stop_request(), StopRequest::save);
}

}  // namespace
}  // namespace lambert
