// SPDX-License-Identifier: Apache-2.0
#include "config/run_plan.h"

#include <algorithm>
#include <cmath>

namespace lambert {
namespace {

/// Every so many steps, and at the end of every phase.
std::int64_t count_measurements(const RunConfig& config) {
  const std::int64_t every = config.evaluation.squad.every_steps;
  std::int64_t steps = 0;
  std::int64_t ends_between = 0;
  for (const PhaseConfig& phase : config.phases) {
    steps += phase.max_steps;
    ends_between += steps % every == 0 ? 0 : 1;
  }
  return steps / every + ends_between;
}

}  // namespace

std::int64_t warmup_step_count(const PhaseConfig& phase) {
  const bool is_share = phase.warmup_steps < 1;
  return std::llround(is_share ? phase.warmup_steps * static_cast<double>(phase.max_steps)
                               : phase.warmup_steps);
}

RunPlan plan_run(const RunConfig& config, std::int64_t ranks, std::int64_t data_vocab_size) {
  RunConfig sized = config;  // with a vocabulary
  ModelConfig& model = sized.model;
  RunPlan plan;
  if (model.vocab_size == 0) {
    model.vocab_size = data_vocab_size;
  }
  if (model.vocab_size == 0) {
    plan.vocab_size_is_assumed = true;
    model.vocab_size = kPublishedVocabSize;
  }
  plan.vocab_size = model.vocab_size;
  plan.parameters = parameter_count(model);
  plan.parameter_tensors = parameter_tensor_count(model);
  for (const PhaseConfig& phase : config.phases) {
    PhasePlan phase_plan;
    phase_plan.name = phase.name;
    phase_plan.shape = derive_step_shape(phase, ranks, config.communication.reduction);
    phase_plan.steps = phase.max_steps;
    phase_plan.warmup_steps = warmup_step_count(phase);
    phase_plan.sequences = phase.max_steps * phase.global_train_batch_size;
    phase_plan.tokens = phase_plan.sequences * phase.max_seq_length;
    phase_plan.memory = estimate_memory(sized, phase, phase_plan.shape.micro_batch, ranks);
    plan.steps += phase_plan.steps;
    plan.sequences += phase_plan.sequences;
    plan.tokens += phase_plan.tokens;
    plan.phases.push_back(std::move(phase_plan));
  }
  if (has_gauge(sized)) {
    plan.gauge = GaugePlan{count_measurements(sized), estimate_gauge_memory(sized, ranks)};
    for (const PhasePlan& phase : plan.phases) {  // the run's graphs stay where they are
      plan.gauge->memory.graphs = std::max(plan.gauge->memory.graphs, phase.memory.graphs);
    }
  }
  return plan;
}

}  // namespace lambert
