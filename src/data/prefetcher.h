// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>

#include "data/batch.h"
#include "data/batch_stream.h"

namespace lambert {

/// Reads steps ahead on a thread of its own (bounded queue of two). An exception of the thread is
/// rethrown by next().
class Prefetcher {
 public:
  /// Steps first_step ... end_step - 1.
  Prefetcher(BatchStream stream, std::int64_t first_step, std::int64_t end_step);
  ~Prefetcher();
  StepBatch next();
  /// Seconds the last next() waited for data.
  double last_wait_seconds() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace lambert
