// SPDX-License-Identifier: Apache-2.0
#include "model/check_inputs.h"

#include <string>

#include <ATen/core/Tensor.h>
#include <ATen/ops/aminmax.h>

#include "base/error.h"

namespace lambert {

namespace {

void check_values(const char* name, const at::Tensor& values, std::int64_t smallest,
                  std::int64_t largest) {
  if (values.numel() == 0) {
    return;
  }
  const auto [low, high] = at::aminmax(values);
  const auto found_low = low.item<std::int64_t>();
  const auto found_high = high.item<std::int64_t>();
  if (found_low < smallest || found_high > largest) {
    throw DataError("running the model on a batch: " + std::string(name) + " lie in " +
                    std::to_string(found_low) + " .. " + std::to_string(found_high) +
                    ", the model takes " + std::to_string(smallest) + " .. " +
                    std::to_string(largest) +
                    "; prepare the data with this model's vocabulary and sequence length");
  }
}

void check_shape(const char* name, const at::Tensor& values, at::ScalarType type,
                 at::IntArrayRef shape) {
  LAMBERT_CHECK(values.defined() && values.scalar_type() == type && values.sizes() == shape &&
                    values.is_contiguous(),
                std::string(name) + " has another type or shape than model_inputs.h says");
}

}  // namespace

void check_inputs(const ModelConfig& config, const EncoderInputs& inputs) {
  LAMBERT_CHECK(inputs.input_ids.defined() && inputs.input_ids.dim() == 1,
                "input_ids is not a vector");
  LAMBERT_CHECK(inputs.input_ids.numel() > 0, "the batch is empty");
  LAMBERT_CHECK(inputs.lengths.defined() && inputs.lengths.numel() > 0, "there are no lengths");
  const std::int64_t rows = inputs.input_ids.size(0);
  const std::int64_t samples = inputs.lengths.size(0);
  check_shape("input_ids", inputs.input_ids, at::kInt, {rows});
  check_shape("token_type_ids", inputs.token_type_ids, at::kInt, {rows});
  check_shape("lengths", inputs.lengths, at::kInt, {samples});
  check_shape("sample_numbers", inputs.sample_numbers, at::kLong, {samples});
  const auto longest = inputs.lengths.max().item<std::int64_t>();
  if (longest > config.max_position_embeddings) {
    throw DataError("running the model on a batch: sequences of " + std::to_string(longest) +
                    " tokens, the model has " + std::to_string(config.max_position_embeddings) +
                    " positions; raise max_position_embeddings or prepare shorter sequences");
  }
  check_values("token ids", inputs.input_ids, 0, config.vocab_size - 1);
  check_values("token types", inputs.token_type_ids, 0, config.type_vocab_size - 1);
  check_values("lengths", inputs.lengths, 1, longest);
  LAMBERT_CHECK(inputs.lengths.sum().item<std::int64_t>() <= rows,
                "the lengths add up to more than there are tokens");
}

void check_inputs(const ModelConfig& config, const ModelInputs& inputs) {
  check_inputs(config, static_cast<const EncoderInputs&>(inputs));
  LAMBERT_CHECK(inputs.masked_positions.defined() && inputs.masked_positions.dim() == 1,
                "masked_positions is not a vector");
  const std::int64_t samples = inputs.lengths.size(0);
  const std::int64_t masked = inputs.masked_positions.size(0);
  check_shape("masked_positions", inputs.masked_positions, at::kLong, {masked});
  check_shape("masked_labels", inputs.masked_labels, at::kLong, {masked});
  check_shape("next_sentence_labels", inputs.next_sentence_labels, at::kLong, {samples});
  const auto tokens = inputs.lengths.sum().item<std::int64_t>();
  check_values("masked positions", inputs.masked_positions, 0, tokens - 1);
  check_values("masked labels", inputs.masked_labels, 0, config.vocab_size - 1);
  check_values("next-sentence labels", inputs.next_sentence_labels, 0, 1);
}

void check_inputs(const ModelConfig& config, const QuestionAnsweringInputs& inputs) {
  check_inputs(config, static_cast<const EncoderInputs&>(inputs));
  if (!inputs.start_positions.defined()) {
    return;
  }
  const std::int64_t samples = inputs.lengths.size(0);
  check_shape("start_positions", inputs.start_positions, at::kLong, {samples});
  check_shape("end_positions", inputs.end_positions, at::kLong, {samples});
  LAMBERT_CHECK(inputs.start_positions.lt(inputs.lengths).all().item<bool>() &&
                    inputs.end_positions.lt(inputs.lengths).all().item<bool>() &&
                    inputs.start_positions.ge(0).all().item<bool>() &&
                    inputs.end_positions.ge(inputs.start_positions).all().item<bool>(),
                "answer positions lie outside of their sequence");
}

}  // namespace lambert
