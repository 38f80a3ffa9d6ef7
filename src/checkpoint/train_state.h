// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace lambert {

/// Where the run is. All of it that is not a tensor: there is no generator and no loader state.
struct TrainState {
  std::int64_t global_step = 0;  // optimizer steps done in all phases
  std::int64_t phase_index = 0;
  std::int64_t step_in_phase = 0;  // steps done in this phase
  std::int64_t samples_seen = 0;
  std::int64_t optimizer_steps = 0;  // t of the bias correction
  std::int64_t skipped_steps = 0;    // non-finite gradients, when the config skips them
  double loss_scale = 0.0;           // of the next step; 0: none, precision is not fp16
  std::int64_t finite_steps = 0;     // since the loss scale changed
  bool operator==(const TrainState&) const = default;
};

}  // namespace lambert
