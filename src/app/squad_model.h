// SPDX-License-Identifier: Apache-2.0
// The model that fine-tuning and answering start from.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

#include "base/file_system.h"
#include "comm/communicator.h"
#include "config/run_config.h"
#include "text/tokenizer.h"

namespace lambert {

/// The folder of the weights that `path` means, as rank 0 finds it. Throws DataError.
std::filesystem::path find_model_folder_on_all(FileSystem& file_system, const std::string& path,
                                               Communicator& communicator);

/// A checkpoint of ours says in its manifest whether it is cased; else tokenizer_config.json or the
/// caller does.
std::unique_ptr<Tokenizer> load_model_tokenizer(const std::filesystem::path& folder, bool cased);

/// Throws DataError.
void require_fitting_vocabulary(const Tokenizer& tokenizer, const ModelConfig& model);

/// Throws ConfigError.
void require_fitting_length(std::int64_t max_seq_length, const ModelConfig& model);

}  // namespace lambert
