// SPDX-License-Identifier: Apache-2.0
// A folder in Hugging Face's layout with a BERT of a few numbers, and what tests do to it.
#pragma once

#include <filesystem>
#include <fstream>
#include <map>
#include <string>

#include <ATen/core/Tensor.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "checkpoint/hugging_face_config.h"
#include "checkpoint/model_import.h"
#include "model/parameter_names.h"
#include "support/temp_directory.h"

namespace lambert {

using TensorsByName = std::map<std::string, at::Tensor>;

inline ModelConfig tiny_bert() {
  ModelConfig config;
  config.vocab_size = 11;
  config.hidden_size = 8;
  config.num_hidden_layers = 2;
  config.num_attention_heads = 2;
  config.intermediate_size = 16;
  config.max_position_embeddings = 6;
  return config;
}

/// Every tensor of BertForPreTraining.
inline TensorsByName pretraining_tensors() {
  TensorsByName tensors;
  for (const auto& [name, shape] : pretraining_parameter_shapes(tiny_bert())) {
    tensors[name] = at::randn(shape);
  }
  return tensors;
}

inline void write_file(const std::filesystem::path& path, const std::string& text) {
  std::ofstream(path, std::ios::binary) << text;
}

inline void write_tensors(const std::filesystem::path& file, const TensorsByName& tensors) {
  std::vector<NamedTensor> named;
  for (const auto& [name, tensor] : tensors) {
    named.push_back({name, tensor.contiguous()});
  }
  write_safetensors(*make_posix_file_system(), file, named);
}

class ModelFolder {
 public:
  explicit ModelFolder(const TensorsByName& tensors = pretraining_tensors()) {
    config =
        nlohmann::json::parse(write_hugging_face_config(tiny_bert(), kPretrainingArchitecture, 0));
    write_tensors(path() / "model.safetensors", tensors);
    write_config();
  }
  std::filesystem::path path() const { return folder_.path(); }
  void write_config() const { write_file(path() / "config.json", config.dump()); }

  nlohmann::json config;

 private:
  TempDirectory folder_;
};

/// A model whose tensors are all zero.
inline std::vector<NamedTensor> zeros_of(const std::vector<ParameterShape>& shapes) {
  std::vector<NamedTensor> tensors;
  for (const auto& [name, shape] : shapes) {
    tensors.push_back({name, at::zeros(shape)});
  }
  return tensors;
}

/// Message of the refusal, whose exit code is 3; "imported" without one.
inline std::string import_refusal(const std::filesystem::path& folder) {
  try {
    std::vector<NamedTensor> model = zeros_of(pretraining_parameter_shapes(tiny_bert()));
    ModelImport(folder).copy_to(model);
  } catch (const Error& error) {
    return error.code() == ExitCode::data ? error.what() : "another exit code";
  }
  return "imported";
}

/// The tensors without those whose name starts so.
inline TensorsByName without(TensorsByName tensors, const std::string& start) {
  std::erase_if(tensors, [&](const auto& entry) { return entry.first.starts_with(start); });
  return tensors;
}

/// Imports the folder; the result by name, the report in *report.
inline TensorsByName import(const ModelFolder& folder, ImportReport* report = nullptr) {
  std::vector<NamedTensor> model = zeros_of(pretraining_parameter_shapes(tiny_bert()));
  const ImportReport found = ModelImport(folder.path()).copy_to(model);
  if (report != nullptr) {
    *report = found;
  }
  TensorsByName tensors;
  for (const NamedTensor& named : model) {
    tensors[named.name] = named.tensor;
  }
  return tensors;
}

inline void expect_same(const TensorsByName& found, const TensorsByName& expected) {
  for (const auto& [name, tensor] : expected) {
    EXPECT_TRUE(at::equal(found.at(name), tensor)) << name;
  }
}

}  // namespace lambert
