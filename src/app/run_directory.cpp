// SPDX-License-Identifier: Apache-2.0
#include "app/run_directory.h"

#include <filesystem>

#include <unistd.h>

#include "app/versions.h"
#include "base/error.h"
#include "base/log.h"

namespace lambert {

namespace fs = std::filesystem;

namespace {

std::vector<std::string> tensors_with(const Optimizer& optimizer, bool ParameterTreatment::*flag) {
  std::vector<std::string> names;
  for (const ParameterTreatment& treatment : optimizer.treatments()) {
    if (treatment.*flag) {
      names.push_back(treatment.name);
    }
  }
  return names;
}

/// The first failing rank leaves its record; a rank that only lost its peer waits, because the true
/// cause is elsewhere.
void record_failure(RunRecords& records, const RunProgress& progress, int rank, ExitCode code,
                    const char* what) {
  if (code == ExitCode::communication) {
    ::usleep(1'000'000);
  }
  records.record_failure({code, reason_of(code), what, rank}, progress);
}

}  // namespace

std::unique_ptr<RunLock> claim_output_directory(const std::string& output_dir,
                                                Communicator& communicator,
                                                FileSystem& file_system) {
  std::unique_ptr<RunLock> lock;
  if (communicator.rank() == 0) {
    file_system.create_directory(output_dir);
    lock = std::make_unique<RunLock>(output_dir);
    file_system.remove_all(fs::path(output_dir) / "failure.json");  // of an earlier launch
    if (communicator.size() > 1) {
      file_system.create_directory(fs::path(output_dir) / "logs");
    }
  }
  communicator.barrier();
  const std::string number = std::to_string(communicator.rank());
  const std::string log_file =
      communicator.rank() == 0
          ? "train.log"
          : "logs/rank" + std::string(number.size() < 4 ? 4 - number.size() : 0, '0') + number +
                ".log";
  start_logging(
      {communicator.rank(), communicator.size(), (fs::path(output_dir) / log_file).string()});
  if (lock && !lock->previous_holder().empty()) {
    log_warning("taking over the lock of a run that ended without releasing it: " +
                lock->previous_holder());
  }
  return lock;
}

std::string command_text(const std::string& name, const ConfigOptions& options) {
  std::string command = name + " " + options.config;
  for (const std::string& assignment : options.overrides) {
    command += " " + assignment;
  }
  return command;
}

Launch describe_launch(const std::string& command, const Communicator& communicator,
                       std::int64_t threads, std::int64_t parameter_count,
                       const Optimizer& optimizer, std::int64_t first_step) {
  Launch launch;
  launch.command = command;
  for (int rank = 0; rank < communicator.size(); ++rank) {
    launch.hosts.push_back(communicator.host_of(rank));
  }
  launch.threads_per_rank = threads;
  launch.parameter_count = parameter_count;
  launch.first_step = first_step;
  launch.versions = library_versions();
  launch.decayed_tensors = tensors_with(optimizer, &ParameterTreatment::decayed);
  launch.adapted_tensors = tensors_with(optimizer, &ParameterTreatment::adapted);
  return launch;
}

void log_treatments(const Optimizer& optimizer) {
  const std::string of_all = " of " + std::to_string(optimizer.treatments().size());
  log_info(
      "optimizer decayed=" +
      std::to_string(tensors_with(optimizer, &ParameterTreatment::decayed).size()) + of_all +
      " adapted=" + std::to_string(tensors_with(optimizer, &ParameterTreatment::adapted).size()) +
      of_all + " (names: run.json)");
}

ExitCode run_recorded(RunRecords& records, const RunProgress& progress,
                      const Communicator& communicator, const std::function<StopReason()>& train) {
  ExitCode code = ExitCode::internal;
  try {
    code = train() == StopReason::signal ? ExitCode::stopped_on_request : ExitCode::finished;
  } catch (
      const Error& error) {  // recorded here, where the run directory is known; handled in main
    record_failure(records, progress, communicator.rank(), error.code(), error.what());
    throw;
  } catch (const std::exception& error) {
    record_failure(records, progress, communicator.rank(), ExitCode::internal, error.what());
    throw;
  }
  if (communicator.rank() == 0) {
    records.end({code, reason_of(code), "", 0}, progress);
  }
  return code;
}

std::vector<NamedTensor> bind_weights(const std::vector<ModelParameter>& parameters) {
  std::vector<NamedTensor> tensors;
  for (const ModelParameter& parameter : parameters) {
    tensors.push_back({parameter.name, parameter.master.detach()});
  }
  return tensors;
}

std::vector<NamedTensor> bind_moments(Optimizer& optimizer) {
  std::vector<NamedTensor> tensors;
  for (const OptimizerMoments& moments : optimizer.moments()) {
    tensors.push_back({moments.name + ".exp_avg", moments.first});
    if (moments.second.defined()) {
      tensors.push_back({moments.name + ".exp_avg_sq", moments.second});
    }
  }
  return tensors;
}

}  // namespace lambert
