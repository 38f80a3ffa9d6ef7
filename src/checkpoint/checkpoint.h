// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include "base/file_system.h"
#include "checkpoint/hugging_face_config.h"
#include "checkpoint/safetensors.h"
#include "checkpoint/train_state.h"
#include "config/run_config.h"

namespace lambert {

/// A file copied into every checkpoint as it is: the tokenizer files, read once at the start of the
/// run.
struct CheckpointExtraFile {
  std::string name;  // plain name, no folder
  std::string content;
};

/// What a checkpoint holds, by reference: writing reads the tensors, loading overwrites their
/// content in place.
struct CheckpointContent {
  TrainState state;
  std::vector<NamedTensor> model;      // Hugging Face names, fp32 master weights
  std::vector<NamedTensor> optimizer;  // <name>.exp_avg and <name>.exp_avg_sq, fp32
  std::vector<NamedTensor> residuals;  // <name>.residual.<rank> of every rank, fp32; or none
  std::string architecture = kPretrainingArchitecture;  // in config.json
  ModelConfig model_config;                             // vocab_size filled in
  std::string run_config_yaml;                          // resolved config
  std::string vocabulary_hash;
  bool cased = false;
  std::int64_t rank_count = 1;  // for information
  std::vector<CheckpointExtraFile> extra_files;
};

struct CheckpointInfo {
  std::filesystem::path path;
  TrainState state;
  std::string problem;  // empty: complete, hashes match
};

/// A folder of checkpoints: checkpoint-00000040/ committed by one rename,
/// checkpoint-00000040.partial/ never read.
class CheckpointStore {
 public:
  CheckpointStore(FileSystem& file_system, std::filesystem::path output_dir);

  /// Writes and commits; names it after content.state.global_step; updates `latest`. An existing
  /// complete checkpoint of this step is kept. On failure the partial directory is removed and
  /// StorageError thrown: older checkpoints are untouched.
  std::filesystem::path save(const CheckpointContent& content);
  /// Keeps the newest `keep` verified ones (0 = all) and every damaged one newer than these;
  /// removes leftovers of interrupted saves.
  void prune(std::int64_t keep);
  /// Newest first, each verified by manifest and hashes; logs why one is passed over. Empty when
  /// there is none. Throws CheckpointError when committed checkpoints exist but none is valid;
  /// interrupted saves alone count as none, because nothing was ever committed.
  std::filesystem::path newest_valid() const;
  std::vector<CheckpointInfo> list(bool verify) const;

 private:
  /// Renames a damaged checkpoint whose step is saved again to checkpoint-...damaged.
  void set_aside(const std::filesystem::path& damaged);

  FileSystem& file_system_;
  std::filesystem::path output_dir_;
  std::set<std::string> verified_;  // names whose hashes this process has seen match
};

/// Verifies manifest, sizes and hashes. Returns the reason why it is not valid; empty = valid.
std::string verify_checkpoint(const std::filesystem::path& path, TrainState* state);

/// Fills the tensors of `content` in place, and its state. The checkpoint must have the same
/// tensors and shapes, model config, vocabulary hash; else CheckpointError lists the differing
/// fields (saved vs. now).
void load_checkpoint(const std::filesystem::path& path, CheckpointContent& content);

}  // namespace lambert
