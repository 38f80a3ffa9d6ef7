// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <vector>

#include <ATen/core/Tensor.h>

#include "base/mapped_file.h"
#include "checkpoint/safetensors_header.h"

namespace lambert {

/// An open safetensors file, its header checked. Tensors are copied out one by one, so that a load
/// needs no second copy of the model.
class SafetensorsReader {
 public:
  /// Throws DataError naming the file.
  explicit SafetensorsReader(const std::filesystem::path& path);

  const std::vector<SafetensorsEntry>& entries() const { return layout_.entries; }
  /// A new tensor of the entry's type and shape.
  at::Tensor read(const SafetensorsEntry& entry) const;
  /// Into a contiguous CPU tensor of the same type and shape.
  void copy_to(const SafetensorsEntry& entry, at::Tensor& destination) const;

 private:
  MappedFile file_;
  SafetensorsLayout layout_;
};

/// "F32" for at::kFloat and so on; empty for a type that is not written.
std::string safetensors_dtype(at::ScalarType type);

}  // namespace lambert
