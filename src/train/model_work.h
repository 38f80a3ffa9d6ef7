// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "config/run_config.h"

namespace lambert {

/// Floating-point operations that forward and backward need for `sequences` sequences of
/// `sequence_length` positions with `masked_tokens` predictions in all: matrix products only,
/// multiply and add counted as two, backward = twice forward, nothing recomputed.
double model_operations(const ModelConfig& model, double sequences, double sequence_length,
                        double masked_tokens);

/// The same for what is left of the run from (phase_index, step_in_phase) on, with
/// max_predictions_per_seq predictions per sequence.
double remaining_operations(const RunConfig& config, std::int64_t phase_index,
                            std::int64_t step_in_phase);

}  // namespace lambert
