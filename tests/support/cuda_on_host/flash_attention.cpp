// SPDX-License-Identifier: Apache-2.0
// What LibTorch's FlashAttention computes, for the registered device: plain attention in fp32,
// sample by sample. Its masks come from a generator whose seed the default one draws at the call,
// so that they depend on that one's state, as the GPU's do, though they are other masks.
#include <cmath>
#include <optional>
#include <tuple>

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/full.h>
#include <torch/library.h>

#include "base/error.h"
#include "support/cuda_on_host/host_tensor.h"

namespace lambert::testing {
namespace {

/// Rows begin .. end - 1 as (A, rows, head_size) in fp32.
at::Tensor heads_of(const at::Tensor& tensor, std::int64_t begin, std::int64_t end) {
  return on_cpu(tensor).slice(0, begin, end).to(at::kFloat).transpose(0, 1);
}

/// 0, or 1 / (1 - probability).
at::Tensor multipliers(const at::Tensor& like, double probability, at::Generator& generator) {
  return at::empty_like(like).bernoulli_(1.0 - probability, generator) / (1.0 - probability);
}

at::Tensor probabilities(const at::Tensor& query, const at::Tensor& key) {
  return (query.matmul(key.transpose(1, 2)) / std::sqrt(static_cast<double>(query.size(2))))
      .softmax(2);
}

/// Calls work(begin, end) for every sample that has rows.
template <typename Work>
void for_each_sample(const at::Tensor& starts, std::int64_t longest, const Work& work) {
  const at::Tensor host = on_cpu(starts);
  for (std::int64_t sample = 0; sample + 1 < host.size(0); ++sample) {
    const auto begin = host[sample].item<std::int64_t>();
    const auto end = host[sample + 1].item<std::int64_t>();
    LAMBERT_CHECK(begin <= end && end - begin <= longest, "a sample is longer than the longest");
    if (begin < end) {
      work(begin, end);
    }
  }
}

std::tuple<at::Tensor, at::Tensor, at::Tensor, at::Tensor, at::Tensor> forward(
    const at::Tensor& query, const at::Tensor& key, const at::Tensor& value,
    const std::optional<at::Tensor>& starts, const std::optional<at::Tensor>& /*key_starts*/,
    std::int64_t longest, std::int64_t /*longest_key*/, double probability, bool /*is_causal*/,
    bool /*return_debug_mask*/, std::optional<double> /*scale*/,
    std::optional<std::int64_t> /*left*/, std::optional<std::int64_t> /*right*/,
    const std::optional<at::Tensor>& /*used*/, const std::optional<at::Tensor>& /*slopes*/) {
  const auto seed =
      static_cast<std::int64_t>(at::check_generator<at::CPUGeneratorImpl>(
                                    at::globalContext().defaultGenerator(query.device()))
                                    ->random64());
  at::Generator generator =
      at::make_generator<at::CPUGeneratorImpl>(static_cast<std::uint64_t>(seed));
  const at::Tensor output = at::empty(query.sizes(), query.options());
  const at::Tensor log_sums =
      at::empty({query.size(1), query.size(0)}, query.options().dtype(at::kFloat));
  for_each_sample(*starts, longest, [&](std::int64_t begin, std::int64_t end) {
    const at::Tensor weights =
        probabilities(heads_of(query, begin, end), heads_of(key, begin, end));
    on_cpu(output)
        .slice(0, begin, end)
        .copy_((weights * multipliers(weights, probability, generator))
                   .matmul(heads_of(value, begin, end))
                   .transpose(0, 1));
  });
  return {output, log_sums, at::full({1}, seed, at::TensorOptions(at::kLong)), at::Tensor(),
          at::Tensor()};
}

std::tuple<at::Tensor, at::Tensor, at::Tensor> backward(
    const at::Tensor& above, const at::Tensor& query, const at::Tensor& key,
    const at::Tensor& value, const at::Tensor& /*output*/, const at::Tensor& /*log_sums*/,
    const at::Tensor& starts, const at::Tensor& /*key_starts*/, std::int64_t longest,
    std::int64_t /*longest_key*/, double probability, bool /*is_causal*/,
    const at::Tensor& random_state, const at::Tensor& /*unused*/, std::optional<double> /*scale*/,
    std::optional<std::int64_t> /*left*/, std::optional<std::int64_t> /*right*/) {
  LAMBERT_CHECK(at::globalContext().deterministicAlgorithms(), "sums in any order");
  at::Generator generator = at::make_generator<at::CPUGeneratorImpl>(
      static_cast<std::uint64_t>(random_state.item<std::int64_t>()));
  const auto gradients = std::make_tuple(at::empty(query.sizes(), query.options()),
                                         at::empty(key.sizes(), key.options()),
                                         at::empty(value.sizes(), value.options()));
  const double scale = 1.0 / std::sqrt(static_cast<double>(query.size(2)));
  for_each_sample(starts, longest, [&](std::int64_t begin, std::int64_t end) {
    const auto store = [&](const at::Tensor& target, const at::Tensor& heads) {
      on_cpu(target).slice(0, begin, end).copy_(heads.transpose(0, 1));
    };
    const at::Tensor q = heads_of(query, begin, end);
    const at::Tensor k = heads_of(key, begin, end);
    const at::Tensor from = heads_of(above, begin, end);
    const at::Tensor weights = probabilities(q, k);
    const at::Tensor mask = multipliers(weights, probability, generator);
    const at::Tensor of_weights = from.matmul(heads_of(value, begin, end).transpose(1, 2)) * mask;
    const at::Tensor of_scores =
        weights * (of_weights - (of_weights * weights).sum(2, /*keepdim=*/true)) * scale;
    store(std::get<0>(gradients), of_scores.matmul(k));
    store(std::get<1>(gradients), of_scores.transpose(1, 2).matmul(q));
    store(std::get<2>(gradients), (weights * mask).transpose(1, 2).matmul(from));
  });
  return gradients;
}

TORCH_LIBRARY_IMPL(aten, PrivateUse1, library) {
  library.impl("_flash_attention_forward", forward);
  library.impl("_flash_attention_backward", backward);
}

}  // namespace
}  // namespace lambert::testing
