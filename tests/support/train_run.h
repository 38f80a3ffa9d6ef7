// SPDX-License-Identifier: Apache-2.0
// One run of the real program on the tiny config, and what it left.
#pragma once

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "support/child_process.h"
#include "support/tiny_config.h"

namespace lambert {

inline std::string content_of(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  EXPECT_TRUE(file.is_open()) << path;
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

inline nlohmann::json json_of(const std::filesystem::path& path) {
  return nlohmann::json::parse(content_of(path), nullptr, false);
}

/// Arguments of `lambert train` for a run of its own directory.
struct TrainRun {
  std::filesystem::path config;
  std::filesystem::path output_dir;
  std::vector<std::string> overrides;

  std::vector<std::string> command(int ranks) const {
    std::vector<std::string> line = {LAMBERT_PROGRAM, "train", config.string(),
                                     "output_dir=" + output_dir.string()};
    line.insert(line.end(), overrides.begin(), overrides.end());
    return on_ranks(ranks, line);
  }
  std::filesystem::path log() const { return output_dir.string() + ".log"; }

  /// Runs it to its end and returns the exit code.
  int run(int ranks) const { return ChildProcess(command(ranks), log()).wait(120); }

  std::vector<nlohmann::json> records() const {
    std::vector<nlohmann::json> all;
    std::ifstream file(output_dir / "metrics.jsonl");
    for (std::string line; std::getline(file, line);) {
      all.push_back(nlohmann::json::parse(line, nullptr, false));
    }
    return all;
  }
  /// Records of steps, without those of evaluations.
  std::vector<nlohmann::json> step_records() const {
    std::vector<nlohmann::json> steps;
    for (const nlohmann::json& record : records()) {
      if (record.contains("loss")) {
        steps.push_back(record);
      }
    }
    return steps;
  }
  std::size_t finished_steps() const {
    return std::filesystem::exists(output_dir / "metrics.jsonl") ? step_records().size() : 0;
  }
};

/// All records without what depends on the clock or the machine.
inline std::vector<nlohmann::json> timeless_records(const TrainRun& run) {
  std::vector<nlohmann::json> all = run.records();
  for (nlohmann::json& record : all) {
    for (const char* key :
         {"sequences_per_second", "tokens_per_second", "step_seconds", "data_wait_seconds",
          "exposed_reduce_seconds", "checkpoint_seconds", "device_memory_gib", "squad_seconds"}) {
      record.erase(key);
    }
  }
  return all;
}

/// Weights, moments, counters and records equal bit for bit.
inline void expect_same_end(const TrainRun& golden, const TrainRun& other,
                            const std::string& checkpoint) {
  for (const char* file : {"model.safetensors", "optimizer.safetensors", "train_state.json"}) {
    EXPECT_TRUE(content_of(golden.output_dir / checkpoint / file) ==
                content_of(other.output_dir / checkpoint / file))
        << file << " differs";
  }
  const std::vector<nlohmann::json> expected = timeless_records(golden);
  const std::vector<nlohmann::json> found = timeless_records(other);
  ASSERT_EQ(expected.size(), found.size());
  for (std::size_t index = 0; index < expected.size(); ++index) {
    EXPECT_EQ(expected[index], found[index]);
  }
}

/// Overrides that make a step slow enough (tens of milliseconds) to be hit by signals.
inline std::vector<std::string> slow_steps() {
  return {"phases[0].global_train_batch_size=64", "phases[0].per_device_train_batch_size=1",
          "phases[1].global_train_batch_size=32", "phases[1].per_device_train_batch_size=1"};
}

/// Waits until the run has recorded this many steps, or ended.
inline void wait_for_steps(ChildProcess& process, const TrainRun& run, std::size_t steps) {
  while (!process.ended() && run.finished_steps() < steps) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
}

}  // namespace lambert
