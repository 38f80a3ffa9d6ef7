// SPDX-License-Identifier: Apache-2.0
#include "checkpoint/model_import.h"

#include <algorithm>
#include <set>

#include <ATen/core/Tensor.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/isfinite.h>

#include "base/error.h"
#include "base/log.h"
#include "checkpoint/checkpoint.h"
#include "checkpoint/hugging_face_config.h"
#include "checkpoint/manifest.h"
#include "checkpoint/strict_json.h"

namespace lambert {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kLargestText = std::uint64_t{64} << 20;
constexpr const char* kIndexFile = "model.safetensors.index.json";
constexpr const char* kDecoderWeight = "cls.predictions.decoder.weight";

/// False for a path that cannot be looked up.
bool is_there(const fs::path& path) {
  std::error_code error;
  return fs::exists(path, error);
}

bool ends_with_replaced(std::string& name, std::string_view old_end, std::string_view new_end) {
  if (!name.ends_with(old_end)) {
    return false;
  }
  name.replace(name.size() - old_end.size(), old_end.size(), new_end);
  return true;
}

/// Our name of a tensor.
std::string own_name(std::string name) {
  ends_with_replaced(name, ".gamma", ".weight") || ends_with_replaced(name, ".beta", ".bias");
  for (const char* part : {"embeddings.", "encoder.", "pooler."}) {
    if (name.starts_with(part)) {
      return "bert." + name;
    }
  }
  return name;
}

bool belongs_to_head(const std::string& name) {
  return name.starts_with("bert.pooler.") || name.starts_with("cls.") ||
         name.starts_with("qa_outputs.") || name.starts_with("classifier.");
}

/// A table that some exporters write: 0, 1, 2 and so on.
bool is_position_table(const std::string& name) {
  return name == "bert.embeddings.position_ids" || name == "bert.embeddings.token_type_ids";
}

std::string list_names(const std::vector<std::string>& names) {
  constexpr std::size_t kMostNames = 20;
  std::string text;
  for (std::size_t index = 0; index < std::min(names.size(), kMostNames); ++index) {
    text += (index == 0 ? "" : ", ") + names[index];
  }
  return names.size() <= kMostNames
             ? text
             : text + " and " + std::to_string(names.size() - kMostNames) + " more";
}

std::string shape_text(const std::vector<std::int64_t>& shape) {
  std::string text;
  for (const std::int64_t size : shape) {
    text += (text.empty() ? "" : ", ") + std::to_string(size);
  }
  return "(" + text + ")";
}

bool is_floating_point(const std::string& dtype) {
  return dtype == "F32" || dtype == "BF16" || dtype == "F16" || dtype == "F64";
}

[[noreturn]] void refuse(const fs::path& path, const std::string& found, const std::string& cure) {
  throw DataError("importing " + path.string() + ": " + found + "; " + cure);
}

ForeignConfig read_config(const fs::path& file) {
  try {
    return parse_foreign_config(read_file(file, kLargestText));
  } catch (const DataError& error) {
    refuse(file, error.what(), "give a folder with the config.json of a plain BERT");
  }
}

}  // namespace

ModelImport::ModelImport(const fs::path& folder) : folder_(folder) {
  const ForeignConfig config = read_config(folder / kModelConfigFile);
  config_ = config.model;
  if (is_there(folder / kModelFile)) {
    const SafetensorsReader& reader = open_file(folder / kModelFile);
    for (const SafetensorsEntry& entry : reader.entries()) {
      add(reader, entry);
    }
  } else if (is_there(folder / kIndexFile)) {
    open_index(folder / kIndexFile);
  } else {
    refuse(folder, std::string("neither ") + kModelFile + " nor " + kIndexFile + " there",
           "save the model as safetensors (save_pretrained of Transformers does)");
  }
  if (config.has_separate_decoder && !has(kDecoderWeight) && has("cls.predictions.bias")) {
    refuse(folder, std::string("'tie_word_embeddings' is false and ") + kDecoderWeight + " missing",
           "give a model with a tied decoder");
  }
  settle_tied(kDecoderWeight, "bert.embeddings.word_embeddings.weight");
  settle_tied("cls.predictions.decoder.bias", "cls.predictions.bias");
  match(encoder_parameter_shapes(config_));
}

const SafetensorsReader& ModelImport::open_file(const fs::path& file) {
  readers_.push_back(std::make_unique<SafetensorsReader>(file));
  return *readers_.back();
}

void ModelImport::open_index(const fs::path& index) {
  const char* cure = "download the folder again";
  nlohmann::json document;
  try {
    document = parse_strict_json(read_file(index, kLargestText));
  } catch (const DataError& error) {
    refuse(index, error.what(), cure);
  }
  if (!document.is_object() || !document.contains("weight_map") ||
      !document.at("weight_map").is_object()) {
    refuse(index, "it has no object 'weight_map'", cure);
  }
  std::map<std::string, std::set<std::string>> names_of_file;
  for (const auto& [name, file] : document.at("weight_map").items()) {
    if (!file.is_string() || file.get<std::string>().find('/') != std::string::npos ||
        !file.get<std::string>().ends_with(".safetensors")) {
      refuse(index,
             "'" + name + "' is in " + file.dump() + ", not a safetensors file of the folder",
             cure);
    }
    names_of_file[file.get<std::string>()].insert(name);
  }
  for (auto& [file, names] : names_of_file) {
    if (!is_there(index.parent_path() / file)) {
      refuse(index, "its file " + file + " is missing", cure);
    }
    const SafetensorsReader& reader = open_file(index.parent_path() / file);
    for (const SafetensorsEntry& entry : reader.entries()) {
      add(reader, entry);
      if (names.erase(entry.name) == 0) {
        refuse(index, "'" + entry.name + "' is in " + file + ", the index says otherwise", cure);
      }
    }
    if (!names.empty()) {
      refuse(index, "'" + *names.begin() + "' is not in " + file, cure);
    }
  }
}

