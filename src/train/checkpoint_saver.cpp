// SPDX-License-Identifier: Apache-2.0
#include "train/checkpoint_saver.h"

#include <algorithm>
#include <set>
#include <sstream>
#include <string>
#include <utility>

#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "checkpoint/manifest.h"
#include "checkpoint/residual_file.h"
#include "train/rank_agreement.h"
#include "train/replica_check.h"

namespace lambert {
namespace {

constexpr std::uint64_t kLargestConfig = std::uint64_t{16} << 20;

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) {
    lines.push_back(line);
  }
  return lines;
}

/// The lines of `first` that `second` does not have.
std::string lines_missing_in(const std::string& first, const std::string& second) {
  const std::vector<std::string> other = lines_of(second);
  const std::set<std::string> known(other.begin(), other.end());
  std::string missing;
  for (const std::string& line : lines_of(first)) {
    if (!known.contains(line)) {
      const std::size_t start = line.find_first_not_of(" -");
      missing +=
          (missing.empty() ? "" : "; ") + (start == std::string::npos ? line : line.substr(start));
    }
  }
  return missing;
}

/// Rank 0 gathers a tensor when it comes to write it. What it did not come to, because the save
/// failed or was not needed, is gathered here; the other ranks gather everything here. So all ranks
/// make the same calls in the same order.
void gather_the_rest(const std::vector<NamedTensor>& tensors) {
  for (const NamedTensor& named : in_file_order(tensors)) {
    if (named.parts && !named.parts->take_in_file()) {
      named.parts->gather();
    }
  }
}

}  // namespace

CheckpointSaver::CheckpointSaver(Communicator& communicator, CheckpointStore& store,
                                 CheckpointContent content, std::vector<NamedParameter> parameters,
                                 RunRecords& records, RunProgress& progress,
                                 std::int64_t save_total_limit, std::vector<NamedTensor> residuals)
    : communicator_(communicator),
      store_(store),
      content_(std::move(content)),
      parameters_(std::move(parameters)),
      records_(records),
      progress_(progress),
      save_total_limit_(save_total_limit),
      residuals_(std::move(residuals)) {}

TrainState CheckpointSaver::resume() {
  std::string chosen;
  if (communicator_.rank() == 0) {
    chosen = store_.newest_valid().string();
  }
  chosen = text_of_rank_zero(communicator_, chosen);
  if (chosen.empty()) {
    return {};
  }
  if (communicator_.rank() == 0) {
    log_config_changes(chosen);
  }
  // Before loading: when the checkpoint is refused, the records still say where the run stands.
  progress_.global_step =
      step_of_checkpoint_name(std::filesystem::path(chosen).filename().string());
  progress_.last_committed_step = progress_.global_step;
  load_checkpoint(chosen, content_);
  resume_residuals(chosen);
  log_info("resumed checkpoint=" + chosen +
           " global_step=" + std::to_string(content_.state.global_step) +
           " phase_index=" + std::to_string(content_.state.phase_index) +
           " step_in_phase=" + std::to_string(content_.state.step_in_phase));
  return content_.state;
}

void CheckpointSaver::save(const TrainState& state, SaveNeed need) {
  if (state.global_step == progress_.last_committed_step) {
    return;
  }
  const Stopwatch watch;
  progress_.work = "save";
  check_replicas(communicator_, parameters_);
  content_.state = state;
  std::string problem;
  if (communicator_.rank() == 0) {
    try {
      const std::filesystem::path path = store_.save(content_);
      RunProgress committed = progress_;
      committed.last_committed_step = state.global_step;
      records_.running(committed);
      store_.prune(save_total_limit_);
      log_info("saved checkpoint=" + path.string() + " seconds=" + std::to_string(watch.seconds()));
    } catch (const StorageError& error) {  // may be survivable: the older checkpoints are untouched
      problem = error.what();
    }
  }
  gather_the_rest(content_.model);
  gather_the_rest(content_.optimizer);
  gather_the_rest(content_.residuals);
  problem = text_of_rank_zero(communicator_, problem);
  seconds_ += watch.seconds();
  if (problem.empty()) {
    failures_in_a_row_ = 0;
    progress_.last_committed_step = state.global_step;
    return;
  }
  ++failures_in_a_row_;
  const std::string found = "step " + std::to_string(state.global_step) + " not saved: " + problem;
  if (need == SaveNeed::required || failures_in_a_row_ > 1) {
    throw StorageError(found);
  }
  if (communicator_.rank() == 0) {
    log_warning(found +
                "; training goes on until the next save, failing twice in a row ends the run");
  }
}

void CheckpointSaver::resume_residuals(const std::filesystem::path& checkpoint) {
  if (residuals_.empty()) {
    if (std::filesystem::exists(checkpoint / kResidualFile)) {
      log_warning("residuals of " + checkpoint.string() +
                  " dropped: communication.error_feedback is off");
    }
    return;
  }
  const int ranks =
      load_residuals(checkpoint, communicator_.rank(), communicator_.size(), residuals_);
  if (ranks == 0) {
    log_info("residuals start at zero: the checkpoint has none");
  } else if (ranks != communicator_.size()) {
    log_info("residuals of " + std::to_string(ranks) + " ranks: rank 0 goes on with their sum");
  }
}

double CheckpointSaver::take_seconds() {
  return std::exchange(seconds_, 0.0);
}

void CheckpointSaver::log_config_changes(const std::filesystem::path& checkpoint) const {
  const std::filesystem::path file = checkpoint / kRunConfigFile;
  if (!std::filesystem::exists(file)) {
    return;
  }
  const std::string saved = read_file(file, kLargestConfig);
  if (saved != content_.run_config_yaml) {
    log_warning("the config differs from the checkpoint's: now " +
                lines_missing_in(content_.run_config_yaml, saved) + " | was " +
                lines_missing_in(saved, content_.run_config_yaml));
  }
}

}  // namespace lambert
