// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "config/run_config.h"

namespace lambert {

/// How one optimizer step is cut up: micro_batch * accumulation * ranks = global batch, exactly.
/// Which samples form a micro-batch, and which rank runs it, depends on their lengths: see
/// BatchStream.
struct StepShape {
  std::int64_t micro_batch = 0;   // sequences per forward pass
  std::int64_t accumulation = 0;  // forward passes per step and rank
  std::int64_t ranks = 0;
  std::int64_t global_batch() const { return micro_batch * accumulation * ranks; }
};

/// The largest micro-batch not above per_device_train_batch_size that divides the rank's share;
/// with a reproducible reduction exactly per_device_train_batch_size, so that micro-batches are the
/// same on any number of ranks. Throws ConfigError with the arithmetic and the nearest valid rank
/// counts when ranks (reproducible: ranks x micro-batch) do not divide the batch.
StepShape derive_step_shape(const PhaseConfig& phase, std::int64_t ranks, Reduction reduction);

}  // namespace lambert
