// SPDX-License-Identifier: Apache-2.0
#include "model/bert_for_pretraining.h"

#include <ATen/core/Tensor.h>
#include <ATen/core/grad_mode.h>

#include "model/bert_encoder.h"
#include "model/check_inputs.h"
#include "model/parameter_names.h"
#include "model/parameter_table.h"
#include "model/pretraining_heads.h"

namespace lambert {

struct BertForPreTraining::State {
  State(const ModelConfig& model_config, Precision precision, std::uint64_t seed,
        bool gradient_checkpointing, const at::Device& the_device)
      : config(model_config),
        device(the_device),
        parameters(
            make_parameters(pretraining_parameter_shapes(config), config, precision, seed, device)),
        table(parameters),
        encoder(config, table, gradient_checkpointing),
        heads(config, table) {}

  PretrainingTensors place(const ModelInputs& inputs) const {
    check_inputs(config, inputs);
    return to_device(lambert::make_tensors(inputs, config.num_hidden_layers, device), device);
  }
  PretrainingLoss loss(const PretrainingTensors& tensors, bool with_dropout) const {
    return heads.loss(encoder.encode(tensors.encoder, with_dropout), tensors);
  }

  ModelConfig config;
  at::Device device;
  std::vector<ModelParameter> parameters;
  ParameterTable table;
  BertEncoder encoder;
  PretrainingHeads heads;
};

BertForPreTraining::BertForPreTraining(const ModelConfig& config, Precision precision,
                                       std::uint64_t seed, bool gradient_checkpointing,
                                       const at::Device& device)
    : state_(std::make_unique<State>(config, precision, seed, gradient_checkpointing, device)) {}

BertForPreTraining::~BertForPreTraining() = default;

PretrainingTensors BertForPreTraining::make_tensors(const ModelInputs& inputs) const {
  check_inputs(state_->config, inputs);
  return lambert::make_tensors(inputs, state_->config.num_hidden_layers, state_->device);
}

void BertForPreTraining::begin(const PretrainingTensors& tensors) const {
  state_->encoder.begin(tensors.encoder, true);
}

PretrainingLoss BertForPreTraining::forward(const PretrainingTensors& tensors) {
  return state_->loss(tensors, true);
}

PretrainingLoss BertForPreTraining::forward(const ModelInputs& inputs) {
  const PretrainingTensors tensors = state_->place(inputs);
  begin(tensors);
  return forward(tensors);
}

PretrainingLoss BertForPreTraining::evaluate(const ModelInputs& inputs) {
  const at::NoGradGuard no_gradients;
  return state_->loss(state_->place(inputs), false);
}

PretrainingLogits BertForPreTraining::logits(const ModelInputs& inputs) {
  const at::NoGradGuard no_gradients;
  std::vector<at::Tensor> states;
  const PretrainingTensors tensors = state_->place(inputs);
  const at::Tensor hidden = state_->encoder.encode(tensors.encoder, false, &states);
  PretrainingLogits result = state_->heads.logits(hidden, tensors);
  for (const at::Tensor& state : states) {
    result.hidden_states.push_back(state.to(at::kFloat).cpu());
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
  state_->encoder.choose_products(of_shape, row_count);
}

void BertForPreTraining::use(const KernelChoice& kernels) {
  state_->table.use(kernels.float32_products);
  state_->encoder.use(kernels);
}

const ModelConfig& BertForPreTraining::config() const {
  return state_->config;
}

const at::Device& BertForPreTraining::device() const {
  return state_->device;
}

}  // namespace lambert
