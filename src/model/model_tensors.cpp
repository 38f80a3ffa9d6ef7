// SPDX-License-Identifier: Apache-2.0
#include "model/model_tensors.h"

#include "ops/device.h"

namespace lambert {

EncoderTensors to_device(const EncoderInputs& inputs, const at::Device& device) {
  const TokenRows tokens = make_token_rows(inputs.lengths, inputs.input_ids.size(0));
  return {make_embedding_ids(inputs.input_ids, inputs.token_type_ids, tokens, device),
          to_device(tokens, device), to_device(inputs.sample_numbers, device),
          inputs.sample_numbers.const_data_ptr<std::int64_t>()[0], inputs.dropout};
}

PretrainingTensors to_device(const ModelInputs& inputs, const at::Device& device) {
  return {to_device(static_cast<const EncoderInputs&>(inputs), device),
          to_device(inputs.masked_positions, device), to_device(inputs.masked_labels, device),
          to_device(inputs.next_sentence_labels, device)};
}

}  // namespace lambert
