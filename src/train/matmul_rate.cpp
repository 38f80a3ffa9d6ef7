// SPDX-License-Identifier: Apache-2.0
#include "train/matmul_rate.h"

#include <algorithm>
#include <array>

#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/randn.h>

#include "base/clock.h"
#include "kernels/matmul.h"
#include "model/model_parameter.h"
#include "ops/run_kernel.h"
#include "ops/tensor_views.h"

namespace lambert {

double measure_matmul_rate(const RunConfig& config, const at::Device& device,
                           Communicator& communicator) {
  constexpr double kSeconds = 0.25;
  // Enough for the full rate, of cores and of a GPU, which is also kept waiting between calls.
  const std::int64_t most_rows = device.is_cpu() ? 2048 : 32768;
  const int calls = device.is_cpu() ? 1 : 16;
  const PhaseConfig& phase = config.phases.front();
  const std::int64_t rows =
      std::min(most_rows, phase.per_device_train_batch_size * phase.max_seq_length);
  const auto options = at::TensorOptions(compute_type(config.precision)).device(device);
  // Of a GPU ones would take less power, and be multiplied faster than any data.
  const at::Tensor left = at::randn({rows, config.model.hidden_size}, options);
  const at::Tensor right =
      at::randn({config.model.hidden_size, config.model.intermediate_size}, options);
  const at::Tensor product = at::empty({rows, config.model.intermediate_size}, options);
  const auto multiply = [&] {
    for (int call = 0; call < calls; ++call) {
      run_kernel(left, matmul_scratch_bytes, [&](const auto&... stream) {
        matmul(stream..., matrix_of(left), matrix_of(right), mutable_matrix_of(product));
      });
    }
    wait_for_device(device);
  };
  multiply();  // warm-up
  communicator.barrier();
  const double operations = 2.0 * calls * static_cast<double>(rows) *
                            static_cast<double>(config.model.hidden_size) *
                            static_cast<double>(config.model.intermediate_size);
  const Stopwatch watch;
  double best_rate = 0.0;
  while (watch.seconds() < kSeconds) {
    const Stopwatch once;
    multiply();
    best_rate = std::max(best_rate, operations / std::max(once.seconds(), 1e-9));
  }
  std::array<double, 1> rate = {best_rate};
  communicator.all_reduce_sum(rate);
  return rate[0];
}

}  // namespace lambert
