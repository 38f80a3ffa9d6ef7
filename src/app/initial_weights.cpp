// SPDX-License-Identifier: Apache-2.0
#include "app/initial_weights.h"

#include <filesystem>
#include <optional>
#include <string>

#include "base/error.h"
#include "base/hash.h"
#include "checkpoint/hugging_face_config.h"
#include "checkpoint/manifest.h"
#include "text/tokenizer.h"

namespace lambert {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void refuse(const fs::path& folder, const std::string& found,
                         const std::string& cure) {
  throw ConfigError("starting from init_from " + folder.string() + ": " + found + "; " + cure);
}

/// Dropout and starting values are choices of this run; everything else is the weights'.
std::string differences_to(ModelConfig saved, const ModelConfig& now) {
  saved.hidden_dropout_prob = now.hidden_dropout_prob;
  saved.attention_probs_dropout_prob = now.attention_probs_dropout_prob;
  saved.initializer_range = now.initializer_range;
  return describe_model_differences(saved, now);
}

std::optional<bool> casing_of(const fs::path& folder) {
  return fs::exists(folder / kManifestFile) ? read_manifest(folder).cased : recorded_casing(folder);
}

/// Compared as far as the folder has a tokenizer: weights alone are accepted.
void require_same_tokenizer(const fs::path& folder, const DatasetInfo& dataset) {
  const bool is_wordpiece = dataset.tokenizer_file == "vocab.txt";
  for (const fs::directory_entry& entry : fs::directory_iterator(folder)) {
    const fs::path& file = entry.path();
    const bool is_vocabulary = file.filename() == "vocab.txt" || file.extension() == ".model";
    if (is_vocabulary && hash128_hex_of_file(file) != dataset.vocabulary_hash) {
      refuse(folder, "its " + file.filename().string() + " is not the one of the data",
             "prepare the data with it");
    }
  }
  if (const std::optional<bool> cased = casing_of(folder);
      is_wordpiece && cased && *cased != dataset.cased) {
    refuse(folder, *cased ? "it is cased, the data is not" : "it is uncased, the data is cased",
           "prepare the data as the model was trained");
  }
}

}  // namespace

ModelImport open_initial_weights(const RunConfig& config, const DatasetInfo& dataset,
                                 FileSystem& file_system) {
  const fs::path folder = find_model_folder(file_system, config.init_from);
  ModelImport source(folder);
  if (const std::string differences = differences_to(source.config(), config.model);
      !differences.empty()) {
    refuse(folder, differences, "use its values in model, and data prepared with its vocabulary");
  }
  require_same_tokenizer(folder, dataset);
  source.match(pretraining_parameter_shapes(config.model));
  return source;
}

}  // namespace lambert
