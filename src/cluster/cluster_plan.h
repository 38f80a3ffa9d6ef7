// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "cluster/constants.h"
#include "cluster/step_cost.h"
#include "config/model_size.h"
#include "config/run_config.h"
#include "config/step_shape.h"

namespace lambert {

/// The cluster that a run is planned for.
struct Cluster {
  std::string gpu = "h100";  // a machine of constants.h
  std::int64_t gpus = 8;
  std::int64_t gpus_per_node = 8;
  double network_gigabits = 0.0;  // per GPU between nodes; 0: as in the maker's systems
  std::string software = "lambert";
  /// Mean tokens of a sequence, one for each phase; empty: every sequence has max_seq_length.
  /// Lengths are taken to be spread evenly around the mean.
  std::vector<double> mean_lengths = {};
};

struct PhaseForecast {
  std::string name;
  StepShape shape;
  std::int64_t reduced_from = 0;  // the micro-batch before memory made it smaller; 0: it did not
  std::int64_t steps = 0;
  double mean_length = 0.0;
  MemoryEstimate memory;  // of a GPU; program: what is reserved
  StepCost cost;
  double sequences_per_second = 0.0;  // of the cluster
  double peak_share = 0.0;            // operations that the model needs over the peak (MFU)
  double efficiency = 0.0;  // against as many times one GPU that accumulates the whole batch
  double hours() const { return static_cast<double>(steps) * cost.seconds() / 3600.0; }
};

struct ClusterPlan {
  Cluster cluster;  // with the network that was used
  Machine machine;
  Software software;
  MatmulShare matmul_share;
  double peak = 0.0;  // operations per second, in the run's precision
  std::int64_t parameters = 0;
  std::vector<PhaseForecast> phases;
  std::vector<std::string> notes;  // what the reader must know about the figures
  double hours() const;
  double gpu_hours() const { return hours() * static_cast<double>(cluster.gpus); }
};

/// Sums and squares of lengths spread evenly around the mean, between 0 and longest.
Workload mean_workload(double sequences, double mean_length, double longest, double masked);

/// Throws ConfigError: unknown names, a batch that cannot be divided, a model that does not fit.
ClusterPlan plan_cluster(const RunConfig& config, const Cluster& cluster);

}  // namespace lambert
