// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "config/run_config.h"
#include "data/dataset.h"

namespace lambert {

/// What the folders of a configuration have in common.
struct DataCheck {
  std::int64_t vocab_size = 0;
  std::vector<DatasetInfo> phases;  // one per phase
};

/// Reads the index of every data folder (not the shards) and compares it with the configuration.
/// Throws DataError for a folder that is missing, malformed, too small or unlike the others,
/// ConfigError for a setting that disagrees.
DataCheck check_data_folders(const RunConfig& config);

}  // namespace lambert
