// SPDX-License-Identifier: Apache-2.0
#include "app/squad_model.h"

#include "base/error.h"
#include "checkpoint/manifest.h"
#include "checkpoint/model_import.h"
#include "train/rank_agreement.h"

namespace lambert {

namespace fs = std::filesystem;

std::filesystem::path find_model_folder_on_all(FileSystem& file_system, const std::string& path,
                                               Communicator& communicator) {
  return text_of_rank_zero(communicator, communicator.rank() == 0
                                             ? find_model_folder(file_system, path).string()
                                             : std::string());
}

std::unique_ptr<Tokenizer> load_model_tokenizer(const fs::path& folder, bool cased) {
  const bool is_cased = fs::exists(folder / kManifestFile) ? read_manifest(folder).cased : cased;
  return load_tokenizer(folder, is_cased);
}

void require_fitting_vocabulary(const Tokenizer& tokenizer, const ModelConfig& model) {
  if (tokenizer.vocab_size() > model.vocab_size) {
    throw DataError("loading tokenizer " + tokenizer.file().string() + ": it has " +
                    std::to_string(tokenizer.vocab_size()) + " entries, the model only " +
                    std::to_string(model.vocab_size) + "; give the model's own vocabulary");
  }
}

void require_fitting_length(std::int64_t max_seq_length, const ModelConfig& model) {
  if (max_seq_length > model.max_position_embeddings) {
    throw ConfigError("max_seq_length: " + std::to_string(max_seq_length) +
                      " is more than the model's " + std::to_string(model.max_position_embeddings) +
                      " positions; lower it");
  }
}

}  // namespace lambert
