// SPDX-License-Identifier: Apache-2.0
#include "train/machine_rates.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include "base/clock.h"
#include "comm/timed_collective.h"
#include "train/matmul_rate.h"

namespace lambert {
namespace {

/// 2 (n - 1) / n of the bytes on the wire over the time of the slowest rank.
double measure_all_reduce_rate(const RunConfig& config, Communicator& communicator) {
  constexpr int kRounds = 3;
  constexpr std::size_t kElements = std::size_t{1} << 21;
  const auto ranks = static_cast<double>(communicator.size());
  if (communicator.size() == 1) {
    return 0.0;
  }
  const double element = config.communication.all_reduce_dtype == WireType::bfloat16 ? 2.0 : 4.0;
  std::vector<float> values(kElements);
  double best = 0.0;
  for (int round = 0; round < kRounds; ++round) {
    const double seconds = timed(communicator, [&] {
      communicator.start_all_reduce_sum(std::span<float>(values), "measuring the all-reduce")
          ->wait();
    });
    best = std::max(best, 2.0 * (ranks - 1.0) / ranks * element * static_cast<double>(kElements) /
                              std::max(seconds, 1e-9));
  }
  return best;
}

}  // namespace

double measure_copy_rate(std::int64_t elements, double seconds) {
  const at::Tensor from = at::ones({elements}, at::kFloat);
  const at::Tensor to = at::zeros({elements}, at::kFloat);
  const auto* source = from.const_data_ptr<float>();
  auto* target = to.mutable_data_ptr<float>();
  double best = 0.0;
  const Stopwatch watch;
  do {
    const Stopwatch once;
    at::parallel_for(0, elements, 1 << 18, [&](std::int64_t begin, std::int64_t end) {
      std::memcpy(target + begin, source + begin,
                  static_cast<std::size_t>(end - begin) * sizeof(float));
    });
    best = std::max(best, 8.0 * static_cast<double>(elements) / std::max(once.seconds(), 1e-9));
  } while (watch.seconds() < seconds);
  return best;
}

MachineRates measure_machine_rates(const RunConfig& config, Communicator& communicator) {
  // 16 MiB each: beyond a core's caches, and no more than a rank's memory can spare.
  constexpr std::int64_t kCopied = std::int64_t{1} << 22;
  MachineRates rates;
  rates.ranks = static_cast<double>(communicator.size());
  rates.matmul = measure_matmul_rate(config, communicator);
  communicator.barrier();  // all ranks copy at the same time
  rates.copy = measure_copy_rate(kCopied, 0.05);
  rates.all_reduce = measure_all_reduce_rate(config, communicator);
  return rates;
}

}  // namespace lambert
