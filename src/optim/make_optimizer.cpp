// SPDX-License-Identifier: Apache-2.0
#include "optim/lamb.h"
#include "optim/lars.h"

namespace lambert {

// AdamW (Loshchilov and Hutter 2019), and Google's Adam of BERT with bias_correction off, are
// LAMB's step with every trust ratio 1: parameter_treatment.cpp adapts nothing then.
std::unique_ptr<Optimizer> make_optimizer(const OptimizerConfig& config,
                                          const std::vector<NamedParameter>& parameters,
                                          ShardedParameters* sharded) {
  if (config.name == OptimizerName::lars) {
    return std::make_unique<Lars>(config, parameters, sharded);
  }
  return std::make_unique<Lamb>(config, parameters, sharded);
}

}  // namespace lambert
