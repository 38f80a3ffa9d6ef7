// SPDX-License-Identifier: Apache-2.0
#include "cluster/cluster_plan.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

#include "base/error.h"

namespace lambert {
namespace {

constexpr double kGigabit = 1e9 / 8.0;  // bytes

std::string rounded(double value) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.6g", value);
  return text.data();
}

void check_cluster(const RunConfig& config, const Cluster& cluster) {
  const std::string what = "planning a cluster: ";
  if (cluster.gpus < 1 || cluster.gpus_per_node < 1) {
    throw ConfigError(what + "--gpus is " + std::to_string(cluster.gpus) + ", --gpus-per-node is " +
                      std::to_string(cluster.gpus_per_node) + "; give numbers of at least 1");
  }
  if (cluster.gpus > cluster.gpus_per_node && cluster.gpus % cluster.gpus_per_node != 0) {
    throw ConfigError(what + "--gpus " + std::to_string(cluster.gpus) +
                      " is not a multiple of --gpus-per-node " +
                      std::to_string(cluster.gpus_per_node) + "; plan whole nodes");
  }
  if (!std::isfinite(cluster.network_gigabits) || cluster.network_gigabits < 0.0) {
    throw ConfigError(what + "--network is " + rounded(cluster.network_gigabits) +
                      "; give Gbit/s per GPU, above 0");
  }
  if (!cluster.mean_lengths.empty() && cluster.mean_lengths.size() != config.phases.size()) {
    throw ConfigError(what + "--mean-length has " + std::to_string(cluster.mean_lengths.size()) +
                      " numbers for " + std::to_string(config.phases.size()) +
                      " phases; give one for each phase, separated by commas");
  }
  for (std::size_t index = 0; index < cluster.mean_lengths.size(); ++index) {
    const auto longest = static_cast<double>(config.phases[index].max_seq_length);
    const double mean = cluster.mean_lengths[index];
    if (!(mean >= 1.0 && mean <= longest)) {
      throw ConfigError(what + "--mean-length of phase " + config.phases[index].name + " is " +
                        rounded(mean) + "; give 1 to its max_seq_length, " + rounded(longest));
    }
  }
}

/// What a GPU holds: as check says of a rank, with the driver's and libraries' share instead of the
/// program's.
MemoryEstimate gpu_memory(const RunConfig& config, const PhaseConfig& phase,
                          std::int64_t micro_batch, std::int64_t gpus) {
  RunConfig on_gpu = config;
  on_gpu.device = DeviceKind::cuda;
  MemoryEstimate memory = estimate_memory(on_gpu, phase, micro_batch, gpus);
  const auto reserved = static_cast<std::int64_t>(shared_constants().reserved_memory_bytes);
  if (memory.before_sharding > 0) {
    memory.before_sharding += reserved - memory.program;
  }
  memory.program = reserved;
  return memory;
}

double usable_bytes(const Machine& machine) {
  return shared_constants().usable_memory_share * machine.memory_bytes;
}

/// The largest divisor of share, not above the configuration's bound, whose micro-batch fits; 0
/// when none does.
std::int64_t fitting_micro_batch(const RunConfig& config, const PhaseConfig& phase,
                                 std::int64_t share, std::int64_t gpus, const Machine& machine) {
  for (std::int64_t size = std::min(phase.per_device_train_batch_size, share); size > 0; --size) {
    if (share % size == 0 && static_cast<double>(gpu_memory(config, phase, size, gpus).total()) <=
                                 usable_bytes(machine)) {
      return size;
    }
  }
  return 0;
}

[[noreturn]] void throw_does_not_fit(const RunConfig& config, const PhaseConfig& phase,
                                     const Machine& machine, std::int64_t gpus) {
  const double needed = static_cast<double>(gpu_memory(config, phase, 1, gpus).total());
  throw ConfigError("planning phase " + phase.name + ": one sequence at a time takes " +
                    rounded(needed / 1e9) + " GB, and of the " +
                    rounded(machine.memory_bytes / 1e9) + " GB of --gpu " + machine.name + ", " +
                    rounded(usable_bytes(machine) / 1e9) +
                    " can be used; choose a larger GPU, or set "
                    "communication.sharded_optimizer=true or gradient_checkpointing=true");
}

DeviceRates rates_of(const ClusterPlan& plan) {
  const SharedConstants& constants = shared_constants();
  return {plan.peak * plan.matmul_share.share, constants.half_rate_tokens,
          plan.machine.memory_bandwidth * constants.memory_share};
}

Interconnect interconnect_of(const ClusterPlan& plan, std::int64_t gpus) {
  const SharedConstants& constants = shared_constants();
  return {gpus,
          plan.cluster.gpus_per_node,
          plan.machine.link_bandwidth * constants.link_share,
          plan.cluster.network_gigabits * kGigabit * constants.network_share,
          constants.link_hop_seconds,
          constants.network_hop_seconds};
}

StepWork step_work(const RunConfig& config, const PhaseConfig& phase, const ClusterPlan& plan,
                   const StepShape& shape, double mean_length) {
  const double masked = std::min(static_cast<double>(phase.max_predictions_per_seq),
                                 phase.masked_lm_prob * mean_length);
  StepWork work = step_work_of(config, shape.ranks);
  work.micro_batch = mean_workload(static_cast<double>(shape.micro_batch), mean_length,
                                   static_cast<double>(phase.max_seq_length), masked);
  work.accumulation = static_cast<double>(shape.accumulation);
  if (plan.software.wire_bytes > 0.0) {
    work.wire_bytes = plan.software.wire_bytes;
  }
  return work;
}

PhaseForecast forecast(const RunConfig& config, const PhaseConfig& phase, const ClusterPlan& plan,
                       double mean_length) {
  const std::int64_t gpus = plan.cluster.gpus;
  PhaseForecast result;
  result.name = phase.name;
  result.steps = phase.max_steps;
  result.mean_length = mean_length;
  result.shape = derive_step_shape(phase, gpus, config.communication.reduction);
  const std::int64_t share = phase.global_train_batch_size / gpus;
  const std::int64_t micro_batch = fitting_micro_batch(config, phase, share, gpus, plan.machine);
  if (micro_batch == 0) {
    throw_does_not_fit(config, phase, plan.machine, gpus);
  }
  if (micro_batch < result.shape.micro_batch) {
    result.reduced_from = result.shape.micro_batch;
    result.shape = {micro_batch, share / micro_batch, gpus};
  }
  result.memory = gpu_memory(config, phase, micro_batch, gpus);
  const DeviceRates rates = rates_of(plan);
  const StepWork work = step_work(config, phase, plan, result.shape, mean_length);
  result.cost = predict_step(work, plan.software, rates, interconnect_of(plan, gpus));
  const auto batch = static_cast<double>(phase.global_train_batch_size);
  result.sequences_per_second = batch / result.cost.seconds();
  const double operations =
      model_operations(config.model, work.micro_batch) * work.accumulation;  // of one GPU
  result.peak_share = operations / result.cost.seconds() / plan.peak;

  const std::int64_t alone_size =
      fitting_micro_batch(config, phase, phase.global_train_batch_size, gpus, plan.machine);
  const StepShape alone{alone_size, phase.global_train_batch_size / alone_size, 1};
  const StepCost alone_cost = predict_step(step_work(config, phase, plan, alone, mean_length),
                                           plan.software, rates, interconnect_of(plan, 1));
  result.efficiency = alone_cost.seconds() / (static_cast<double>(gpus) * result.cost.seconds());
  return result;
}

std::vector<std::string> notes_on(const RunConfig& config, const ClusterPlan& plan) {
  std::vector<std::string> notes;
  if (plan.software.name == "lambert") {
    notes.emplace_back("prediction: Lambert has not been measured on a GPU");
  } else {
    notes.push_back("another program: " + plan.software.description +
                    "; memory is that of Lambert's layout");
  }
  if (plan.machine.name == "tpuv3") {
    notes.emplace_back("Lambert does not run on a TPU; for comparison only");
  }
  if (!plan.machine.has_bfloat16 && config.precision == Precision::bf16) {
    notes.push_back(plan.machine.name +
                    " has no bf16 units: its fp16 rate stands in; choose precision=fp16");
  }
  if (plan.cluster.mean_lengths.empty()) {
    notes.emplace_back(
        "every sequence counts with max_seq_length tokens; real text has fewer, "
        "see --mean-length");
  }
  return notes;
}

}  // namespace

