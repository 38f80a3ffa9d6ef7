// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace lambert {

/// Named figures of one evaluation, in the order in which they are printed.
using EvaluationResult = std::vector<std::pair<std::string, double>>;

/// Something that measures the current weights and leaves everything of the run as it was. Runs on
/// all ranks at the same step.
class Evaluation {
 public:
  virtual ~Evaluation() = default;
  /// What the run is doing meanwhile, for failure.json.
  virtual const char* work() const = 0;
  /// A figure of every result that no other evaluation has: it marks the records in metrics.jsonl.
  virtual const char* figure() const = 0;
  /// The same figures on every rank, times aside; none when a request to stop came first.
  virtual EvaluationResult run() = 0;
};

/// An evaluation and its schedule: every so many steps, and at the end of every phase.
struct ScheduledEvaluation {
  std::unique_ptr<Evaluation> evaluation;
  std::int64_t every_steps = 0;
};

}  // namespace lambert
