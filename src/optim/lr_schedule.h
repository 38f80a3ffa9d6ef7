// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "config/run_config.h"

namespace lambert {

/// Linear warm-up, then polynomial decay to zero at T = lr_decay_steps, max_steps unless set.
class LrSchedule {
 public:
  explicit LrSchedule(const PhaseConfig& phase);
  /// step counts from 0 in its phase. s < W: peak * (s + 1) / W. Afterwards peak * (1 - s/T)^power
  /// (phase_start), or peak * (1 - (s - W)/(T - W))^power (warmup_end).
  double rate_at(std::int64_t step) const;
  std::int64_t warmup_steps() const { return warmup_steps_; }

 private:
  double peak_;
  std::int64_t warmup_steps_;
  std::int64_t decay_steps_;
  double power_;
  LrDecayOrigin origin_;
};

}  // namespace lambert
