// SPDX-License-Identifier: Apache-2.0
#include "app/bench_model.h"

#include <array>
#include <map>

#include "config/enum_names.h"
#include "train/machine_rates.h"

namespace lambert {
namespace {

constexpr std::int64_t kVocabulary = 30522;

/// Layers, hidden size, heads, inner size of the published sizes (Turc et al. 2019, Devlin et al.
/// 2018).
ModelConfig model_of(const std::string& name) {
  const std::map<std::string, std::array<std::int64_t, 4>> shapes = {
      {"tiny", {2, 128, 2, 512}},
      {"mini", {4, 256, 4, 1024}},
      {"base", {12, 768, 12, 3072}},
      {"large", {24, 1024, 16, 4096}}};
  const std::array<std::int64_t, 4>& shape = shapes.at(name);
  ModelConfig model;
  model.vocab_size = kVocabulary;
  model.num_hidden_layers = shape[0];
  model.hidden_size = shape[1];
  model.num_attention_heads = shape[2];
  model.intermediate_size = shape[3];
  model.hidden_act = Activation::gelu_new;
  return model;
}

}  // namespace

RunConfig bench_config(const BenchOptions& options) {
  RunConfig config;
  config.model = model_of(options.model);
  config.precision = find_enum_value<Precision>(options.dtype).value();
  config.pack_weights = options.pack_weights;
  PhaseConfig phase;
  phase.max_seq_length = options.max_seq_length;
  phase.per_device_train_batch_size = options.batch;
  config.phases.push_back(phase);
  return config;
}

double measure_copy_bandwidth(std::int64_t elements) {
  return measure_copy_rate(elements, 1.0);
}

}  // namespace lambert
