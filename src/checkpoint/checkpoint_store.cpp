// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "base/error.h"
#include "base/log.h"
#include "checkpoint/checkpoint.h"
#include "checkpoint/manifest.h"

namespace lambert {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kPartialSuffix = ".partial";
constexpr std::string_view kDamagedSuffix = ".damaged";
constexpr std::size_t kMaxLoggedCandidates = 20;

struct Candidate {
  std::string name;
  std::int64_t step = 0;
  bool committed = false;
};

/// Checkpoints and interrupted saves, newest first; of one step the committed one first.
std::vector<Candidate> find_candidates(FileSystem& file_system, const fs::path& folder) {
  std::vector<Candidate> candidates;
  for (const std::string& name : file_system.list_directory(folder)) {
    const bool partial = name.ends_with(kPartialSuffix);
    const std::string_view stem =
        std::string_view(name).substr(0, name.size() - (partial ? kPartialSuffix.size() : 0));
    const std::int64_t step = step_of_checkpoint_name(stem);
    if (step >= 0) {
      candidates.push_back({name, step, !partial});
    }
  }
  std::sort(
      candidates.begin(), candidates.end(), [](const Candidate& left, const Candidate& right) {
        return left.step != right.step ? left.step > right.step : left.committed > right.committed;
      });
  return candidates;
}

}  // namespace

CheckpointStore::CheckpointStore(FileSystem& file_system, fs::path output_dir)
    : file_system_(file_system), output_dir_(std::move(output_dir)) {}

fs::path CheckpointStore::newest_valid() const {
  std::string reasons;
  std::size_t passed_over = 0;
  std::size_t damaged = 0;
  for (const Candidate& candidate : find_candidates(file_system_, output_dir_)) {
    const std::string problem = candidate.committed
                                    ? verify_checkpoint(output_dir_ / candidate.name, nullptr)
                                    : "not committed (a save was interrupted)";
    if (problem.empty()) {
      return output_dir_ / candidate.name;
    }
    damaged += candidate.committed ? 1U : 0U;
    if (++passed_over <= kMaxLoggedCandidates) {
      log_warning("ignoring " + candidate.name + ": " + problem);
      reasons += "\n  " + candidate.name + ": " + problem;
    }
  }
  if (passed_over > kMaxLoggedCandidates) {
    log_warning("ignoring " + std::to_string(passed_over - kMaxLoggedCandidates) + " more");
  }
  // Interrupted saves alone are no loss: nothing was ever committed, and the lines above say so.
  if (damaged > 0) {
    throw CheckpointError("choosing a checkpoint of " + output_dir_.string() + ": none of its " +
                          std::to_string(damaged) + " checkpoints is valid" + reasons +
                          "\nrestore one of them, or train with another output_dir");
  }
  return {};
}

std::vector<CheckpointInfo> CheckpointStore::list(bool verify) const {
  std::vector<CheckpointInfo> infos;
  for (const Candidate& candidate : find_candidates(file_system_, output_dir_)) {
    CheckpointInfo info{output_dir_ / candidate.name, {}, {}};
    if (!candidate.committed) {
      info.problem = "not committed (a save was interrupted)";
      info.state.global_step = candidate.step;
    } else if (verify) {
      info.problem = verify_checkpoint(info.path, &info.state);
    } else {
      try {
        info.state = read_manifest(info.path).state;
      } catch (const DataError& problem) {
        info.problem = problem.what();
      }
    }
    infos.push_back(std::move(info));
  }
  return infos;
}

void CheckpointStore::prune(std::int64_t keep) {
  std::int64_t valid = 0;
  for (const Candidate& candidate : find_candidates(file_system_, output_dir_)) {
    const fs::path path = output_dir_ / candidate.name;
    if (!candidate.committed) {
      file_system_.remove_all(path);
      continue;
    }
    if (keep == 0) {
      continue;
    }
    if (valid == keep) {
      // First out of sight by one rename: a tree that is half removed must not look like a
      // checkpoint.
      const fs::path doomed = path.string() + std::string(kPartialSuffix);
      file_system_.remove_all(doomed);
      file_system_.rename(path, doomed);
      file_system_.remove_all(doomed);
    } else if (verified_.contains(candidate.name) || verify_checkpoint(path, nullptr).empty()) {
      verified_.insert(candidate.name);
      ++valid;
    }
  }
}

void CheckpointStore::set_aside(const fs::path& damaged) {
  const fs::path aside = damaged.string() + std::string(kDamagedSuffix);
  file_system_.remove_all(aside);
  file_system_.rename(damaged, aside);
}

}  // namespace lambert
