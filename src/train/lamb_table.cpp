// SPDX-License-Identifier: Apache-2.0
#include "train/lamb_table.h"

#include <utility>

#include "optim/optimizer.h"

namespace lambert {

void LambTable::add(const Optimizer& optimizer) {
  const std::vector<TensorUpdate>& updates = optimizer.last_updates();
  record_.rows.resize(updates.size());
  ++record_.steps;
  for (std::size_t index = 0; index < updates.size(); ++index) {
    LambTableRow& row = record_.rows[index];
    row.name = optimizer.treatments()[index].name;
    row.last = updates[index];
    row.clamp_hits += updates[index].is_clamped ? 1 : 0;
  }
}

LambTableRecord LambTable::take() {
  return std::exchange(record_, {});
}

}  // namespace lambert
