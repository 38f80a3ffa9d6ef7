// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <functional>

#include "base/file_system.h"
#include "checkpoint/certificate.h"

namespace lambert {

/// Certifies a folder that holds everything but the certificate. Handed in, because it runs the
/// network.
using Certify = std::function<Certificate(const std::filesystem::path& folder)>;

/// Writes the weights of a checkpoint and its tokenizer as a folder that Hugging Face Transformers
/// loads: into output + ".partial", read back and compared, certified, then renamed. Throws
/// ConfigError when output exists, CheckpointError when the checkpoint is not valid, DataError for
/// its tokenizer files, StorageError.
void export_to_hugging_face(FileSystem& file_system, const std::filesystem::path& checkpoint,
                            const std::filesystem::path& output, const Certify& certify);

}  // namespace lambert
