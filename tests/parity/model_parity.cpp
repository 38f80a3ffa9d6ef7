// SPDX-License-Identifier: Apache-2.0
// Runs one case of model_parity.py: reads config, weights and inputs from a folder, writes each
// gradient beside them and prints the loss.
#include <cstdio>
#include <fstream>
#include <map>

#include <ATen/ATen.h>

#include "base/error.h"
#include "model/bert_for_pretraining.h"

namespace lambert {
namespace {

using Settings = std::map<std::string, std::string>;

Settings read_settings(const std::string& folder) {
  Settings settings;
  std::ifstream file(folder + "/config.txt");
  std::string key;
  std::string value;
  while (file >> key >> value) {
    settings[key] = value;
  }
  return settings;
}

std::int64_t integer(const Settings& settings, const std::string& key) {
  return std::stoll(settings.at(key));
}

ModelConfig make_config(const Settings& settings) {
  ModelConfig config;
  config.vocab_size = integer(settings, "vocab");
  config.hidden_size = integer(settings, "hidden");
  config.num_hidden_layers = integer(settings, "layers");
  config.num_attention_heads = integer(settings, "heads");
  config.intermediate_size = integer(settings, "inner");
  config.max_position_embeddings = integer(settings, "length") + 3;
  config.hidden_act = settings.at("act") == "gelu" ? Activation::gelu : Activation::gelu_new;
  config.hidden_dropout_prob = 0.0;
  config.attention_probs_dropout_prob = 0.0;
  return config;
}

void read_into(const std::string& path, const at::Tensor& tensor) {
  std::ifstream file(path, std::ios::binary);
  file.read(static_cast<char*>(tensor.mutable_data_ptr()),
            static_cast<std::streamsize>(tensor.nbytes()));
  if (!file) {
    throw DataError("reading a parity case: " + path + " is missing or short");
  }
}

at::Tensor read_tensor(const std::string& path, at::IntArrayRef shape, at::ScalarType type) {
  at::Tensor tensor = at::empty(shape, at::TensorOptions().dtype(type));
  read_into(path, tensor);
  return tensor;
}

ModelInputs read_inputs(const std::string& folder, const Settings& settings) {
  const std::int64_t batch = integer(settings, "batch");
  const std::int64_t length = integer(settings, "length");
  const std::int64_t masked = 5 * batch;
  const std::string prefix = folder + "/";
  ModelInputs inputs;
  inputs.input_ids = read_tensor(prefix + "input_ids", {batch, length}, at::kInt);
  inputs.token_type_ids = read_tensor(prefix + "token_type_ids", {batch, length}, at::kInt);
  inputs.lengths = read_tensor(prefix + "lengths", {batch}, at::kInt);
  inputs.masked_positions = read_tensor(prefix + "masked_positions", {masked}, at::kLong);
  inputs.masked_labels = read_tensor(prefix + "masked_labels", {masked}, at::kLong);
  inputs.next_sentence_labels = read_tensor(prefix + "next_sentence_labels", {batch}, at::kLong);
  inputs.sample_numbers = at::arange(batch, at::TensorOptions().dtype(at::kLong));
  return inputs;
}

void write_gradient(const std::string& path, const at::Tensor& gradient) {
  const at::Tensor values = gradient.contiguous();
  std::ofstream file(path, std::ios::binary);
  file.write(static_cast<const char*>(values.const_data_ptr()),
             static_cast<std::streamsize>(values.nbytes()));
}

void run(const std::string& folder) {
  const Settings settings = read_settings(folder);
  const Precision precision = settings.at("type") == "bf16" ? Precision::bf16 : Precision::fp32;
  BertForPreTraining model(make_config(settings), precision, 1);
  for (const ModelParameter& parameter : model.parameters()) {
    read_into(folder + "/" + parameter.name, parameter.master.detach());
  }
  model.refresh_compute_weights();
  const PretrainingLoss sums = model.forward(read_inputs(folder, settings));
  const at::Tensor loss = sums.mlm_sum / sums.masked_tokens + sums.nsp_sum / sums.sequences;
  loss.backward();
  for (const ModelParameter& parameter : model.parameters()) {
    write_gradient(folder + "/" + parameter.name + ".gradient", parameter.master.grad());
  }
  std::printf("%.9g\n", loss.item<double>());
}

}  // namespace
}  // namespace lambert

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: model_parity FOLDER\n");
    return 2;
  }
  try {
    lambert::run(argv[1]);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "model_parity: %s\n", error.what());
    return 1;
  }
  return 0;
}
