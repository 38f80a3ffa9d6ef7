// SPDX-License-Identifier: Apache-2.0
#include "train/run_data.h"

#include <string>
#include <vector>

#include "base/error.h"

namespace lambert {
namespace {

void require_same_vocabulary(const std::string& first_folder, const DatasetInfo& first, const std::string& folder,
                             const DatasetInfo& other) {
  if (other.vocabulary_hash != first.vocabulary_hash || other.cased != first.cased ||
      other.vocab_size != first.vocab_size) {
    throw DataError("reading " + folder + ": prepared with another vocabulary or casing than " + first_folder +
                    " (" + other.tokenizer_file + " " + other.vocabulary_hash + " against " + first.vocabulary_hash +
                    "); prepare all folders of a run with the same --tokenizer");
  }
}

}  // namespace

DatasetInfo resolve_run_data(RunConfig& config) {
  std::vector<std::string> folders;
  for (const PhaseConfig& phase : config.phases) {
    folders.push_back(phase.data);
  }
  if (!config.evaluation.data.empty()) {
    folders.push_back(config.evaluation.data);
  }
  DatasetInfo first = read_dataset_info(folders.front());
  for (std::size_t index = 1; index < folders.size(); ++index) {
    require_same_vocabulary(folders.front(), first, folders[index], read_dataset_info(folders[index]));
  }
  if (config.model.vocab_size != 0 && config.model.vocab_size != first.vocab_size) {
    throw ConfigError("model.vocab_size: " + std::to_string(config.model.vocab_size) + ", but the data in " +
                      folders.front() + " has " + std::to_string(first.vocab_size) +
                      " entries; leave the key out to take it from the data");
  }
  config.model.vocab_size = first.vocab_size;
  return first;
}

}  // namespace lambert