void ModelImport::add(const SafetensorsReader& reader, const SafetensorsEntry& entry) {
  const auto [at, is_new] = stored_.insert({own_name(entry.name), {entry.name, &reader, &entry}});
  if (!is_new) {
    refuse(folder_, "'" + entry.name + "' and '" + at->second.name + "' are the same tensor",
           "remove one of them");
  }
}

at::Tensor ModelImport::read(const Stored& stored) const {
  return stored.reader->read(*stored.entry).to(at::kFloat);
}

/// Two names of one tensor: the folder may hold either, or both with the same values.
void ModelImport::settle_tied(const std::string& copy, const std::string& original) {
  const auto found = stored_.find(copy);
  const auto other = stored_.find(original);
  if (found == stored_.end()) {
    return;
  }
  if (other == stored_.end()) {
    auto node = stored_.extract(found);
    node.key() = original;
    stored_.insert(std::move(node));
  } else if (found->second.entry->shape != other->second.entry->shape ||
             !at::equal(read(found->second), read(other->second))) {
    refuse(folder_,
           found->second.name + " differs from " + other->second.name + ", but BERT ties them",
           "give a model with a tied decoder");
  }
}

ImportReport ModelImport::match(const std::vector<ParameterShape>& model) const {
  ImportReport report;
  std::vector<std::string> missing;
  std::vector<std::string> different;
  std::set<std::string> wanted;
  for (const auto& [name, shape] : model) {
    wanted.insert(name);
    const auto found = stored_.find(name);
    if (found == stored_.end()) {
      (belongs_to_head(name) ? report.initialised : missing).push_back(name);
    } else if (const SafetensorsEntry& entry = *found->second.entry;
               entry.shape != shape || !is_floating_point(entry.dtype)) {
      different.push_back(entry.name + " " + entry.dtype + " " + shape_text(entry.shape) +
                          " instead of " + shape_text(shape));
    } else {
      report.loaded.push_back(name);
    }
  }
  std::vector<std::string> unknown;
  for (const auto& [name, stored] : stored_) {
    if (!wanted.contains(name)) {
      (belongs_to_head(name) || is_position_table(name) ? report.ignored : unknown)
          .push_back(stored.name);
    }
  }
  std::string problems;
  for (const auto& [what, names] : {std::pair{"missing tensors: ", &missing},
                                    {"of another shape or type: ", &different},
                                    {"unknown tensors: ", &unknown}}) {
    if (!names->empty()) {
      problems += (problems.empty() ? "" : ". ") + (what + list_names(*names));
    }
  }
  if (!problems.empty()) {
    refuse(folder_, problems, "give a BERT whose config.json fits its weights");
  }
  return report;
}

ImportReport ModelImport::copy_to(std::vector<NamedTensor>& model) const {
  std::vector<ParameterShape> shapes;
  for (const NamedTensor& named : model) {
    shapes.push_back({named.name, named.tensor.sizes().vec()});
  }
  ImportReport report = match(shapes);
  for (NamedTensor& named : model) {
    const auto found = stored_.find(named.name);
    if (found == stored_.end()) {
      continue;
    }
    const at::Tensor values = read(found->second);
    if (!at::isfinite(values).all().item<bool>()) {
      refuse(folder_, "'" + found->second.name + "' holds a value that is not finite",
             "give an undamaged model");
    }
    named.tensor.copy_(values);
  }
  return report;
}

fs::path find_model_folder(FileSystem& file_system, const fs::path& path) {
  if (is_there(path / kModelConfigFile)) {
    if (is_there(path / kManifestFile)) {
      if (const std::string problem = verify_checkpoint(path, nullptr); !problem.empty()) {
        refuse(path, problem, "choose another checkpoint");
      }
    }
    return path;
  }
  if (std::error_code error; !fs::is_directory(path, error)) {
    refuse(path, "there is no such folder", "give a model folder, a checkpoint or a run directory");
  }
  fs::path newest;
  try {
    newest = CheckpointStore(file_system, path).newest_valid();
  } catch (const CheckpointError& error) {
    refuse(path, error.what(), "choose another run");
  }
  if (newest.empty()) {
    refuse(path, "neither config.json nor a checkpoint there",
           "give a model folder, a checkpoint or a run directory");
  }
  return newest;
}

void log_import(const fs::path& folder, const ImportReport& report) {
  log_info("imported " + folder.string() + " loaded=" + std::to_string(report.loaded.size()) +
           " initialised=" + std::to_string(report.initialised.size()) +
           " ignored=" + std::to_string(report.ignored.size()));
  if (!report.initialised.empty()) {
    log_info("initialised, not in the folder: " + list_names(report.initialised));
  }
  if (!report.ignored.empty()) {
    log_info("ignored, not in the model: " + list_names(report.ignored));
  }
}

}  // namespace lambert
