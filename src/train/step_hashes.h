// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "comm/communicator.h"
#include "config/run_config.h"
#include "data/batch.h"

namespace lambert {

struct DropoutStream;

/// Hashes of what a step is made of, over all ranks. They do not depend on how samples are dealt to
/// ranks and micro-batches.
struct StepHashes {
  std::string samples;  // sample numbers, lengths, segments, next-sentence labels
  std::string masks;    // masked input ids, masked positions and labels
  std::string dropout;  // the first 128 multipliers of every dropout site, of every sample
};

/// Every rank calls it with its own micro-batches; all get the same result.
StepHashes hash_step(Communicator& communicator, const StepBatch& batch,
                     const DropoutStream& dropout, const ModelConfig& model);

}  // namespace lambert
