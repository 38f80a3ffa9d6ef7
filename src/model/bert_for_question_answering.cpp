// SPDX-License-Identifier: Apache-2.0
#include "model/bert_for_question_answering.h"

#include <limits>

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/cross_entropy_loss.h>
#include <ATen/ops/pad_sequence.h>

#include "model/bert_encoder.h"
#include "model/check_inputs.h"
#include "ops/device.h"
#include "ops/linear.h"

namespace lambert {

struct BertForQuestionAnswering::State {
  State(const ModelConfig& model_config, Precision precision, std::uint64_t seed,
        bool gradient_checkpointing, const at::Device& the_device)
      : config(model_config),
        device(the_device),
        parameters(make_parameters(question_answering_parameter_shapes(config), config, precision,
                                   seed, device)),
        table(parameters),
        encoder(config, table, gradient_checkpointing),
        outputs(table.linear("qa_outputs")) {}

  at::Tensor logits(const QuestionAnsweringInputs& inputs, bool with_dropout,
                    std::vector<at::Tensor>* hidden_states) const {
    check_inputs(config, inputs);
    const EncoderTensors tensors =
        to_device(make_tensors(inputs, config.num_hidden_layers, device), device);
    encoder.begin(tensors, with_dropout);
    const at::Tensor hidden = encoder.encode(tensors, with_dropout, hidden_states);
    return linear(hidden, outputs).to(at::kFloat);
  }

  ModelConfig config;
  at::Device device;
  std::vector<ModelParameter> parameters;
  ParameterTable table;
  BertEncoder encoder;
  LinearWeights outputs;
};

namespace {

/// (T, 2) to (B, longest, 2), minus infinity behind the end of a sequence.
at::Tensor by_sequence(const at::Tensor& logits, const at::Tensor& lengths) {
  std::vector<at::Tensor> sequences;
  std::int64_t begin = 0;
  for (std::int64_t index = 0; index < lengths.size(0); ++index) {
    const std::int64_t end = begin + lengths[index].item<std::int64_t>();
    sequences.push_back(logits.slice(0, begin, end));
    begin = end;
  }
  return at::pad_sequence(sequences, true, -std::numeric_limits<double>::infinity());
}

}  // namespace

BertForQuestionAnswering::BertForQuestionAnswering(const ModelConfig& config, Precision precision,
                                                   std::uint64_t seed, bool gradient_checkpointing,
                                                   const at::Device& device)
    : state_(std::make_unique<State>(config, precision, seed, gradient_checkpointing, device)) {}

BertForQuestionAnswering::~BertForQuestionAnswering() = default;

SpanLoss BertForQuestionAnswering::forward(const QuestionAnsweringInputs& inputs) {
  const at::Tensor logits = by_sequence(state_->logits(inputs, true, nullptr), inputs.lengths);
  const auto sum_of = [&](std::int64_t which, const at::Tensor& positions) {
    return at::cross_entropy_loss(logits.select(2, which), to_device(positions, state_->device), {},
                                  at::Reduction::Sum);
  };
  return {(sum_of(0, inputs.start_positions) + sum_of(1, inputs.end_positions)) / 2,
          inputs.lengths.size(0)};
}

at::Tensor BertForQuestionAnswering::logits(const QuestionAnsweringInputs& inputs,
                                            std::vector<at::Tensor>* hidden_states) {
  const at::NoGradGuard no_gradients;
  const at::Tensor logits = state_->logits(inputs, false, hidden_states).cpu();
  if (hidden_states != nullptr) {
    for (at::Tensor& hidden : *hidden_states) {
      hidden = hidden.cpu();
    }
  }
  return logits;
}

void BertForQuestionAnswering::use(const KernelChoice& kernels) {
  state_->table.use(kernels.float32_products);
  state_->encoder.use(kernels);
}

const std::vector<ModelParameter>& BertForQuestionAnswering::parameters() const {
  return state_->parameters;
}

const ModelConfig& BertForQuestionAnswering::config() const {
  return state_->config;
}

}  // namespace lambert
