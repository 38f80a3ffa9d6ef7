// SPDX-License-Identifier: Apache-2.0
#include "optim/lr_schedule.h"

#include <cmath>

#include "base/error.h"

namespace lambert {

LrSchedule::LrSchedule(const PhaseConfig& phase)
    : peak_(phase.learning_rate),
      // A share is rounded to whole steps: 0.2843 of 7038 is the published 2001.
      warmup_steps_(phase.warmup_steps < 1.0
                        ? std::llround(phase.warmup_steps * static_cast<double>(phase.max_steps))
                        : std::llround(phase.warmup_steps)),
      decay_steps_(phase.lr_decay_steps > 0 ? phase.lr_decay_steps : phase.max_steps),
      power_(phase.lr_decay_power),
      origin_(phase.lr_decay_origin) {
  LAMBERT_CHECK(decay_steps_ > 0 && warmup_steps_ >= 0 && warmup_steps_ <= decay_steps_,
                "warm-up must lie within the phase");
}

double LrSchedule::rate_at(std::int64_t step) const {
  if (step < warmup_steps_) {
    return peak_ * static_cast<double>(step + 1) / static_cast<double>(warmup_steps_);
  }
  if (step >= decay_steps_) {
    return 0.0;
  }
  const std::int64_t origin = origin_ == LrDecayOrigin::warmup_end ? warmup_steps_ : 0;
  const double left =
      static_cast<double>(decay_steps_ - step) / static_cast<double>(decay_steps_ - origin);
  return peak_ * std::pow(left, power_);
}

}  // namespace lambert
