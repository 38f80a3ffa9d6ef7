// SPDX-License-Identifier: Apache-2.0
#include "config/step_shape.h"

#include <algorithm>
#include <string>

#include "base/error.h"

namespace lambert {
namespace {

/// The nearest numbers of ranks, below and above, that divide the batch: "3 or 5".
std::string nearest_rank_counts(std::int64_t global_batch, std::int64_t ranks) {
  std::int64_t below = std::min(ranks - 1, global_batch);
  while (below > 1 && global_batch % below != 0) {
    --below;
  }
  std::int64_t above = ranks + 1;
  while (above < global_batch && global_batch % above != 0) {
    ++above;
  }
  return std::to_string(below) + (above <= global_batch ? " or " + std::to_string(above) : "");
}

}  // namespace

StepShape derive_step_shape(const PhaseConfig& phase, std::int64_t ranks, Reduction reduction) {
  const std::int64_t batch = phase.global_train_batch_size;
  const std::string what = "dividing the batch of phase " + phase.name + ": ";
  if (ranks < 1 || batch < 1 || phase.per_device_train_batch_size < 1) {
    throw ConfigError(what + "global_train_batch_size " + std::to_string(batch) +
                      ", per_device_train_batch_size " +
                      std::to_string(phase.per_device_train_batch_size) + ", " +
                      std::to_string(ranks) + " ranks; all three must be at least 1");
  }
  const std::int64_t share = batch / ranks;
  const std::int64_t rest = batch % ranks;
  if (rest != 0) {
    const std::int64_t smaller = share * ranks;
    throw ConfigError(what + "global_train_batch_size " + std::to_string(batch) + " = " +
                      std::to_string(ranks) + " ranks x " + std::to_string(share) + " + " +
                      std::to_string(rest) + ", so ranks would get unequal shares; run on " +
                      nearest_rank_counts(batch, ranks) + " ranks, or use a batch of " +
                      (smaller > 0 ? std::to_string(smaller) + " or " : "") +
                      std::to_string(smaller + ranks));
  }
  if (reduction == Reduction::reproducible && share % phase.per_device_train_batch_size != 0) {
    throw ConfigError(
        what + "a rank's share of " + std::to_string(share) + " is not a multiple of " +
        "per_device_train_batch_size " + std::to_string(phase.per_device_train_batch_size) +
        ", which communication.reduction: reproducible takes exactly; use a divisor of " +
        std::to_string(share) + ", or fewer ranks");
  }
  std::int64_t micro_batch = std::min(phase.per_device_train_batch_size, share);
  while (share % micro_batch != 0) {
    --micro_batch;
  }
  return {micro_batch, share / micro_batch, ranks};
}

}  // namespace lambert
