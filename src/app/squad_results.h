// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

#include "base/file_system.h"
#include "squad/squad_score.h"

namespace lambert {

struct SeedResult {
  std::uint64_t seed = 0;
  MeanScore score;
};

/// What all seeds of a fine-tuning came to.
struct SquadResults {
  std::size_t train_questions = 0;
  std::size_t dev_questions = 0;
  std::vector<SeedResult> seeds;
};

/// results.json in the folder and a table on stdout: every seed, mean, sample deviation and best,
/// with the questions counted, because a score means nothing without them. Throws StorageError.
void report_squad_results(const SquadResults& results, const std::filesystem::path& folder,
                          FileSystem& file_system);

}  // namespace lambert
