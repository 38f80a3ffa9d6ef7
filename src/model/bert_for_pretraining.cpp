// SPDX-License-Identifier: Apache-2.0
#include "model/bert_for_pretraining.h"

#include <ATen/ATen.h>

#include "model/check_inputs.h"
#include "model/encoder_layer.h"
#include "model/initialisation.h"
#include "model/parameter_names.h"
#include "model/parameter_table.h"
#include "model/pretraining_heads.h"
#include "ops/checkpointed.h"
#include "ops/embeddings.h"

namespace lambert {

namespace {

std::vector<ModelParameter> make_parameters(const ModelConfig& config, Precision precision,
                                            std::uint64_t seed) {
  std::vector<ModelParameter> parameters;
  for (const ParameterShape& shape : pretraining_parameter_shapes(config)) {
    const auto index = static_cast<std::uint32_t>(parameters.size());
    const at::Tensor master = make_initial_parameter(shape, index, config, seed);
    const at::Tensor compute = precision == Precision::bf16 ? master.to(at::kBFloat16) : master;
    master.requires_grad_(true);
    parameters.push_back({shape.name, master, compute});
  }
  return parameters;
}

EmbeddingWeights embedding_weights(const ModelConfig& config, const ParameterTable& table) {
  const std::string prefix = "bert.embeddings.";
  return {table.weight(prefix + "word_embeddings.weight"),
          table.weight(prefix + "position_embeddings.weight"),
          table.weight(prefix + "token_type_embeddings.weight"),
          table.norm(prefix + "LayerNorm", config.layer_norm_eps)};
}

/// Makes the dropout of each site of a micro-batch; sites are numbered as dropout_stream.h says.
class DropoutSites {
 public:
  DropoutSites(const ModelConfig& config, const ModelInputs& inputs, bool active)
      : config_(config), inputs_(inputs), active_(active) {}

  Dropout embeddings() const { return site(0, config_.hidden_dropout_prob); }
  LayerDropouts layer(std::int64_t number) const {
    const auto first = static_cast<std::uint32_t>(1 + 3 * number);
    return {site(first, config_.attention_probs_dropout_prob),
            site(first + 1, config_.hidden_dropout_prob),
            site(first + 2, config_.hidden_dropout_prob)};
  }

 private:
  Dropout site(std::uint32_t number, double probability) const {
    if (!active_) {
      return {};
    }
    const DropoutStream& stream = inputs_.dropout;
    return {make_dropout_mask(stream.seed, stream.phase, stream.step, number, probability,
                              inputs_.sample_numbers.const_data_ptr<std::int64_t>()),
            inputs_.sample_numbers};
  }

  const ModelConfig& config_;
  const ModelInputs& inputs_;
  bool active_;
};

}  // namespace

struct BertForPreTraining::State {
  State(const ModelConfig& model_config, Precision precision, std::uint64_t seed,
        bool gradient_checkpointing)
      : config(model_config),
        checkpoints_layers(gradient_checkpointing),
        parameters(make_parameters(config, precision, seed)),
        table(parameters),
        embedding(embedding_weights(config, table)),
        heads(config, table) {
    for (std::int64_t number = 0; number < config.num_hidden_layers; ++number) {
      layers.emplace_back(config, table, number);
    }
  }

  /// The last layer's output: (T, H) in the compute type. all_states, if any, gets the
  /// embeddings' and every layer's.
  at::Tensor encode(const ModelInputs& inputs, const TokenRows& tokens, bool with_dropout,
                    std::vector<at::Tensor>* all_states = nullptr) const {
    const DropoutSites dropouts(config, inputs, with_dropout);
    at::Tensor hidden = embeddings(embedding, inputs.input_ids, inputs.token_type_ids, tokens,
                                   dropouts.embeddings());
    for (std::size_t number = 0; number < layers.size(); ++number) {
      if (all_states != nullptr) {
        all_states->push_back(hidden);
      }
      const auto layer =
          [&of = layers[number], tokens,
           dropout = dropouts.layer(static_cast<std::int64_t>(number))](const at::Tensor& input) {
            return of.forward(input, tokens, dropout);
          };
      hidden = checkpoints_layers ? checkpointed(hidden, layer) : layer(hidden);
    }
    if (all_states != nullptr) {
      all_states->push_back(hidden);
    }
    return hidden;
  }

  PretrainingLoss loss(const ModelInputs& inputs, bool with_dropout) const {
    const TokenRows tokens = token_rows_of(inputs);
    return heads.loss(encode(inputs, tokens, with_dropout), inputs, tokens.starts);
  }

  TokenRows token_rows_of(const ModelInputs& inputs) const {
    check_inputs(config, inputs);
    return make_token_rows(inputs.lengths, inputs.input_ids.size(0));
  }

  ModelConfig config;
  bool checkpoints_layers;
  std::vector<ModelParameter> parameters;
  ParameterTable table;
  EmbeddingWeights embedding;
  std::vector<EncoderLayer> layers;
  PretrainingHeads heads;
};

BertForPreTraining::BertForPreTraining(const ModelConfig& config, Precision precision,
                                       std::uint64_t seed, bool gradient_checkpointing)
    : state_(std::make_unique<State>(config, precision, seed, gradient_checkpointing)) {}

BertForPreTraining::~BertForPreTraining() = default;

PretrainingLoss BertForPreTraining::forward(const ModelInputs& inputs) {
  return state_->loss(inputs, true);
}

PretrainingLoss BertForPreTraining::evaluate(const ModelInputs& inputs) {
  const at::NoGradGuard no_gradients;
  return state_->loss(inputs, false);
}

PretrainingLogits BertForPreTraining::logits(const ModelInputs& inputs) {
  const at::NoGradGuard no_gradients;
  std::vector<at::Tensor> states;
  const TokenRows tokens = state_->token_rows_of(inputs);
  const at::Tensor hidden = state_->encode(inputs, tokens, false, &states);
  PretrainingLogits result = state_->heads.logits(hidden, inputs, tokens.starts);
  for (const at::Tensor& state : states) {
    result.hidden_states.push_back(state.to(at::kFloat));
  }
  return result;
}

const std::vector<ModelParameter>& BertForPreTraining::parameters() const {
  return state_->parameters;
}

void BertForPreTraining::refresh_compute_weights() {
  const at::NoGradGuard no_gradients;
  for (const ModelParameter& parameter : state_->parameters) {
    if (!parameter.compute.is_same(parameter.master)) {
      parameter.compute.copy_(parameter.master);
    }
  }
}

const ModelConfig& BertForPreTraining::config() const {
  return state_->config;
}

}  // namespace lambert
