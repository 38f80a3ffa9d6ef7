// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "config/model_size.h"
#include "config/run_config.h"
#include "config/step_shape.h"

namespace lambert {

/// What one phase amounts to.
struct PhasePlan {
  std::string name;
  StepShape shape;
  std::int64_t steps = 0;
  std::int64_t warmup_steps = 0;
  std::int64_t sequences = 0;  // over all steps
  std::int64_t tokens = 0;     // positions, padding included
  MemoryEstimate memory;       // per rank
};

/// What the live gauge amounts to.
struct GaugePlan {
  std::int64_t measurements = 0;
  MemoryEstimate memory;  // per rank, of the whole process while it measures
};

/// What a configuration amounts to on so many ranks.
struct RunPlan {
  std::vector<PhasePlan> phases;
  std::optional<GaugePlan> gauge;
  std::int64_t vocab_size = 0;
  bool vocab_size_is_assumed = false;  // the configuration leaves it to the data
  std::int64_t parameters = 0;
  std::int64_t parameter_tensors = 0;
  std::int64_t steps = 0;
  std::int64_t sequences = 0;
  std::int64_t tokens = 0;
};

/// The warm-up of a phase in steps. A share is rounded to the nearest step: 0.2843 of 7038 are the
/// 2001 steps of NVIDIA's recipe.
std::int64_t warmup_step_count(const PhaseConfig& phase);

/// data_vocab_size: of the prepared data, 0 where it is not known. Throws ConfigError when a batch
/// cannot be divided.
RunPlan plan_run(const RunConfig& config, std::int64_t ranks, std::int64_t data_vocab_size);

}  // namespace lambert
