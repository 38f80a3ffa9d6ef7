// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace lambert {

/// Named figures of one evaluation, in the order in which they are printed.
using EvaluationResult = std::vector<std::pair<std::string, double>>;

/// Something that measures the current weights. The trainer runs it on all ranks every eval_steps
/// and at the end of every phase; run() returns the same figures on every rank and leaves the
/// weights alone.
class Evaluation {
 public:
  virtual ~Evaluation() = default;
  virtual EvaluationResult run() = 0;
};

}  // namespace lambert
