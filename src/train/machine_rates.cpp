// SPDX-License-Identifier: Apache-2.0
#include "train/machine_rates.h"

#include <algorithm>
#include <cstring>

#include <ATen/Parallel.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/zeros.h>

#include "base/clock.h"
#include "comm/timed_collective.h"
#include "gradients/device_work.h"
#include "ops/tensor_views.h"
#include "train/matmul_rate.h"

namespace lambert {
namespace {

/// 2 (n - 1) / n of the bytes on the wire over the time of the slowest rank.
double measure_all_reduce_rate(const RunConfig& config, const at::Device& device,
                               Communicator& communicator) {
  constexpr int kRounds = 3;
  constexpr std::int64_t kElements = std::int64_t{1} << 21;
  const auto ranks = static_cast<double>(communicator.size());
  if (communicator.size() == 1) {
    return 0.0;
  }
  const double element = config.communication.all_reduce_dtype == WireType::bfloat16 ? 2.0 : 4.0;
  const at::Tensor values = at::zeros({kElements}, at::TensorOptions(at::kFloat).device(device));
  const std::span<float> memory(mutable_floats_of(values), static_cast<std::size_t>(kElements));
  double best = 0.0;
  for (int round = 0; round < kRounds; ++round) {
    const double seconds = timed(communicator, [&] {
      communicator.start_all_reduce_sum(memory, "measuring the all-reduce", producer_of(values))
          ->wait();
    });
    best = std::max(best, 2.0 * (ranks - 1.0) / ranks * element * static_cast<double>(kElements) /
                              std::max(seconds, 1e-9));
  }
  return best;
}

void copy_values(const at::Tensor& from, const at::Tensor& to) {
  if (!from.is_cpu()) {
    to.copy_(from);
    wait_for_device(from.device());
    return;
  }
  const auto* source = floats_of(from);
  auto* target = mutable_floats_of(to);
  at::parallel_for(0, from.numel(), 1 << 18, [&](std::int64_t begin, std::int64_t end) {
    std::memcpy(target + begin, source + begin,
                static_cast<std::size_t>(end - begin) * sizeof(float));
  });
}

}  // namespace

double measure_copy_rate(std::int64_t elements, double seconds, const at::Device& device) {
  const auto fp32 = at::TensorOptions(at::kFloat).device(device);
  const at::Tensor from = at::ones({elements}, fp32);
  const at::Tensor to = at::zeros({elements}, fp32);
  double best = 0.0;
  const Stopwatch watch;
  do {
    const Stopwatch once;
    copy_values(from, to);
    best = std::max(best, 8.0 * static_cast<double>(elements) / std::max(once.seconds(), 1e-9));
  } while (watch.seconds() < seconds);
  return best;
}

MachineRates measure_machine_rates(const RunConfig& config, const at::Device& device,
                                   Communicator& communicator) {
  // 16 MiB each: beyond a core's caches, and no more than a rank's memory can spare.
  constexpr std::int64_t kCopied = std::int64_t{1} << 22;
  MachineRates rates;
  rates.ranks = static_cast<double>(communicator.size());
  rates.matmul = measure_matmul_rate(config, device, communicator);
  communicator.barrier();  // all ranks copy at the same time
  rates.copy = measure_copy_rate(kCopied, 0.05, device);
  rates.all_reduce = measure_all_reduce_rate(config, device, communicator);
  return rates;
}

}  // namespace lambert
