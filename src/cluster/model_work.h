// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "config/run_config.h"

namespace lambert {

/// What a forward and backward pass works on.
struct Workload {
  double sequences = 0.0;
  double tokens = 0.0;
  double token_pairs = 0.0;  // sum of squared lengths
  double masked_tokens = 0.0;
};

/// Sequences of one length with `masked` predictions each.
Workload workload_of(double sequences, double length, double masked);

/// Of forward and backward together.
struct Operations {
  double layers = 0.0;     // products with the layers' weights
  double attention = 0.0;  // scores and their use
  double heads = 0.0;      // of the pretraining heads
  double total() const { return layers + attention + heads; }
};

/// Floating-point operations that forward and backward need: matrix products only, multiply and add
/// counted as two, backward = twice forward, nothing recomputed.
Operations count_operations(const ModelConfig& model, const Workload& work);
double model_operations(const ModelConfig& model, const Workload& work);

/// The operations of one step of the phase when every sequence has max_seq_length tokens and
/// max_predictions_per_seq predictions.
double planned_step_operations(const RunConfig& config, const PhaseConfig& phase);

/// The same for what is left of the run from (phase_index, step_in_phase) on.
double remaining_operations(const RunConfig& config, std::int64_t phase_index,
                            std::int64_t step_in_phase);

}  // namespace lambert
