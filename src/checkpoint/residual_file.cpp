// SPDX-License-Identifier: Apache-2.0
#include "checkpoint/residual_file.h"

#include <cmath>
#include <map>

#include <ATen/core/Tensor.h>
#include <ATen/ops/sum.h>
#include <ATen/ops/zeros.h>

#include "base/error.h"
#include "checkpoint/manifest.h"
#include "checkpoint/safetensors_reader.h"

namespace lambert {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void refuse(const fs::path& file, const std::string& found) {
  throw CheckpointError("loading " + file.string() + ": " + found +
                        "; resume with the configuration it was made with, or choose another "
                        "output_dir");
}

/// The residuals of all ranks that wrote the file.
class ResidualFile {
 public:
  ResidualFile(fs::path file, std::size_t parameter_count)
      : file_(std::move(file)), reader_(file_) {
    for (const SafetensorsEntry& entry : reader_.entries()) {
      entries_.emplace(entry.name, &entry);
    }
    if (parameter_count == 0 || entries_.size() % parameter_count != 0) {
      refuse(file_, std::to_string(entries_.size()) + " residuals of " +
                        std::to_string(parameter_count) + " tensors");
    }
    rank_count_ = static_cast<int>(entries_.size() / parameter_count);
  }

  int rank_count() const { return rank_count_; }

  /// fp32, shape of the parameter.
  at::Tensor read(const NamedTensor& parameter, int rank) const {
    const std::string name = residual_name(parameter.name, rank);
    const auto found = entries_.find(name);
    if (found == entries_.end()) {
      refuse(file_, name + " is missing");
    }
    const SafetensorsEntry& entry = *found->second;
    if (entry.dtype != "F32" || parameter.tensor.sizes() != at::IntArrayRef(entry.shape)) {
      refuse(file_, name + " has another type or shape than its parameter");
    }
    const at::Tensor residual = reader_.read(entry);
    if (!std::isfinite(at::sum(residual.abs(), at::kDouble).item<double>())) {
      refuse(file_, name + " holds a value that is not finite");
    }
    return residual;
  }

  at::Tensor sum(const NamedTensor& parameter) const {
    at::Tensor sum = at::zeros(parameter.tensor.sizes(), at::kDouble);
    for (int rank = 0; rank < rank_count_; ++rank) {
      sum.add_(read(parameter, rank));
    }
    return sum;
  }

 private:
  fs::path file_;
  SafetensorsReader reader_;
  std::map<std::string, const SafetensorsEntry*> entries_;
  int rank_count_ = 0;
};

}  // namespace

std::string residual_name(const std::string& parameter, int rank) {
  return parameter + ".residual." + std::to_string(rank);
}

int load_residuals(const fs::path& checkpoint, int rank, int rank_count,
                   const std::vector<NamedTensor>& residuals) {
  for (const NamedTensor& residual : residuals) {
    residual.tensor.zero_();
  }
  const fs::path path = checkpoint / kResidualFile;
  if (!fs::exists(path)) {
    return 0;
  }
  try {
    const ResidualFile file(path, residuals.size());
    for (const NamedTensor& residual : residuals) {
      if (file.rank_count() == rank_count) {
        residual.tensor.copy_(file.read(residual, rank));
      } else if (rank == 0) {
        residual.tensor.copy_(file.sum(residual));
      }
    }
    return file.rank_count();
  } catch (const DataError& error) {
    refuse(path, error.what());
  }
}

}  // namespace lambert
