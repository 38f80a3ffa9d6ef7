// SPDX-License-Identifier: Apache-2.0
#include "cluster/model_work.h"

#include <algorithm>
#include <cmath>

namespace lambert {

Workload workload_of(double sequences, double length, double masked) {
  return {sequences, sequences * length, sequences * length * length, sequences * masked};
}

Operations count_operations(const ModelConfig& model, const Workload& work) {
  const auto hidden = static_cast<double>(model.hidden_size);
  const auto intermediate = static_cast<double>(model.intermediate_size);
  const auto layers = static_cast<double>(model.num_hidden_layers);
  // A layer has four H x H and two H x I products per token, and scores and their use (H each) per
  // pair of tokens.
  const double per_token = layers * (8.0 * hidden * hidden + 4.0 * hidden * intermediate);
  const double per_pair = layers * 4.0 * hidden;
  const double per_prediction =
      2.0 * hidden * hidden + 2.0 * hidden * static_cast<double>(model.vocab_size);
  const double per_sequence = 2.0 * hidden * hidden + 4.0 * hidden;  // pooler, next-sentence head
  return {3.0 * work.tokens * per_token, 3.0 * work.token_pairs * per_pair,
          3.0 * (work.sequences * per_sequence + work.masked_tokens * per_prediction)};
}

double model_operations(const ModelConfig& model, const Workload& work) {
  return count_operations(model, work).total();
}

double planned_step_operations(const RunConfig& config, const PhaseConfig& phase) {
  const auto length = static_cast<double>(phase.max_seq_length);
  const double predictions = std::min(static_cast<double>(phase.max_predictions_per_seq),
                                      std::round(phase.masked_lm_prob * length));
  return model_operations(
      config.model,
      workload_of(static_cast<double>(phase.global_train_batch_size), length, predictions));
}

double remaining_operations(const RunConfig& config, std::int64_t phase_index,
                            std::int64_t step_in_phase) {
  double sum = 0.0;
  for (std::size_t index = static_cast<std::size_t>(phase_index); index < config.phases.size();
       ++index) {
    const PhaseConfig& phase = config.phases[index];
    const std::int64_t done = static_cast<std::int64_t>(index) == phase_index ? step_in_phase : 0;
    sum += static_cast<double>(std::max<std::int64_t>(phase.max_steps - done, 0)) *
           planned_step_operations(config, phase);
  }
  return sum;
}

}  // namespace lambert
