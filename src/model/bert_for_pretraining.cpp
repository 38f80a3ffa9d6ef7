// SPDX-License-Identifier: Apache-2.0
#include "model/bert_for_pretraining.h"

#include <ATen/ATen.h>

#include "base/error.h"
#include "model/initialisation.h"
#include "model/parameter_names.h"

namespace lambert {

struct BertForPreTraining::State {
  ModelConfig config;
  Precision precision = Precision::fp32;
  std::vector<ModelParameter> parameters;
  std::map<std::string, std::size_t> index;

  at::Tensor weight(const std::string& name) const {
    const at::Tensor& master = parameters[index.at(name)].master;
    return precision == Precision::bf16 ? master.to(at::kBFloat16) : master;
  }
  at::Tensor linear(const at::Tensor& x, const std::string& name) const {
    return at::linear(x, weight(name + ".weight"), weight(name + ".bias"));
  }
  at::Tensor norm(const at::Tensor& x, const std::string& name) const {
    return at::layer_norm(x, {x.size(-1)}, weight(name + ".weight"), weight(name + ".bias"),
                          config.layer_norm_eps);
  }
  at::Tensor gelu(const at::Tensor& x) const {
    return at::gelu(x, config.hidden_act == Activation::gelu ? "none" : "tanh");
  }
  at::Tensor layer(const at::Tensor& x, const at::Tensor& mask, std::int64_t number) const {
    const std::string prefix = "bert.encoder.layer." + std::to_string(number) + ".";
    const std::int64_t heads = config.num_attention_heads;
    const auto split = [&](const std::string& name) {
      return linear(x, prefix + "attention.self." + name)
          .view({x.size(0), x.size(1), heads, -1})
          .transpose(1, 2);
    };
    const at::Tensor context =
        at::scaled_dot_product_attention(split("query"), split("key"), split("value"), mask)
            .transpose(1, 2)
            .reshape(x.sizes());
    const at::Tensor attended = norm(x + linear(context, prefix + "attention.output.dense"),
                                     prefix + "attention.output.LayerNorm");
    const at::Tensor inner = gelu(linear(attended, prefix + "intermediate.dense"));
    return norm(attended + linear(inner, prefix + "output.dense"), prefix + "output.LayerNorm");
  }
  at::Tensor encode(const ModelInputs& inputs) const {
    const std::int64_t length = inputs.input_ids.size(1);
    const at::Tensor positions = at::arange(length, at::kInt);
    const at::Tensor mask =
        positions.unsqueeze(0).lt(inputs.lengths.unsqueeze(1)).unsqueeze(1).unsqueeze(2);
    const std::string prefix = "bert.embeddings.";
    at::Tensor x =
        at::embedding(weight(prefix + "word_embeddings.weight"), inputs.input_ids) +
        at::embedding(weight(prefix + "position_embeddings.weight"), positions) +
        at::embedding(weight(prefix + "token_type_embeddings.weight"), inputs.token_type_ids);
    x = norm(x, prefix + "LayerNorm");
    for (std::int64_t number = 0; number < config.num_hidden_layers; ++number) {
      x = layer(x, mask, number);
    }
    return x;
  }
  PretrainingLogits heads(const at::Tensor& hidden, const ModelInputs& inputs) const {
    PretrainingLogits result;
    result.hidden_states = hidden.to(at::kFloat);
    const at::Tensor masked =
        hidden.reshape({-1, hidden.size(2)}).index_select(0, inputs.masked_positions);
    const at::Tensor transformed = norm(gelu(linear(masked, "cls.predictions.transform.dense")),
                                        "cls.predictions.transform.LayerNorm");
    result.mlm = at::linear(transformed, weight("bert.embeddings.word_embeddings.weight"),
                            weight("cls.predictions.bias"))
                     .to(at::kFloat);
    const at::Tensor pooled = at::tanh(linear(hidden.select(1, 0), "bert.pooler.dense"));
    result.nsp = linear(pooled, "cls.seq_relationship").to(at::kFloat);
    return result;
  }
};

namespace {

PretrainingLoss make_loss(const PretrainingLogits& logits, const ModelInputs& inputs) {
  PretrainingLoss loss;
  const auto sum = at::Reduction::Sum;
  loss.mlm_sum = at::cross_entropy_loss(logits.mlm, inputs.masked_labels, {}, sum);
  loss.nsp_sum = at::cross_entropy_loss(logits.nsp, inputs.next_sentence_labels, {}, sum);
  loss.masked_tokens = inputs.masked_labels.numel();
  loss.sequences = inputs.next_sentence_labels.numel();
  const auto correct = [](const at::Tensor& scores, const at::Tensor& labels) {
    return scores.argmax(1).eq(labels).sum().item<std::int64_t>();
  };
  loss.mlm_correct = correct(logits.mlm, inputs.masked_labels);
  loss.nsp_correct = correct(logits.nsp, inputs.next_sentence_labels);
  return loss;
}

}  // namespace

BertForPreTraining::BertForPreTraining(const ModelConfig& config, Precision precision,
                                       std::uint64_t seed)
    : state_(std::make_unique<State>()) {
  state_->config = config;
  state_->precision = precision;
  for (const ParameterShape& shape : pretraining_parameter_shapes(config)) {
    const auto number = static_cast<std::uint32_t>(state_->parameters.size());
    at::Tensor master = make_initial_parameter(shape, number, config, seed);
    const at::Tensor copy = master.to(at::kBFloat16);
    master.requires_grad_(true);
    state_->index[shape.name] = number;
    state_->parameters.push_back(
        {shape.name, master, precision == Precision::bf16 ? copy : master});
  }
}

BertForPreTraining::~BertForPreTraining() = default;

PretrainingLoss BertForPreTraining::forward(const ModelInputs& inputs) {
  return make_loss(state_->heads(state_->encode(inputs), inputs), inputs);
}

PretrainingLoss BertForPreTraining::evaluate(const ModelInputs& inputs) {
  const at::NoGradGuard no_gradients;
  return forward(inputs);
}

PretrainingLogits BertForPreTraining::logits(const ModelInputs& inputs) {
  const at::NoGradGuard no_gradients;
  return state_->heads(state_->encode(inputs), inputs);
}

const std::vector<ModelParameter>& BertForPreTraining::parameters() const {
  return state_->parameters;
}

void BertForPreTraining::refresh_compute_weights() {
  const at::NoGradGuard no_gradients;
  for (ModelParameter& parameter : state_->parameters) {
    if (!parameter.compute.is_same(parameter.master)) {
      parameter.compute.copy_(parameter.master);
    }
  }
}

const ModelConfig& BertForPreTraining::config() const {
  return state_->config;
}

}  // namespace lambert
