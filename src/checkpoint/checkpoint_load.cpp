// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <map>

#include <ATen/core/Tensor.h>
#include <ATen/ops/sum.h>

#include "base/error.h"
#include "checkpoint/checkpoint.h"
#include "checkpoint/hugging_face_config.h"
#include "checkpoint/manifest.h"
#include "checkpoint/safetensors_reader.h"

namespace lambert {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kMaxConfigBytes = 1 << 20;
constexpr std::size_t kMaxListedNames = 10;

[[noreturn]] void refuse(const fs::path& path, const std::string& found) {
  throw CheckpointError(
      "loading " + path.string() + ": " + found +
      "; resume with the configuration and data it was made with, or choose another "
      "output_dir");
}

void add_name(std::string& list, std::size_t& count, const std::string& name) {
  if (++count <= kMaxListedNames) {
    list += (count == 1 ? "" : ", ") + name;
  } else if (count == kMaxListedNames + 1) {
    list += " and more";
  }
}

std::string shape_text(at::IntArrayRef shape) {
  std::string text = "(";
  for (const std::int64_t size : shape) {
    text += (text.size() > 1 ? ", " : "") + std::to_string(size);
  }
  return text + ")";
}

/// The entries of the file by name, after the check that it holds exactly these tensors.
std::map<std::string, const SafetensorsEntry*> match_tensors(
    const fs::path& path, const SafetensorsReader& reader, const std::vector<NamedTensor>& wanted) {
  std::map<std::string, const SafetensorsEntry*> entries;
  for (const SafetensorsEntry& entry : reader.entries()) {
    entries.emplace(entry.name, &entry);
  }
  std::string missing;
  std::string different;
  std::size_t missing_count = 0;
  std::size_t different_count = 0;
  std::map<std::string, const SafetensorsEntry*> unexpected = entries;
  for (const NamedTensor& named : wanted) {
    unexpected.erase(named.name);
    const auto found = entries.find(named.name);
    if (found == entries.end()) {
      add_name(missing, missing_count, named.name);
    } else if (named.tensor.sizes() != at::IntArrayRef(found->second->shape) ||
               safetensors_dtype(named.tensor.scalar_type()) != found->second->dtype) {
      add_name(different, different_count,
               named.name + " " + found->second->dtype + " " + shape_text(found->second->shape) +
                   " in the checkpoint, " + shape_text(named.tensor.sizes()) + " now");
    }
  }
  std::string surplus;
  std::size_t surplus_count = 0;
  for (const auto& [name, entry] : unexpected) {
    add_name(surplus, surplus_count, name);
  }
  if (missing_count + different_count + surplus_count > 0) {
    refuse(path, (missing_count > 0 ? "missing tensors: " + missing + " " : std::string()) +
                     (surplus_count > 0 ? "unknown tensors: " + surplus + " " : std::string()) +
                     (different_count > 0 ? "other shapes: " + different : std::string()));
  }
  return entries;
}

void load_tensors(const fs::path& path, std::vector<NamedTensor>& tensors) {
  const SafetensorsReader reader(path);
  const auto entries = match_tensors(path, reader, tensors);
  for (NamedTensor& named : tensors) {
    const SafetensorsEntry& entry = *entries.at(named.name);
    const at::Tensor whole = named.parts ? reader.read(entry) : named.tensor;
    if (named.parts) {
      named.parts->take(whole);
    } else {
      reader.copy_to(entry, named.tensor);
    }
    if (!std::isfinite(at::sum(whole.detach().abs(), at::kDouble).item<double>())) {
      refuse(path, named.name + " holds a value that is not finite");
    }
  }
}

void check_same_run(const fs::path& path, const Manifest& manifest, const CheckpointContent& now) {
  const ModelConfig saved =
      parse_hugging_face_config(read_file(path / kModelConfigFile, kMaxConfigBytes));
  std::string differences = describe_model_differences(saved, now.model_config);
  if (manifest.vocabulary_hash != now.vocabulary_hash) {
    differences += (differences.empty() ? "" : "; ") + std::string("vocabulary hash: ") +
                   manifest.vocabulary_hash + " in the checkpoint, " + now.vocabulary_hash + " now";
  }
  if (manifest.cased != now.cased) {
    differences += (differences.empty() ? "" : "; ") + std::string("cased: ") +
                   (manifest.cased ? "true in the checkpoint, false now"
                                   : "false in the checkpoint, true now");
  }
  if (!differences.empty()) {
    refuse(path, differences);
  }
}

}  // namespace

void load_checkpoint(const fs::path& path, CheckpointContent& content) {
  const std::string problem = verify_checkpoint(path, nullptr);
  if (!problem.empty()) {
    refuse(path, problem);
  }
  try {
    const Manifest manifest = read_manifest(path);
    check_same_run(path, manifest, content);
    load_tensors(path / kModelFile, content.model);
    load_tensors(path / kOptimizerFile, content.optimizer);
    content.state = manifest.state;
  } catch (const DataError& error) {
    refuse(path, error.what());
  }
}

}  // namespace lambert
