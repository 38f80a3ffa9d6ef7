// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/core/Tensor.h>

#include "comm/comm_device.h"
#include "config/run_config.h"

namespace lambert {

/// Where this rank computes: the CPU, or the CUDA device that has its number among the ranks of its
/// machine. automatic: CUDA where the program is built for it and the machine has a device. Throws
/// DeviceError with what was looked for when there is none for this rank, ConfigError when several
/// ranks were started and nothing tells their numbers.
at::Device choose_compute_device(DeviceKind kind);

/// What the communicator needs to sum on the device.
CommDevice comm_device_of(const at::Device& device);

/// Throws ConfigError for settings that the device cannot carry out.
void require_support(const CommConfig& communication, const OptimizerConfig& optimizer,
                     const at::Device& device);

}  // namespace lambert
