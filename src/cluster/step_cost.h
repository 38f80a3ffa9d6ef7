// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "cluster/constants.h"
#include "cluster/model_work.h"
#include "config/run_config.h"

namespace lambert {

/// What one rank reaches: of a datasheet, or measured.
struct DeviceRates {
  double matmul = 0.0;            // operations per second, large products
  double half_rate_tokens = 0.0;  // micro-batch at which products reach half of that
  double memory = 0.0;            // bytes per second
};

/// How the ranks reach each other. Bandwidths as a collective reaches them, one direction, of one
/// rank, in bytes per second.
struct Interconnect {
  std::int64_t ranks = 1;
  std::int64_t ranks_per_node = 1;  // divides ranks, or is not below them
  double link = 0.0;                // inside the node
  double network = 0.0;             // between nodes
  double link_hop_seconds = 0.0;
  double network_hop_seconds = 0.0;
};

/// A pipelined ring through all ranks, all network adapters of a node at once: the slower of links
/// and network carries 2 (n - 1) / n of the bytes. Every one of `pieces` also waits for the hops:
/// a ring inside the node, a tree between nodes.
double all_reduce_seconds(const Interconnect& interconnect, double bytes, double pieces);

/// One step of one rank.
struct StepWork {
  ModelConfig model;     // with vocab_size
  Workload micro_batch;  // of one forward and backward pass of this rank
  double accumulation = 1.0;
  double parameters = 0.0;
  double element_bytes = 2.0;  // of activations
  double wire_bytes = 4.0;     // of a gradient element
  double weight_bytes = 2.0;   // of an updated weight, sent to the others by a sharded optimizer
  double bucket_bytes = 0.0;   // fp32 gradients
  bool shards_optimizer = false;
};

/// What the configuration says about a step on so many ranks. vocab_size must be set; micro_batch
/// and accumulation are the caller's.
StepWork step_work_of(const RunConfig& config, std::int64_t ranks);

/// Seconds of a step, of all micro-batches; their sum is the step.
struct StepCost {
  double products = 0.0;   // with weights
  double attention = 0.0;  // its products
  double memory = 0.0;     // everything between the products
  double gradients = 0.0;  // adding up, and casts of weights
  double input = 0.0;
  double exposed_reduction = 0.0;  // what no computation hides, all-gather included
  double optimizer = 0.0;
  double overhead = 0.0;
  double reduction = 0.0;  // not in the sum: all of it, hidden or not
  double seconds() const {
    return products + attention + memory + gradients + input + exposed_reduction + optimizer +
           overhead;
  }
};

StepCost predict_step(const StepWork& work, const Software& software, const DeviceRates& rates,
                      const Interconnect& interconnect);

}  // namespace lambert
