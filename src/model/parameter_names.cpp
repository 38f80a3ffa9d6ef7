// SPDX-License-Identifier: Apache-2.0
#include "model/parameter_names.h"

#include <functional>
#include <numeric>

#include "model/bert_for_pretraining.h"

namespace lambert {

namespace {

using Shape = std::vector<std::int64_t>;

class ShapeList {
 public:
  void add(const std::string& name, Shape shape) { shapes_.push_back({name, std::move(shape)}); }

  void add_linear(const std::string& name, std::int64_t out, std::int64_t in) {
    add(name + ".weight", {out, in});
    add(name + ".bias", {out});
  }

  void add_norm(const std::string& name, std::int64_t size) {
    add(name + ".weight", {size});
    add(name + ".bias", {size});
  }

  std::vector<ParameterShape> take() { return std::move(shapes_); }

 private:
  std::vector<ParameterShape> shapes_;
};

void add_encoder_layer(ShapeList& list, const ModelConfig& config, std::int64_t layer) {
  const std::string prefix = "bert.encoder.layer." + std::to_string(layer) + ".";
  const std::int64_t hidden = config.hidden_size;
  list.add_linear(prefix + "attention.self.query", hidden, hidden);
  list.add_linear(prefix + "attention.self.key", hidden, hidden);
  list.add_linear(prefix + "attention.self.value", hidden, hidden);
  list.add_linear(prefix + "attention.output.dense", hidden, hidden);
  list.add_norm(prefix + "attention.output.LayerNorm", hidden);
  list.add_linear(prefix + "intermediate.dense", config.intermediate_size, hidden);
  list.add_linear(prefix + "output.dense", hidden, config.intermediate_size);
  list.add_norm(prefix + "output.LayerNorm", hidden);
}

void add_encoder(ShapeList& list, const ModelConfig& config) {
  const std::int64_t hidden = config.hidden_size;
  list.add("bert.embeddings.word_embeddings.weight", {config.vocab_size, hidden});
  list.add("bert.embeddings.position_embeddings.weight", {config.max_position_embeddings, hidden});
  list.add("bert.embeddings.token_type_embeddings.weight", {config.type_vocab_size, hidden});
  list.add_norm("bert.embeddings.LayerNorm", hidden);
  for (std::int64_t layer = 0; layer < config.num_hidden_layers; ++layer) {
    add_encoder_layer(list, config, layer);
  }
}

}  // namespace

std::vector<ParameterShape> encoder_parameter_shapes(const ModelConfig& config) {
  ShapeList list;
  add_encoder(list, config);
  return list.take();
}

std::vector<ParameterShape> question_answering_parameter_shapes(const ModelConfig& config) {
  ShapeList list;
  add_encoder(list, config);
  list.add_linear("qa_outputs", 2, config.hidden_size);
  return list.take();
}

std::vector<ParameterShape> pretraining_parameter_shapes(const ModelConfig& config) {
  ShapeList list;
  add_encoder(list, config);
  const std::int64_t hidden = config.hidden_size;
  list.add_linear("bert.pooler.dense", hidden, hidden);
  list.add("cls.predictions.bias", {config.vocab_size});
  list.add_linear("cls.predictions.transform.dense", hidden, hidden);
  list.add_norm("cls.predictions.transform.LayerNorm", hidden);
  list.add_linear("cls.seq_relationship", 2, hidden);
  return list.take();
}

std::int64_t count_parameters(const ModelConfig& config) {
  std::int64_t count = 0;
  for (const ParameterShape& parameter : pretraining_parameter_shapes(config)) {
    count += std::accumulate(parameter.shape.begin(), parameter.shape.end(), std::int64_t{1},
                             std::multiplies<>());
  }
  return count;
}

}  // namespace lambert
