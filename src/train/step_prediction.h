// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cluster/model_work.h"
#include "cluster/step_cost.h"
#include "config/run_config.h"
#include "train/machine_rates.h"

namespace lambert {

/// Holds the model of `lambert plan` against the run: once per launch, after its first 20 steps.
/// The rates are those measured at the start, not a datasheet's.
class StepPrediction {
 public:
  StepPrediction(const RunConfig& config, const MachineRates& rates);

  /// One step with this work over all ranks. Returns what to log after the twentieth.
  std::optional<std::string> add(const PhaseConfig& phase, const Workload& work,
                                 double step_seconds);

 private:
  StepCost predict(const PhaseConfig& phase, const Workload& work) const;

  const RunConfig& config_;
  MachineRates rates_;
  StepCost predicted_;                    // sum over the steps
  std::vector<double> measured_seconds_;  // of each step
};

}  // namespace lambert
