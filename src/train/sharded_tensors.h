// SPDX-License-Identifier: Apache-2.0
// What a checkpoint of a sharded run holds: the same whole tensors as that of any other run.
#pragma once

#include <vector>

#include "checkpoint/safetensors.h"
#include "gradients/sharded_parameters.h"
#include "optim/optimizer.h"

namespace lambert {

/// The master weights, under their names. sharded outlives them.
std::vector<NamedTensor> bind_weights(ShardedParameters& sharded);

/// The moments, as <name>.exp_avg and <name>.exp_avg_sq; optimizer keeps those of the own ranges.
std::vector<NamedTensor> bind_moments(Optimizer& optimizer, ShardedParameters& sharded);

}  // namespace lambert
