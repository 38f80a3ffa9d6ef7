// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/core/Tensor.h>

#include "comm/communicator.h"
#include "config/run_config.h"

namespace lambert {

/// Operations per second that matrix products of the model's shape reach on all ranks of the run
/// working at the same time, measured for a quarter of a second. The yardstick for the share
/// printed beside the throughput. device: where the model computes.
double measure_matmul_rate(const RunConfig& config, const at::Device& device,
                           Communicator& communicator);

}  // namespace lambert
