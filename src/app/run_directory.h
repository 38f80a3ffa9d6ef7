// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/file_system.h"
#include "checkpoint/checkpoint.h"
#include "comm/communicator.h"
#include "model/model_parameter.h"
#include "optim/optimizer.h"
#include "train/run_lock.h"

namespace lambert {

/// Makes and locks the output directory and starts its logs. Only rank 0 gets a lock.
std::unique_ptr<RunLock> claim_output_directory(const std::string& output_dir,
                                                Communicator& communicator,
                                                FileSystem& file_system);

/// The live weights, under their names.
std::vector<NamedTensor> bind_weights(const std::vector<ModelParameter>& parameters);
/// The live moments, as <name>.exp_avg and <name>.exp_avg_sq.
std::vector<NamedTensor> bind_moments(Optimizer& optimizer);

}  // namespace lambert
