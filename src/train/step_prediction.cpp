// SPDX-License-Identifier: Apache-2.0
#include "train/step_prediction.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

#include "cluster/constants.h"
#include "config/step_shape.h"

namespace lambert {
namespace {

constexpr std::size_t kSteps = 20;

void add_to(StepCost& sum, const StepCost& cost) {
  sum.products += cost.products;
  sum.attention += cost.attention;
  sum.memory += cost.memory;
  sum.gradients += cost.gradients;
  sum.input += cost.input;
  sum.exposed_reduction += cost.exposed_reduction;
  sum.optimizer += cost.optimizer;
  sum.overhead += cost.overhead;
}

std::string describe(const StepCost& sum, double measured) {
  const double steps = static_cast<double>(kSteps);
  const double predicted = sum.seconds() / steps;
  std::array<char, 320> text{};
  std::snprintf(text.data(), text.size(),
                "prediction steps=%zu predicted_step_seconds=%.4g measured_step_seconds=%.4g "
                "measured_over_predicted=%.3g products=%.4g attention=%.4g memory=%.4g "
                "gradients=%.4g exposed_reduce=%.4g optimizer=%.4g overhead=%.4g",
                kSteps, predicted, measured, measured / std::max(predicted, 1e-12),
                sum.products / steps, sum.attention / steps, sum.memory / steps,
                sum.gradients / steps, sum.exposed_reduction / steps, sum.optimizer / steps,
                sum.overhead / steps);
  return text.data();
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const std::size_t middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : 0.5 * (values[middle - 1] + values[middle]);
}

}  // namespace

StepPrediction::StepPrediction(const RunConfig& config, const MachineRates& rates)
    : config_(config), rates_(rates) {}

std::optional<std::string> StepPrediction::add(const PhaseConfig& phase, const Workload& work,
                                               double step_seconds) {
  if (measured_seconds_.size() == kSteps) {
    return std::nullopt;  // said once
  }
  add_to(predicted_, predict(phase, work));
  measured_seconds_.push_back(step_seconds);
  // The median: the first step also warms up.
  return measured_seconds_.size() == kSteps
             ? std::optional(describe(predicted_, median(measured_seconds_)))
             : std::nullopt;
}

StepCost StepPrediction::predict(const PhaseConfig& phase, const Workload& work) const {
  const auto ranks = std::llround(rates_.ranks);
  const StepShape shape = derive_step_shape(phase, ranks, config_.communication.reduction);
  const double parts = rates_.ranks * static_cast<double>(shape.accumulation);
  StepWork part = step_work_of(config_, ranks);
  part.micro_batch = {work.sequences / parts, work.tokens / parts, work.token_pairs / parts,
                      work.masked_tokens / parts};
  part.accumulation = static_cast<double>(shape.accumulation);
  // Products were measured on a micro-batch's rows, the ring over all ranks, near and far.
  const DeviceRates device{rates_.matmul / rates_.ranks, 0.0, rates_.copy};
  const Interconnect ring{ranks, ranks, rates_.all_reduce, 0.0, 0.0, 0.0};
  return predict_step(part, find_software("lambert"), device, ring);
}

}  // namespace lambert
