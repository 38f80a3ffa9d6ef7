// SPDX-License-Identifier: Apache-2.0
// manifest.json: what a checkpoint consists of. Written last; grammar in docs/checkpoint_format.md.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "checkpoint/train_state.h"

namespace lambert {

inline constexpr std::int64_t kCheckpointFormatVersion = 1;
inline constexpr const char* kManifestFile = "manifest.json";
inline constexpr const char* kModelFile = "model.safetensors";
inline constexpr const char* kOptimizerFile = "optimizer.safetensors";
inline constexpr const char* kResidualFile = "residuals.safetensors";  // with error feedback
inline constexpr const char* kModelConfigFile = "config.json";
inline constexpr const char* kRunConfigFile = "run_config.yaml";
inline constexpr const char* kTrainStateFile = "train_state.json";

struct ManifestFile {
  std::string name;  // plain name, no folder
  std::uint64_t bytes = 0;
  std::string xxh3_128;  // 32 hexadecimal digits
};

struct Manifest {
  TrainState state;
  std::int64_t rank_count = 1;  // for information
  std::string vocabulary_hash;
  bool cased = false;
  std::vector<ManifestFile> files;
};

std::string write_manifest(const Manifest& manifest);
/// Throws DataError with the reason alone. Names that leave the folder, or differ in case only, are
/// refused.
Manifest parse_manifest(std::string_view text);
/// Reads and parses DIR/manifest.json. Throws DataError with the reason alone.
Manifest read_manifest(const std::filesystem::path& checkpoint);

std::string write_train_state(const TrainState& state);
TrainState parse_train_state(std::string_view text);

/// "checkpoint-00000040" for step 40, and back (-1 for any other name).
std::string checkpoint_name(std::int64_t global_step);
std::int64_t step_of_checkpoint_name(std::string_view name);

}  // namespace lambert
