// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "checkpoint/safetensors.h"
#include "checkpoint/safetensors_reader.h"
#include "config/run_config.h"
#include "model/parameter_names.h"

namespace lambert {

/// What became of every tensor of the model and of the folder.
struct ImportReport {
  std::vector<std::string> loaded;       // names of the model
  std::vector<std::string> initialised;  // heads that the folder does not have: starting values
  std::vector<std::string> ignored;      // names of the folder that the model does not have
};

/// Weights of a BERT in a folder: Hugging Face's layout (config.json beside model.safetensors or
/// model.safetensors.index.json), which a checkpoint of ours has too. Names with and without the
/// prefix "bert.", LayerNorm's weights also as gamma and beta. Nothing is guessed; the rules are in
/// docs/import_export.md.
class ModelImport {
 public:
  /// Opens the folder and compares names and shapes of embeddings and encoder with its config.json.
  /// Throws DataError naming file and tensor.
  explicit ModelImport(const std::filesystem::path& folder);

  const std::filesystem::path& folder() const { return folder_; }
  const ModelConfig& config() const { return config_; }
  bool has(const std::string& name) const { return stored_.contains(name); }
  /// What copy_to would do. Throws DataError with the names of missing, unknown and differently
  /// shaped tensors. Those of heads (pooler, cls, qa_outputs) may be missing.
  ImportReport match(const std::vector<ParameterShape>& model) const;
  /// Overwrites the tensors (fp32) in place; missing heads keep their values. Throws as match does,
  /// and for values that are not finite.
  ImportReport copy_to(std::vector<NamedTensor>& model) const;

 private:
  struct Stored {
    std::string name;  // in the file
    const SafetensorsReader* reader = nullptr;
    const SafetensorsEntry* entry = nullptr;
  };
  void open_index(const std::filesystem::path& index);
  const SafetensorsReader& open_file(const std::filesystem::path& file);
  void add(const SafetensorsReader& reader, const SafetensorsEntry& entry);
  at::Tensor read(const Stored& stored) const;  // fp32
  void settle_tied(const std::string& copy, const std::string& original);

  std::filesystem::path folder_;
  ModelConfig config_;
  std::vector<std::unique_ptr<SafetensorsReader>> readers_;
  std::map<std::string, Stored> stored_;  // by our name
};

/// The folder itself when it holds config.json, else the newest valid checkpoint of a run
/// directory. Throws DataError.
std::filesystem::path find_model_folder(FileSystem& file_system, const std::filesystem::path& path);

/// Logs the report: counts, and every name that was initialised or ignored.
void log_import(const std::filesystem::path& folder, const ImportReport& report);

}  // namespace lambert
