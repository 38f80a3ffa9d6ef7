// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "config/run_config.h"

namespace lambert {

struct ParameterShape {
  std::string name;  // Hugging Face's name, bert.encoder.layer.0.attention.self.query.weight
  std::vector<std::int64_t> shape;  // Hugging Face's shape, [out, in] for linear weights
};

/// Every tensor of embeddings and encoder layers, which both models have, in registration order.
std::vector<ParameterShape> encoder_parameter_shapes(const ModelConfig& config);

/// Every tensor of BertForPreTraining in registration order; the tied decoder appears once, as the
/// word embeddings and cls.predictions.bias.
std::vector<ParameterShape> pretraining_parameter_shapes(const ModelConfig& config);

/// The same for BertForQuestionAnswering, which has no pooler.
std::vector<ParameterShape> question_answering_parameter_shapes(const ModelConfig& config);

}  // namespace lambert
