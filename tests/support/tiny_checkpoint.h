// SPDX-License-Identifier: Apache-2.0
// A checkpoint of a network of a few numbers.
#pragma once

#include <string>

#include <ATen/core/Tensor.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/full.h>
#include <ATen/ops/full_like.h>

#include "checkpoint/checkpoint.h"

namespace lambert {

/// Every tensor is filled with a value that depends on the step, so that mixed states show.
inline CheckpointContent tiny_checkpoint(std::int64_t step) {
  CheckpointContent content;
  content.state = {step, 1, step / 2, step * 8, step, 0};
  const auto value = static_cast<float>(step);
  content.model = {{"bert.embeddings.word_embeddings.weight", at::full({5, 4}, value)},
                   {"cls.predictions.bias", at::full({5}, value + 0.25F)}};
  for (const NamedTensor& named : content.model) {
    content.optimizer.push_back(
        {named.name + ".exp_avg", at::full_like(named.tensor, value + 0.5F)});
    content.optimizer.push_back(
        {named.name + ".exp_avg_sq", at::full_like(named.tensor, value + 0.75F)});
  }
  content.model_config.vocab_size = 5;
  content.model_config.hidden_size = 4;
  content.run_config_yaml = "output_dir: here\n";
  content.vocabulary_hash = "0123456789abcdef0123456789abcdef";
  content.rank_count = 2;
  content.extra_files = {{"vocab.txt", "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n"}};
  return content;
}

/// True when content holds exactly what tiny_checkpoint(step) made.
inline bool is_tiny_checkpoint(const CheckpointContent& content, std::int64_t step) {
  const CheckpointContent expected = tiny_checkpoint(step);
  bool same = content.state == expected.state;
  for (std::size_t i = 0; i < expected.model.size(); ++i) {
    same = same && at::equal(content.model[i].tensor, expected.model[i].tensor);
  }
  for (std::size_t i = 0; i < expected.optimizer.size(); ++i) {
    same = same && at::equal(content.optimizer[i].tensor, expected.optimizer[i].tensor);
  }
  return same;
}

}  // namespace lambert
