// SPDX-License-Identifier: Apache-2.0
#include "train/micro_batch_inputs.h"

#include <vector>

#include <ATen/core/Tensor.h>
#include <ATen/ops/constant_pad_nd.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>

namespace lambert {
namespace {

/// Rows of a micro-batch are rounded up to this: making a matmul for a new number of rows takes
/// milliseconds.
constexpr std::int64_t kRowRounding = 64;

template <typename Element>
at::Tensor to_tensor(const std::vector<Element>& values, at::ScalarType stored,
                     at::ScalarType wanted, at::IntArrayRef shape) {
  if (values.empty()) {
    return at::empty(shape, at::TensorOptions(wanted));
  }
  // from_blob takes a non-const pointer; the copy below is all that reads it.
  void* data = const_cast<Element*>(
      values.data());  // NOLINT(cppcoreguidelines-pro-type-const-cast): see above
  return at::from_blob(data, shape, at::TensorOptions(stored))
      .to(wanted, /*non_blocking=*/false, /*copy=*/true);
}

}  // namespace

ModelInputs to_model_inputs(const Batch& batch, const DropoutStream& dropout) {
  const auto sequences = static_cast<std::int64_t>(batch.lengths.size());
  const auto tokens = static_cast<std::int64_t>(batch.input_ids.size());
  const auto masked = static_cast<std::int64_t>(batch.masked_labels.size());
  ModelInputs inputs;
  const std::int64_t padding = (kRowRounding - tokens % kRowRounding) % kRowRounding;
  inputs.input_ids = at::constant_pad_nd(to_tensor(batch.input_ids, at::kInt, at::kInt, {tokens}),
                                         {0, padding}, 0);
  inputs.token_type_ids = at::constant_pad_nd(
      to_tensor(batch.token_type_ids, at::kChar, at::kInt, {tokens}), {0, padding}, 0);
  inputs.lengths = to_tensor(batch.lengths, at::kInt, at::kInt, {sequences});
  inputs.masked_positions = to_tensor(batch.masked_positions, at::kInt, at::kLong, {masked});
  inputs.masked_labels = to_tensor(batch.masked_labels, at::kInt, at::kLong, {masked});
  inputs.next_sentence_labels =
      to_tensor(batch.next_sentence_labels, at::kChar, at::kLong, {sequences});
  inputs.sample_numbers = to_tensor(batch.sample_numbers, at::kLong, at::kLong, {sequences});
  inputs.dropout = dropout;
  return inputs;
}

}  // namespace lambert
