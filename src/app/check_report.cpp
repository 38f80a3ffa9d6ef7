// SPDX-License-Identifier: Apache-2.0
#include "app/check_report.h"

#include <array>
#include <cstdio>

#include <nlohmann/json.hpp>

#include "config/enum_names.h"

namespace lambert {
namespace {

std::string gibibytes(std::int64_t bytes) {
  constexpr double kBytes = 1024.0 * 1024.0 * 1024.0;
  std::array<char, 32> buffer{};
  std::snprintf(buffer.data(), buffer.size(), "%.2f GiB", static_cast<double>(bytes) / kBytes);
  return buffer.data();
}

std::string describe_memory(const MemoryEstimate& memory) {
  std::string text = gibibytes(memory.total()) + " (program " + gibibytes(memory.program) +
                     ", weights " + gibibytes(memory.weights);
  if (memory.compute_weights > 0) {
    text += ", compute copy " + gibibytes(memory.compute_weights);
  }
  return text + ", gradients " + gibibytes(memory.gradients) + ", moments " +
         gibibytes(memory.moments) +
         (memory.residuals > 0 ? ", residuals " + gibibytes(memory.residuals) : "") +
         ", activations " + gibibytes(memory.activations) +
         (memory.graphs > 0 ? ", graphs " + gibibytes(memory.graphs) : "") + ")";
}

std::string describe_phase(const PhasePlan& phase) {
  const StepShape& shape = phase.shape;
  return "phase " + phase.name + "\n  batch       micro-batch " + grouped(shape.micro_batch) +
         " x accumulation " + grouped(shape.accumulation) + " x ranks " + grouped(shape.ranks) +
         " = " + grouped(shape.global_batch()) + " sequences\n  steps       " +
         grouped(phase.steps) + ", warm-up " + grouped(phase.warmup_steps) + "\n  sequences   " +
         grouped(phase.sequences) + "\n  tokens      " + grouped(phase.tokens) +
         " (padding included)\n  memory      " + describe_memory(phase.memory) + " per rank\n";
}

std::string describe_gauge(const SquadGaugeConfig& gauge, const GaugePlan& plan) {
  const std::string questions =
      gauge.subset == 0 ? "all of both files" : "up to " + grouped(gauge.subset) + " of each file";
  return "squad gauge\n  measured    " + grouped(plan.measurements) + " times, every " +
         grouped(gauge.every_steps) + " steps and at the end of every phase\n  questions   " +
         questions + "\n  memory      " + describe_memory(plan.memory) +
         " per rank while it measures\n";
}

nlohmann::ordered_json json_of_phase(const PhasePlan& phase) {
  return {{"name", phase.name},
          {"micro_batch", phase.shape.micro_batch},
          {"accumulation", phase.shape.accumulation},
          {"ranks", phase.shape.ranks},
          {"global_batch", phase.shape.global_batch()},
          {"steps", phase.steps},
          {"warmup_steps", phase.warmup_steps},
          {"sequences", phase.sequences},
          {"tokens", phase.tokens},
          {"memory_bytes_per_rank", json_of_memory(phase.memory)}};
}

}  // namespace

std::string grouped(std::int64_t value) {
  std::string text = std::to_string(value);
  for (std::size_t position = text.size(); position > 3; position -= 3) {
    text.insert(position - 3, ",");
  }
  return text;
}

nlohmann::ordered_json json_of_memory(const MemoryEstimate& memory) {
  return {{"program", memory.program},
          {"weights", memory.weights},
          {"compute_weights", memory.compute_weights},
          {"gradients", memory.gradients},
          {"moments", memory.moments},
          {"residuals", memory.residuals},
          {"activations", memory.activations},
          {"graphs", memory.graphs},
          {"total", memory.total()}};
}

std::string describe_plan(const RunConfig& config, const RunPlan& plan) {
  std::string text =
      "output_dir    " + config.output_dir + "\nprecision     " + enum_name(config.precision) +
      "\nvocabulary    " + grouped(plan.vocab_size) +
      (plan.vocab_size_is_assumed ? " (assumed: taken from the data when there is some)" : "") +
      "\nparameters    " + grouped(plan.parameters) + " in " + grouped(plan.parameter_tensors) +
      " tensors\n";
  for (const PhasePlan& phase : plan.phases) {
    text += describe_phase(phase);
  }
  if (plan.gauge) {
    text += describe_gauge(config.evaluation.squad, *plan.gauge);
  }
  return text + "total\n  steps       " + grouped(plan.steps) + "\n  sequences   " +
         grouped(plan.sequences) + "\n  tokens      " + grouped(plan.tokens) + "\n";
}

std::string describe_plan_as_json(const RunConfig& config, const RunPlan& plan) {
  nlohmann::ordered_json phases = nlohmann::ordered_json::array();
  for (const PhasePlan& phase : plan.phases) {
    phases.push_back(json_of_phase(phase));
  }
  nlohmann::ordered_json report = {{"output_dir", config.output_dir},
                                   {"precision", enum_name(config.precision)},
                                   {"vocab_size", plan.vocab_size},
                                   {"vocab_size_is_assumed", plan.vocab_size_is_assumed},
                                   {"parameters", plan.parameters},
                                   {"parameter_tensors", plan.parameter_tensors},
                                   {"phases", phases},
                                   {"steps", plan.steps},
                                   {"sequences", plan.sequences},
                                   {"tokens", plan.tokens}};
  if (plan.gauge) {
    report["squad_gauge"] = {{"measurements", plan.gauge->measurements},
                             {"memory_bytes_per_rank", json_of_memory(plan.gauge->memory)}};
  }
  return report.dump(2) + "\n";
}

}  // namespace lambert
