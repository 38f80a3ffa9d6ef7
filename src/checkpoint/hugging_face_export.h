// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>

#include "base/file_system.h"

namespace lambert {

/// Writes the weights of a checkpoint and its tokenizer as a folder that Hugging Face Transformers
/// loads: into output + ".partial", read back and compared, then renamed. Throws ConfigError when
/// output exists, CheckpointError when the checkpoint is not valid, DataError for its tokenizer
/// files, StorageError.
void export_to_hugging_face(FileSystem& file_system, const std::filesystem::path& checkpoint,
                            const std::filesystem::path& output);

}  // namespace lambert
