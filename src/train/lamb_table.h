// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "kernels/tensor_update.h"

namespace lambert {

class Optimizer;

/// One tensor's row: its norms in the last step, and how often its trust ratio met a clamp.
struct LambTableRow {
  std::string name;
  TensorUpdate last;
  std::int64_t clamp_hits = 0;  // of the steps of the record
};

/// One record of lamb.jsonl: steps since the previous one.
struct LambTableRecord {
  std::int64_t steps = 0;
  std::vector<LambTableRow> rows;  // in parameter order
};

/// Collects what the optimizer did to each tensor between two records.
class LambTable {
 public:
  /// After every step that was applied.
  void add(const Optimizer& optimizer);
  /// The record since the last call; starts anew.
  LambTableRecord take();

 private:
  LambTableRecord record_;
};

}  // namespace lambert
