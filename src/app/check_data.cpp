// SPDX-License-Identifier: Apache-2.0
#include "app/check_data.h"

#include <filesystem>
#include <string>
#include <utility>

#include "base/error.h"
#include "data/prepared_dataset.h"

namespace lambert {
namespace {

void check_shard_files(const std::string& folder, const DatasetInfo& info) {
  for (const DatasetInfo::Shard& shard : info.shards) {
    const std::filesystem::path path = std::filesystem::path(folder) / shard.file;
    std::error_code error;
    if (!std::filesystem::is_regular_file(path, error)) {
      throw DataError("checking data folder " + folder + ": shard " + shard.file +
                      " of its index is not there; run lambert prepare again");
    }
  }
}

void check_vocab_size(const ModelConfig& model, const std::string& folder,
                      const DatasetInfo& info) {
  if (model.vocab_size != 0 && model.vocab_size != info.vocab_size) {
    throw ConfigError("checking data folder " + folder + ": model.vocab_size is " +
                      std::to_string(model.vocab_size) + ", the vocabulary of the data has " +
                      std::to_string(info.vocab_size) +
                      " entries; remove the key or set it to that");
  }
}

void check_length(const std::string& what, std::int64_t limit, const std::string& folder,
                  const DatasetInfo& info) {
  if (info.max_seq_length > limit) {
    throw ConfigError(
        "checking data folder " + folder + ": its examples have up to " +
        std::to_string(info.max_seq_length) + " tokens, " + what + " is " + std::to_string(limit) +
        "; raise it, or run lambert prepare with --max-seq-length " + std::to_string(limit));
  }
}

void check_same_vocabulary(const std::string& first_folder, const DatasetInfo& first,
                           const std::string& folder, const DatasetInfo& info) {
  if (info.vocabulary_hash != first.vocabulary_hash || info.cased != first.cased) {
    throw DataError("checking data folder " + folder + ": vocabulary " + info.vocabulary_hash +
                    ", but " + first_folder + " has " + first.vocabulary_hash +
                    (info.cased == first.cased ? "" : " and another casing") +
                    "; prepare all folders with the same tokenizer");
  }
}

DatasetInfo read_folder(const std::string& folder) {
  std::error_code error;
  if (!std::filesystem::is_directory(folder, error)) {
    throw DataError("checking data folder " + folder +
                    ": there is no such folder; make it with lambert prepare, or correct the path");
  }
  const DatasetInfo info = read_dataset_info(folder);
  check_shard_files(folder, info);
  // Opened as training will: a shard cut short is found now, not where its phase begins.
  return PreparedDataset(folder).info();
}

DatasetInfo check_phase(const RunConfig& config, const PhaseConfig& phase) {
  DatasetInfo info = read_folder(phase.data);
  check_vocab_size(config.model, phase.data, info);
  check_length("max_seq_length of phase " + phase.name, phase.max_seq_length, phase.data, info);
  if (info.example_count < phase.global_train_batch_size) {
    throw DataError("checking data folder " + phase.data + ": " +
                    std::to_string(info.example_count) +
                    " examples are less than one global batch of phase " + phase.name + ", " +
                    std::to_string(phase.global_train_batch_size) +
                    "; prepare more text or use a smaller global_train_batch_size");
  }
  return info;
}

}  // namespace

DataCheck check_data_folders(const RunConfig& config) {
  DataCheck check;
  for (const PhaseConfig& phase : config.phases) {
    check.phases.push_back(check_phase(config, phase));
    check_same_vocabulary(config.phases.front().data, check.phases.front(), phase.data,
                          check.phases.back());
  }
  check.vocab_size = check.phases.front().vocab_size;
  const std::string& held_out = config.evaluation.data;
  if (!held_out.empty()) {
    const DatasetInfo info = read_folder(held_out);
    check_vocab_size(config.model, held_out, info);
    check_same_vocabulary(config.phases.front().data, check.phases.front(), held_out, info);
    check_length("model.max_position_embeddings", config.model.max_position_embeddings, held_out,
                 info);
  }
  return check;
}

}  // namespace lambert
