// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>

#include "config/run_config.h"
#include "config/step_shape.h"
#include "data/batch.h"
#include "data/dataset.h"

namespace lambert {

/// Step number in, this rank's StepBatch out: a pure function of (config, seed, phase, step, rank
/// shape). Sample number g = step * global_batch + i of a phase is example permutation(epoch = g /
/// examples, g % examples); its masks come from the stream (seed, masking, phase, g). The samples
/// of a step are dealt to micro-batches of equal sequence count and nearly even token count, and
/// whole micro-batches to ranks in the same way. Holds no position. Thread: one at a time.
class BatchStream {
 public:
  /// Opens the folder and checks it: fingerprint, lengths, ids. Throws DataError.
  BatchStream(const PhaseConfig& phase, std::int64_t phase_index, std::uint64_t seed,
              const StepShape& shape, int rank);
  ~BatchStream();
  BatchStream(BatchStream&&) noexcept;

  StepBatch read_step(std::int64_t step_in_phase);
  const DatasetInfo& dataset() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// Held-out batches: examples first_example ... of the folder in stored order, masks from the
/// stream (seed, masking, example): the same in every run of the same seed. Throws DataError.
class EvaluationStream {
 public:
  EvaluationStream(const EvaluationConfig& evaluation, std::uint64_t seed);
  ~EvaluationStream();
  const DatasetInfo& dataset() const;
  std::int64_t sample_count() const;  // min(max_eval_samples, examples)
  /// Examples [first, first + count) as one batch.
  Batch read(std::int64_t first, std::int64_t count);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace lambert
