// SPDX-License-Identifier: Apache-2.0
#include "app/plan_report.h"

#include <array>
#include <cstdio>

#include <nlohmann/json.hpp>

#include "app/check_report.h"

namespace lambert {
namespace {

template <typename... Values>
std::string format(const char* pattern, Values... values) {
  std::array<char, 256> text{};
  std::snprintf(text.data(), text.size(), pattern, values...);
  return text.data();
}

double gibibytes(std::int64_t bytes) {
  return static_cast<double>(bytes) / (1024.0 * 1024.0 * 1024.0);
}

/// 0.0312 -> 31.2 ms, 27.3 -> 27.3 s.
std::string duration(double seconds) {
  return seconds < 1.0 ? format("%.3g ms", 1e3 * seconds) : format("%.4g s", seconds);
}

std::string describe_memory(const PhaseForecast& phase, const Machine& machine) {
  const MemoryEstimate& memory = phase.memory;
  std::string text =
      format("%.1f of %.1f GiB per GPU (reserved %.1f, weights %.1f, gradients %.1f, moments %.1f",
             gibibytes(memory.total()), machine.memory_bytes / (1024.0 * 1024.0 * 1024.0),
             gibibytes(memory.program), gibibytes(memory.weights + memory.compute_weights),
             gibibytes(memory.gradients), gibibytes(memory.moments));
  if (memory.residuals > 0) {
    text += format(", residuals %.1f", gibibytes(memory.residuals));
  }
  text += format(", activations %.1f", gibibytes(memory.activations));
  return text + (memory.graphs > 0 ? format(", graphs %.1f)", gibibytes(memory.graphs)) : ")");
}

std::string describe_cost(const StepCost& cost) {
  return duration(cost.seconds()) + ": products " + duration(cost.products) + ", attention " +
         duration(cost.attention) + ", memory-bound " + duration(cost.memory) +
         ",\n              " + "gradients " + duration(cost.gradients) + ", input " +
         duration(cost.input) + ", exposed all-reduce " + duration(cost.exposed_reduction) +
         " of " + duration(cost.reduction) + ",\n              optimizer " +
         duration(cost.optimizer) + ", overhead " + duration(cost.overhead);
}

std::string describe_phase(const PhaseForecast& phase, const ClusterPlan& plan) {
  const auto gpus = static_cast<double>(plan.cluster.gpus);
  std::string text = "phase " + phase.name + "\n  batch       micro-batch " +
                     grouped(phase.shape.micro_batch) + " x accumulation " +
                     grouped(phase.shape.accumulation) + " x GPUs " + grouped(phase.shape.ranks) +
                     " = " + grouped(phase.shape.global_batch()) + " sequences of " +
                     format("%.4g", phase.mean_length) + " tokens\n";
  if (phase.reduced_from > 0) {
    text += "              micro-batch reduced from " + grouped(phase.reduced_from) +
            ", which does not fit: set per_device_train_batch_size=" +
            std::to_string(phase.shape.micro_batch) + "\n";
  }
  return text + "  memory      " + describe_memory(phase, plan.machine) + "\n  step        " +
         describe_cost(phase.cost) + "\n  rate        " +
         grouped(static_cast<std::int64_t>(phase.sequences_per_second)) + " sequences/s, " +
         format("%.4g per GPU, %.0f %% of the peak", phase.sequences_per_second / gpus,
                100.0 * phase.peak_share) +
         "\n  efficiency  " + format("%.1f %% of one GPU's rate times ", 100.0 * phase.efficiency) +
         grouped(plan.cluster.gpus) + "\n  time        " + grouped(phase.steps) + " steps, " +
         format("%.4g hours, %.4g GPU-hours\n", phase.hours(), phase.hours() * gpus);
}

nlohmann::ordered_json json_of_cost(const StepCost& cost) {
  return {{"products", cost.products},   {"attention", cost.attention},
          {"memory_bound", cost.memory}, {"gradients", cost.gradients},
          {"input", cost.input},         {"exposed_all_reduce", cost.exposed_reduction},
          {"optimizer", cost.optimizer}, {"overhead", cost.overhead}};
}

nlohmann::ordered_json json_of_phase(const PhaseForecast& phase, const ClusterPlan& plan) {
  const auto gpus = static_cast<double>(plan.cluster.gpus);
  nlohmann::ordered_json reduced_from = nullptr;
  if (phase.reduced_from > 0) {
    reduced_from = phase.reduced_from;
  }
  return {{"name", phase.name},
          {"micro_batch", phase.shape.micro_batch},
          {"micro_batch_reduced_from", reduced_from},
          {"accumulation", phase.shape.accumulation},
          {"global_batch", phase.shape.global_batch()},
          {"mean_length", phase.mean_length},
          {"steps", phase.steps},
          {"memory_bytes_per_gpu", json_of_memory(phase.memory)},
          {"step_seconds", phase.cost.seconds()},
          {"step_seconds_of", json_of_cost(phase.cost)},
          {"all_reduce_seconds", phase.cost.reduction},
          {"sequences_per_second", phase.sequences_per_second},
          {"sequences_per_second_per_gpu", phase.sequences_per_second / gpus},
          {"peak_share", phase.peak_share},
          {"efficiency", phase.efficiency},
          {"hours", phase.hours()},
          {"gpu_hours", phase.hours() * gpus}};
}

}  // namespace

std::string describe_cluster_plan(const ClusterPlan& plan) {
  const Machine& machine = plan.machine;
  std::string text = "program       " + plan.software.name + ": " + plan.software.description +
                     "\ncluster       " + grouped(plan.cluster.gpus) + " x " + machine.name + ", " +
                     grouped(plan.cluster.gpus_per_node) + " per node, " +
                     format("%.4g Gbit/s per GPU between nodes", plan.cluster.network_gigabits) +
                     "\nmachine       " +
                     format("%.4g TFLOP/s, %.4g GB/s, %.4g GB, link %.4g GB/s one way",
                            plan.peak / 1e12, machine.memory_bandwidth / 1e9,
                            machine.memory_bytes / 1e9, machine.link_bandwidth / 1e9) +
                     " (" + machine.source + ")\nproducts      " +
                     format("%.3g %% of the peak (", 100.0 * plan.matmul_share.share) +
                     plan.matmul_share.source + ")\nparameters    " + grouped(plan.parameters) +
                     "\n";
  for (const PhaseForecast& phase : plan.phases) {
    text += describe_phase(phase, plan);
  }
  text +=
      format("total\n  time        %.4g hours, %.4g GPU-hours\n", plan.hours(), plan.gpu_hours());
  for (const std::string& note : plan.notes) {
    text += "note: " + note + "\n";
  }
  return text;
}

std::string describe_cluster_plan_as_json(const ClusterPlan& plan) {
  nlohmann::ordered_json phases = nlohmann::ordered_json::array();
  for (const PhaseForecast& phase : plan.phases) {
    phases.push_back(json_of_phase(phase, plan));
  }
  const nlohmann::ordered_json report = {
      {"software", plan.software.name},
      {"software_source", plan.software.source},
      {"gpu", plan.machine.name},
      {"gpu_source", plan.machine.source},
      {"gpus", plan.cluster.gpus},
      {"gpus_per_node", plan.cluster.gpus_per_node},
      {"network_gigabits_per_gpu", plan.cluster.network_gigabits},
      {"peak_flops_per_gpu", plan.peak},
      {"matmul_share", plan.matmul_share.share},
      {"matmul_share_source", plan.matmul_share.source},
      {"parameters", plan.parameters},
      {"phases", phases},
      {"hours", plan.hours()},
      {"gpu_hours", plan.gpu_hours()},
      {"notes", plan.notes}};
  return report.dump(2) + "\n";
}

}  // namespace lambert
