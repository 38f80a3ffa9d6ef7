// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>

#include "config/run_config.h"

namespace lambert {

constexpr std::int64_t kPublishedVocabSize =
    30522;  // BERT uncased; stands in where vocab_size is still 0

/// Trainable numbers of BERT with both pretraining heads and tied decoder, in closed form:
/// 336,226,108 for BERT-Large with the published vocabulary. vocab_size must be set.
std::int64_t parameter_count(const ModelConfig& model);
/// With the question-answering head instead; without pooler.
std::int64_t question_answering_parameter_count(const ModelConfig& model);
/// 398 for 24 layers.
std::int64_t parameter_tensor_count(const ModelConfig& model);

/// Of a compute weight or an activation.
constexpr std::int64_t compute_bytes(Precision precision) {
  return precision == Precision::fp32 ? 4 : 2;
}

/// Largest micro-batch in tokens whose work is recorded with cuda_graphs: auto. Above it starting
/// the kernels one by one hides behind the kernels, and a second set of activations would be
/// gigabytes.
constexpr std::int64_t kLargestRecordedByDefault = 8192;

/// Of each parameter in a reproducible reduction, beside its fp32 gradient.
constexpr std::int64_t kFixedPointBytes = 8;

/// Bytes that one rank holds at the largest moment of a step, within 10 % of what runs show (see
/// docs/results/cpu_performance.md).
struct MemoryEstimate {
  std::int64_t program = 0;  // code and libraries
  std::int64_t weights = 0;  // fp32 master weights
  std::int64_t compute_weights =
      0;                         // copy in bf16 or fp16, with that precision; packed copies at most
  std::int64_t gradients = 0;    // fp32, and the fixed-point sums of a reproducible reduction
  std::int64_t moments = 0;      // fp32 m and, but for LARS, v
  std::int64_t residuals = 0;    // fp32, with error feedback
  std::int64_t activations = 0;  // of one micro-batch
  std::int64_t graphs = 0;       // second set of activations, of recorded micro-batches
  std::int64_t before_sharding = 0;  // all of it at the start, while master weights are whole
  std::int64_t total() const {
    return std::max(before_sharding, program + weights + compute_weights + gradients + moments +
                                         residuals + activations + graphs);
  }
};
/// config.model.vocab_size must be set. ranks: they share the optimizer's state when it is sharded.
/// Graphs are counted with device: cuda, not with auto: the caller says where auto leads.
MemoryEstimate estimate_memory(const RunConfig& config, const PhaseConfig& phase,
                               std::int64_t micro_batch, std::int64_t ranks = 1);
/// While the live gauge measures: the run's own and a second model in training.
MemoryEstimate estimate_gauge_memory(const RunConfig& config, std::int64_t ranks);

}  // namespace lambert
