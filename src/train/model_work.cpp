// SPDX-License-Identifier: Apache-2.0
#include "train/model_work.h"

#include <algorithm>
#include <cmath>

namespace lambert {

double model_operations(const ModelConfig& model, double sequences, double sequence_length,
                        double masked_tokens) {
  const auto hidden = static_cast<double>(model.hidden_size);
  const auto intermediate = static_cast<double>(model.intermediate_size);
  const auto layers = static_cast<double>(model.num_hidden_layers);
  // Per position and layer: four H x H products, two H x I products, scores and their use (S x H
  // each).
  const double per_position = layers * (8.0 * hidden * hidden + 4.0 * hidden * intermediate +
                                        4.0 * sequence_length * hidden);
  const double per_prediction =
      2.0 * hidden * hidden + 2.0 * hidden * static_cast<double>(model.vocab_size);
  const double per_sequence = 2.0 * hidden * hidden + 4.0 * hidden;  // pooler, next-sentence head
  return 3.0 * (sequences * (sequence_length * per_position + per_sequence) +
                masked_tokens * per_prediction);
}

double remaining_operations(const RunConfig& config, std::int64_t phase_index,
                            std::int64_t step_in_phase) {
  double sum = 0.0;
  for (std::size_t index = static_cast<std::size_t>(phase_index); index < config.phases.size();
       ++index) {
    const PhaseConfig& phase = config.phases[index];
    const std::int64_t done = static_cast<std::int64_t>(index) == phase_index ? step_in_phase : 0;
    const auto sequences = static_cast<double>(std::max<std::int64_t>(phase.max_steps - done, 0)) *
                           static_cast<double>(phase.global_train_batch_size);
    const double predictions =
        std::min(static_cast<double>(phase.max_predictions_per_seq),
                 std::round(phase.masked_lm_prob * static_cast<double>(phase.max_seq_length)));
    sum += model_operations(config.model, sequences, static_cast<double>(phase.max_seq_length),
                            sequences * predictions);
  }
  return sum;
}

}  // namespace lambert