double ClusterPlan::hours() const {
  double sum = 0.0;
  for (const PhaseForecast& phase : phases) {
    sum += phase.hours();
  }
  return sum;
}

Workload mean_workload(double sequences, double mean_length, double longest, double masked) {
  const double spread = std::max(0.0, std::min(mean_length, longest - mean_length));
  Workload work = workload_of(sequences, mean_length, masked);
  work.token_pairs += sequences * spread * spread / 3.0;  // the variance of an even distribution
  return work;
}

ClusterPlan plan_cluster(const RunConfig& config, const Cluster& cluster) {
  check_cluster(config, cluster);
  RunConfig sized = config;  // with a vocabulary
  if (sized.model.vocab_size == 0) {
    sized.model.vocab_size = kPublishedVocabSize;
  }
  ClusterPlan plan;
  plan.cluster = cluster;
  plan.machine = find_machine(cluster.gpu);
  plan.software = find_software(cluster.software);
  plan.matmul_share = matmul_share_of(plan.software, plan.machine);
  plan.peak = peak_of(plan.machine, sized.precision);
  plan.parameters = parameter_count(sized.model);
  if (plan.cluster.network_gigabits == 0.0) {
    plan.cluster.network_gigabits = plan.machine.network_gigabits;
  }
  for (std::size_t index = 0; index < sized.phases.size(); ++index) {
    const PhaseConfig& phase = sized.phases[index];
    const double mean = cluster.mean_lengths.empty() ? static_cast<double>(phase.max_seq_length)
                                                     : cluster.mean_lengths[index];
    plan.phases.push_back(forecast(sized, phase, plan, mean));
  }
  plan.notes = notes_on(sized, plan);
  return plan;
}

}  // namespace lambert
