// SPDX-License-Identifier: Apache-2.0
#include "model/model_tensors.h"

#include <ATen/core/Tensor.h>
#include <ATen/ops/constant_pad_nd.h>
#include <ATen/ops/empty.h>

#include "kernels/cross_entropy.h"
#include "kernels/dropout_stream.h"
#include "ops/device.h"

namespace lambert {
namespace {

/// Masked tokens of a micro-batch are rounded up to this for a device.
constexpr std::int64_t kMaskedStep = 64;

at::Tensor dropout_keys(const DropoutStream& stream, std::int64_t layers) {
  const std::int64_t sites = 1 + 3 * layers;
  const at::Tensor keys = at::empty({sites, 2}, at::TensorOptions(at::kInt));
  auto* next = static_cast<PhiloxKey*>(keys.mutable_data_ptr());
  for (std::int64_t site = 0; site < sites; ++site, ++next) {
    *next = dropout_key(stream.seed, stream.phase, stream.step, static_cast<std::uint32_t>(site));
  }
  return keys;
}

/// Of (seed, phase, step), and the first sample, which tells the micro-batch.
std::uint64_t generator_seed(const DropoutStream& stream, std::int64_t first_sample) {
  constexpr std::uint32_t kNoSite = 0xFFFFFFFF;
  const auto sample = static_cast<std::uint64_t>(first_sample);
  const PhiloxBlock block =
      philox({static_cast<std::uint32_t>(sample), static_cast<std::uint32_t>(sample >> 32U), 0, 0},
             dropout_key(stream.seed, stream.phase, stream.step, kNoSite));
  return block[0] | std::uint64_t{block[1]} << 32U;
}

}  // namespace

EncoderTensors make_tensors(const EncoderInputs& inputs, std::int64_t layers,
                            const at::Device& device) {
  EncoderTensors tensors;
  tensors.tokens = make_token_rows(inputs.lengths, inputs.input_ids.size(0));
  tensors.ids = make_embedding_ids(inputs.input_ids, inputs.token_type_ids, tensors.tokens,
                                   /*with_orders=*/!device.is_cpu());
  tensors.sample_numbers = inputs.sample_numbers;
  tensors.dropout = inputs.dropout;
  if (!device.is_cpu()) {
    tensors.dropout_keys = dropout_keys(inputs.dropout, layers);
    tensors.generator_seed =
        generator_seed(inputs.dropout, inputs.sample_numbers.const_data_ptr<std::int64_t>()[0]);
  }
  return tensors;
}

PretrainingTensors make_tensors(const ModelInputs& inputs, std::int64_t layers,
                                const at::Device& device) {
  PretrainingTensors tensors;
  tensors.encoder = make_tensors(static_cast<const EncoderInputs&>(inputs), layers, device);
  tensors.masked_tokens = inputs.masked_labels.size(0);
  const std::int64_t step = device.is_cpu() ? 1 : kMaskedStep;
  const std::int64_t missing = (step - tensors.masked_tokens % step) % step;
  tensors.masked_positions = at::constant_pad_nd(inputs.masked_positions, {0, missing}, 0);
  tensors.masked_labels = at::constant_pad_nd(inputs.masked_labels, {0, missing}, kNoLabel);
  tensors.next_sentence_labels = inputs.next_sentence_labels;
  return tensors;
}

std::vector<at::Tensor*> tensors_of(EncoderTensors& tensors) {
  return {&tensors.ids.input_ids,  &tensors.ids.token_type_ids, &tensors.ids.orders,
          &tensors.tokens.starts,  &tensors.tokens.sample_of,   &tensors.tokens.position_of,
          &tensors.sample_numbers, &tensors.dropout_keys};
}

std::vector<at::Tensor*> tensors_of(PretrainingTensors& tensors) {
  std::vector<at::Tensor*> all = tensors_of(tensors.encoder);
  all.insert(all.end(),
             {&tensors.masked_positions, &tensors.masked_labels, &tensors.next_sentence_labels});
  return all;
}

template <typename Tensors>
Tensors to_device(Tensors tensors, const at::Device& device) {
  for (at::Tensor* const tensor : tensors_of(tensors)) {
    *tensor = to_device(*tensor, device);
  }
  return tensors;
}

template EncoderTensors to_device(EncoderTensors tensors, const at::Device& device);
template PretrainingTensors to_device(PretrainingTensors tensors, const at::Device& device);

}  // namespace lambert
