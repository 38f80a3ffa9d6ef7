// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include <ATen/core/Tensor.h>

#include "comm/communicator.h"
#include "config/run_config.h"

namespace lambert {

/// What the machine of a run reaches, all ranks working at the same time.
struct MachineRates {
  double ranks = 1.0;
  double matmul = 0.0;      // operations per second of all ranks together (measure_matmul_rate)
  double copy = 0.0;        // bytes read and written per second by one rank
  double all_reduce = 0.0;  // bus bandwidth of the ring, bytes per second; 0 with one rank
};

/// Bytes per second, read and written counted, that a device or all threads of the host copy
/// between two arrays of so many floats: the fastest copy of so many seconds, one at least.
double measure_copy_rate(std::int64_t elements, double seconds,
                         const at::Device& device = at::Device(at::kCPU));

/// Measures for about a third of a second, where the model computes. Every rank calls it.
MachineRates measure_machine_rates(const RunConfig& config, const at::Device& device,
                                   Communicator& communicator);

}  // namespace lambert
