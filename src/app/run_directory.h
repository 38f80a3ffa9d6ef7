// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "app/commands.h"
#include "base/file_system.h"
#include "checkpoint/checkpoint.h"
#include "comm/communicator.h"
#include "model/model_parameter.h"
#include "optim/optimizer.h"
#include "train/run_lock.h"
#include "train/run_records.h"
#include "train/trainer.h"

namespace lambert {

/// Makes and locks the output directory and starts its logs. Only rank 0 gets a lock.
std::unique_ptr<RunLock> claim_output_directory(const std::string& output_dir,
                                                Communicator& communicator,
                                                FileSystem& file_system);

/// For run.json. name: of the command.
std::string command_text(const std::string& name, const ConfigOptions& options);
Launch describe_launch(const std::string& command, const Communicator& communicator,
                       std::int64_t threads, std::int64_t parameter_count,
                       const Optimizer& optimizer, std::int64_t first_step);

/// Logs how many tensors have decay and a trust ratio; their names stand in run.json.
void log_treatments(const Optimizer& optimizer);

/// Trains and leaves in the records how it ended, also when it throws. Returns the exit code.
ExitCode run_recorded(RunRecords& records, const RunProgress& progress,
                      const Communicator& communicator, const std::function<StopReason()>& train);

/// The live weights, under their names.
std::vector<NamedTensor> bind_weights(const std::vector<ModelParameter>& parameters);
/// The live moments, as <name>.exp_avg and <name>.exp_avg_sq.
std::vector<NamedTensor> bind_moments(Optimizer& optimizer);

}  // namespace lambert
