// SPDX-License-Identifier: Apache-2.0
// Every constant of the cluster on paper, with its source: what machines can do (datasheets), and
// which part of it programs reach. docs/results/scaling.md compares the outcome with published
// runs.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "config/run_config.h"

namespace lambert {

/// One accelerator of its datasheet; a GPU, or a TPU chip.
struct Machine {
  std::string name;
  double half_peak = 0.0;         // dense fp16 or bf16 operations per second
  double single_peak = 0.0;       // fp32 without tensor cores; 0: not published
  double memory_bandwidth = 0.0;  // bytes per second
  double memory_bytes = 0.0;
  double link_bandwidth = 0.0;    // to its neighbours in the node, one direction, bytes per second
  double network_gigabits = 0.0;  // per GPU between nodes, of the maker's own systems
  bool has_bfloat16 = true;
  std::string source;
};

/// The part of a machine's peak that a program's large products reach, on one machine.
struct MatmulShare {
  std::string machine;  // empty: every machine
  double share = 0.0;
  std::string source;  // the one published figure that it was fitted on, or why it is believed
};

/// What a program makes of a machine.
struct Software {
  std::string name;
  std::string description;
  std::string source;
  // Memory traffic outside of the layers' products, forward and backward.
  double vectors_per_layer = 0.0;  // hidden vectors read or written, per token and layer
  double score_passes = 0.0;       // reads or writes of (heads, S, S) per layer; 0: never in memory
  double logit_passes = 0.0;       // reads or writes of the logits
  double micro_batch_bytes = 0.0;  // per parameter and micro-batch: casts, adding up gradients
  double optimizer_bytes = 0.0;    // per parameter and step: LAMB
  bool heads_on_every_token = false;  // the MLM head also runs on tokens that are not masked
  double attention_share = 0.0;       // rate of attention's products over that of large products
  double wire_bytes = 0.0;            // per gradient element; 0: as the configuration says
  bool overlaps_reduction = false;    // with the backward pass of the last micro-batch
  double input_share = 0.0;           // of the step, waiting for data
  double step_overhead_seconds = 0.0;
  std::vector<MatmulShare> matmul_shares;
};

/// Of every program and machine.
struct SharedConstants {
  double half_rate_tokens = 0.0;  // micro-batch at which products reach half of their rate
  double memory_share = 0.0;      // of the memory bandwidth
  double link_share = 0.0;        // of the link inside the node, by a collective
  double network_share = 0.0;     // of the network, by a collective
  double link_hop_seconds = 0.0;
  double network_hop_seconds = 0.0;
  double reserved_memory_bytes = 0.0;  // driver, libraries, collective buffers
  double usable_memory_share = 0.0;    // the rest is lost between blocks
};

const std::vector<Machine>& machines();
const std::vector<Software>& softwares();
const SharedConstants& shared_constants();

/// Throw ConfigError that lists the names.
const Machine& find_machine(const std::string& name);
const Software& find_software(const std::string& name);
/// Throws ConfigError when nobody published a figure for this program on this machine.
const MatmulShare& matmul_share_of(const Software& software, const Machine& machine);
/// Operations per second in this precision. Throws ConfigError when none are published.
double peak_of(const Machine& machine, Precision precision);

}  // namespace lambert
