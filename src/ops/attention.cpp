// SPDX-License-Identifier: Apache-2.0
#include "ops/attention.h"

#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/record_function.h>

#include "kernels/attention.h"
#include "ops/run_kernel.h"
#include "ops/tensor_views.h"

namespace lambert {
namespace {

struct State {
  TokenRows tokens;
  std::int64_t heads = 0;
  Dropout dropout;
  at::Tensor query_key_value;  // (T, 3 H)
  at::Tensor log_sums;         // (T, heads) fp32

  AttentionShape shape() const {
    return {tokens.layout(), heads, query_key_value.size(1) / (3 * heads)};
  }
};

at::Tensor run_forward(const State& state) {
  RECORD_USER_SCOPE("lambert::attention");
  const at::Tensor& input = state.query_key_value;
  const at::Tensor output = at::empty({input.size(0), input.size(1) / 3}, input.options());
  with_element_type(output, [&](auto element) {
    using T = decltype(element);
    run_kernel(output, [&](const auto&... stream) {
      attention_forward(stream..., state.shape(), state.dropout.mask, data_of<T>(input),
                        mutable_data_of<T>(output), mutable_floats_of(state.log_sums));
    });
  });
  return output;
}

/// output: the forward pass's, which only a device's kernel wants.
at::Tensor run_backward(const State& state, const at::Tensor& output, const at::Tensor& above) {
  RECORD_USER_SCOPE("lambert::attention");
  const at::Tensor& input = state.query_key_value;
  const at::Tensor gradient = at::empty_like(input);
  const auto scratch = [&] { return attention_backward_scratch_bytes(state.shape()); };
  with_element_type(above, [&](auto element) {
    using T = decltype(element);
    run_kernel(above, scratch, [&](const auto&... stream) {
      if constexpr (sizeof...(stream) == 0) {
        attention_backward(state.shape(), state.dropout.mask, data_of<T>(input),
                           floats_of(state.log_sums), data_of<T>(above),
                           mutable_data_of<T>(gradient));
      } else {
        attention_backward(stream..., state.shape(), state.dropout.mask, data_of<T>(input),
                           data_of<T>(output), floats_of(state.log_sums), data_of<T>(above),
                           mutable_data_of<T>(gradient));
      }
    });
  });
  return gradient;
}

}  // namespace

Attention attend_tiled(const at::Tensor& query_key_value, const TokenRows& tokens,
                       std::int64_t heads, const Dropout& dropout) {
  const State state{
      tokens, heads, dropout, query_key_value,
      at::empty({query_key_value.size(0), heads}, query_key_value.options().dtype(at::kFloat))};
  const at::Tensor output = run_forward(state);
  // The same memory without a place in the graph; the host's kernel does without.
  const at::Tensor kept_output = output.is_cpu() ? at::Tensor() : output.detach();
  return {output, [state, kept_output](const at::Tensor& above) {
            return run_backward(state, kept_output, above);
          }};
}

Attention attend(AttentionKernel kernel, const at::Tensor& query_key_value, const TokenRows& tokens,
                 std::int64_t heads, const Dropout& dropout) {
  return kernel == AttentionKernel::flash ? attend_flash(query_key_value, tokens, heads, dropout)
                                          : attend_tiled(query_key_value, tokens, heads, dropout);
}

}  // namespace lambert
