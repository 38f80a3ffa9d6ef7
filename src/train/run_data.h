// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "config/run_config.h"
#include "data/dataset.h"

namespace lambert {

/// Reads the index of every folder that the config names, checks that all come from one vocabulary, and fills
/// model.vocab_size. Returns the index of the first phase's folder. Throws DataError, ConfigError.
DatasetInfo resolve_run_data(RunConfig& config);

}  // namespace lambert
