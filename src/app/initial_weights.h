// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/file_system.h"
#include "checkpoint/model_import.h"
#include "config/run_config.h"
#include "data/dataset.h"

namespace lambert {

/// The weights that init_from names, after the check that they fit the run: model (vocab_size
/// filled in), vocabulary and casing of the data. Throws ConfigError when they are another model's,
/// DataError when they are damaged or missing.
ModelImport open_initial_weights(const RunConfig& config, const DatasetInfo& dataset,
                                 FileSystem& file_system);

}  // namespace lambert
