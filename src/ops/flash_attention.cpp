// SPDX-License-Identifier: Apache-2.0
// LibTorch's FlashAttention over samples of any lengths. Rows of no sample are handed to it as one
// sample more, so that they hold numbers and not what the memory held before; their gradient is
// zero, as what comes from above is.
#include <tuple>

#include <ATen/Context.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/_flash_attention_backward.h>
#include <ATen/ops/_flash_attention_forward.h>
#include <ATen/ops/stack.h>
#include <ATen/record_function.h>

#include "ops/attention.h"

namespace lambert {
namespace {

/// The backward pass then adds up in a fixed order, so that a resume gives the same bits.
class FixedOrder {
 public:
  FixedOrder()
      : was_fixed_(at::globalContext().deterministicAlgorithms()),
        only_warned_(at::globalContext().deterministicAlgorithmsWarnOnly()),
        filled_(at::globalContext().deterministicFillUninitializedMemory()) {
    at::globalContext().setDeterministicAlgorithms(true, false);
    at::globalContext().setDeterministicFillUninitializedMemory(false);  // costs a pass
  }
  ~FixedOrder() {
    at::globalContext().setDeterministicAlgorithms(was_fixed_, only_warned_);
    at::globalContext().setDeterministicFillUninitializedMemory(filled_);
  }
  FixedOrder(const FixedOrder&) = delete;
  FixedOrder& operator=(const FixedOrder&) = delete;
  FixedOrder(FixedOrder&&) = delete;
  FixedOrder& operator=(FixedOrder&&) = delete;

 private:
  bool was_fixed_;
  bool only_warned_;
  bool filled_;
};

double dropout_probability(const Dropout& dropout) {
  return static_cast<double>(dropout.mask.threshold) / 65536.0;
}

/// What the backward pass reads.
struct State {
  TokenRows tokens;
  double probability = 0.0;
  at::Tensor query;  // (T, A, head_size), as are the next two: strided views of one tensor
  at::Tensor key;
  at::Tensor value;
  at::Tensor output;  // (T, A, head_size)
  at::Tensor log_sums;
  at::Tensor random_state;
  at::Tensor unused;
};

at::Tensor run_backward(const State& state, const at::Tensor& above) {
  RECORD_USER_SCOPE("lambert::attention");
  const FixedOrder fixed_order;
  const at::Tensor& starts = state.tokens.starts;
  const auto [query, key, value] = at::_flash_attention_backward(
      above.view_as(state.output), state.query, state.key, state.value, state.output,
      state.log_sums, starts, starts, state.tokens.longest, state.tokens.longest, state.probability,
      /*is_causal=*/false, state.random_state, state.unused);
  return at::stack({query, key, value}, 1).view({above.size(0), 3 * above.size(1)});
}

}  // namespace

Attention attend_flash(const at::Tensor& query_key_value, const TokenRows& tokens,
                       std::int64_t heads, const Dropout& dropout) {
  RECORD_USER_SCOPE("lambert::attention");
  const std::int64_t rows = query_key_value.size(0);
  const at::Tensor parts = query_key_value.view({rows, 3, heads, -1});
  State state;
  state.tokens = tokens;
  state.probability = dropout_probability(dropout);
  state.query = parts.select(1, 0);
  state.key = parts.select(1, 1);
  state.value = parts.select(1, 2);
  std::tie(state.output, state.log_sums, state.random_state, state.unused, std::ignore) =
      at::_flash_attention_forward(state.query, state.key, state.value, tokens.starts,
                                   tokens.starts, tokens.longest, tokens.longest, state.probability,
                                   /*is_causal=*/false, /*return_debug_mask=*/false);
  const at::Tensor output = state.output.view({rows, -1});
  state.output = state.output.detach();  // the same memory without a place in the graph
  return {output, [state](const at::Tensor& above) { return run_backward(state, above); }};
}

}  // namespace lambert
