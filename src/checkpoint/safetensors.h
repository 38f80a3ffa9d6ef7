// SPDX-License-Identifier: Apache-2.0
// The safetensors format under the strict rules: no duplicate names, contiguous data without holes,
// checked sizes, fp32 and bf16 and integer types only.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include "base/file_system.h"
#include "checkpoint/tensor_parts.h"

namespace lambert {

struct NamedTensor {
  std::string name;
  at::Tensor tensor;  // contiguous, CPU; with parts only its type and shape count
  std::shared_ptr<TensorParts> parts = nullptr;
};

/// Largest elements first, then by name: the order of the reference library, and independent of the
/// caller's.
std::vector<NamedTensor> in_file_order(std::vector<NamedTensor> tensors);

/// Equal tensors give equal bytes; metadata holds {"format": "pt"} only. The file is synced and
/// closed, not renamed. Returns XXH3-128 of the written bytes. Throws StorageError.
std::string write_safetensors(FileSystem& file_system, const std::filesystem::path& path,
                              const std::vector<NamedTensor>& tensors);

struct WrittenSafetensors {
  std::uint64_t bytes = 0;
  std::string xxh3_128;
};

/// The same, with the size of the file.
WrittenSafetensors write_safetensors_counted(FileSystem& file_system,
                                             const std::filesystem::path& path,
                                             const std::vector<NamedTensor>& tensors);

/// Copies every tensor out of the file. Throws DataError naming file and tensor.
std::map<std::string, at::Tensor> read_safetensors(const std::filesystem::path& path);

}  // namespace lambert
