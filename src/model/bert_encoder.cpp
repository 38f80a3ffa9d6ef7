// SPDX-License-Identifier: Apache-2.0
#include "model/bert_encoder.h"

#include "ops/checkpointed.h"
#include "ops/device.h"
#include "ops/tensor_views.h"

namespace lambert {
namespace {

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
  DropoutSites(const ModelConfig& config, const EncoderTensors& inputs, bool active)
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
    Dropout dropout{make_dropout_mask(stream.seed, stream.phase, stream.step, number, probability,
                                      data_of<std::int64_t>(inputs_.sample_numbers)),
                    inputs_.sample_numbers, inputs_.dropout_keys};
    if (dropout.keys.defined()) {
      dropout.mask.device_key = data_of<PhiloxKey>(dropout.keys) + number;
    }
    return dropout;
  }

  const ModelConfig& config_;
  const EncoderTensors& inputs_;
  bool active_;
};

}  // namespace

BertEncoder::BertEncoder(const ModelConfig& config, const ParameterTable& parameters,
                         bool gradient_checkpointing)
    : config_(config),
      checkpoints_layers_(gradient_checkpointing),
      embedding_(embedding_weights(config, parameters)) {
  for (std::int64_t number = 0; number < config.num_hidden_layers; ++number) {
    layers_.emplace_back(config, parameters, number);
  }
}

void BertEncoder::choose_products(const std::map<MatrixShape, ProductForms>& of_shape,
                                  std::int64_t row_count) {
  for (const EncoderLayer& layer : layers_) {
    layer.choose_products(of_shape, row_count);
  }
}

void BertEncoder::use(const KernelChoice& kernels) {
  draws_from_generator_ =
      kernels.attention == AttentionKernel::flash && config_.attention_probs_dropout_prob > 0.0;
  for (EncoderLayer& layer : layers_) {
    layer.use(kernels);
  }
}

void BertEncoder::begin(const EncoderTensors& inputs, bool with_dropout) const {
  for (const EncoderLayer& layer : layers_) {
    layer.join_weights();
  }
  if (draws_from_generator_ && with_dropout) {
    seed_generator(embedding_.words.master.device(), inputs.generator_seed);
  }
}

at::Tensor BertEncoder::encode(const EncoderTensors& inputs, bool with_dropout,
                               std::vector<at::Tensor>* all_states) const {
  const DropoutSites dropouts(config_, inputs, with_dropout);
  at::Tensor hidden = embeddings(embedding_, inputs.ids, inputs.tokens, dropouts.embeddings());
  for (std::size_t number = 0; number < layers_.size(); ++number) {
    if (all_states != nullptr) {
      all_states->push_back(hidden);
    }
    const auto layer = [&of = layers_[number], tokens = inputs.tokens,
                        dropout = dropouts.layer(static_cast<std::int64_t>(number))](
                           const at::Tensor& input) { return of.forward(input, tokens, dropout); };
    hidden = checkpoints_layers_
                 ? checkpointed(hidden, layer, draws_from_generator_ && with_dropout)
                 : layer(hidden);
  }
  if (all_states != nullptr) {
    all_states->push_back(hidden);
  }
  return hidden;
}

}  // namespace lambert
