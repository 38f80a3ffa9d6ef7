// SPDX-License-Identifier: Apache-2.0
// A run of two phases and 40 steps that takes seconds; link lambert_data.
#pragma once

#include <filesystem>
#include <fstream>
#include <string>

#include "support/tiny_dataset.h"

namespace lambert {

/// Makes data folders (lengths 16 and 32) and config.yaml in `folder`; returns the config. The
/// run's output_dir is folder/run unless overridden. Dropout is on, so that resume and rank counts
/// test its streams.
inline std::filesystem::path make_tiny_run(const std::filesystem::path& folder) {
  make_tiny_dataset(folder / "data16", 200, 16, 64, 1);
  make_tiny_dataset(folder / "data32", 120, 32, 64, 2);
  make_tiny_dataset(folder / "held_out", 50, 32, 64, 3);
  const std::filesystem::path path = folder / "config.yaml";
  const std::string root = folder.string();
  std::ofstream(path) << "output_dir: " << root << "/run\n"
                      << R"(seed: 7
model: {hidden_size: 32, num_hidden_layers: 2, num_attention_heads: 2, intermediate_size: 64,
        max_position_embeddings: 32}
phases:
  - {name: short, data: )"
                      << root << R"(/data16, max_seq_length: 16, max_predictions_per_seq: 3,
     global_train_batch_size: 16, per_device_train_batch_size: 4, max_steps: 24, learning_rate: 2.0e-2, warmup_steps: 4}
  - {name: long, data: )"
                      << root << R"(/data32, max_seq_length: 32, max_predictions_per_seq: 5,
     global_train_batch_size: 8, per_device_train_batch_size: 2, max_steps: 16, learning_rate: 1.0e-2, warmup_steps: 2}
evaluation: {data: )" << root
                      << R"(/held_out, eval_steps: 10, per_device_eval_batch_size: 8}
checkpoint: {save_steps: 10, save_total_limit: 0}
communication: {bucket_megabytes: 0.02, timeout_seconds: 20}
logging: {logging_steps: 5, log_sample_hashes: true}
threads_per_rank: 1
)";
  return path;
}

}  // namespace lambert
