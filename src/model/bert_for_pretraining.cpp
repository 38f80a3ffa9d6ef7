// SPDX-License-Identifier: Apache-2.0
#include "model/bert_for_pretraining.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include "model/bert_encoder.h"
#include "model/check_inputs.h"
#include "model/parameter_names.h"
#include "model/parameter_table.h"
#include "model/pretraining_heads.h"

namespace lambert {

struct BertForPreTraining::State {
  State(const ModelConfig& model_config, Precision precision, std::uint64_t seed,
        bool gradient_checkpointing)
      : config(model_config),
        parameters(make_parameters(pretraining_parameter_shapes(config), config, precision, seed)),
        table(parameters),
        encoder(config, table, gradient_checkpointing),
        heads(config, table) {}

  PretrainingLoss loss(const ModelInputs& inputs, bool with_dropout) const {
    const TokenRows tokens = token_rows_of(inputs);
    return heads.loss(encoder.encode(inputs, tokens, with_dropout), inputs, tokens.starts);
  }

  TokenRows token_rows_of(const ModelInputs& inputs) const {
    check_inputs(config, inputs);
    return make_token_rows(inputs.lengths, inputs.input_ids.size(0));
  }

  ModelConfig config;
  std::vector<ModelParameter> parameters;
  ParameterTable table;
  BertEncoder encoder;
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
  const at::Tensor hidden = state_->encoder.encode(inputs, tokens, false, &states);
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
  lambert::refresh_compute_weights(state_->parameters);
}

void BertForPreTraining::choose_products(const std::map<MatrixShape, ProductForms>& of_shape,
                                         std::int64_t row_count) {
  for (const ModelParameter& parameter : state_->parameters) {
    if (parameter.name.starts_with("bert.encoder.") && parameter.master.dim() == 2) {
      const MatrixShape shape{parameter.master.size(0), parameter.master.size(1)};
      state_->table.weight(parameter.name).products->choose(of_shape.at(shape), row_count);
    }
  }
}

const ModelConfig& BertForPreTraining::config() const {
  return state_->config;
}

}  // namespace lambert
