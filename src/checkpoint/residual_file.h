// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "checkpoint/safetensors.h"

namespace lambert {

/// "<parameter>.residual.<rank>": a rank's residual in the file.
std::string residual_name(const std::string& parameter, int rank);

/// Fills the residuals of one rank, named as the parameters, from a verified checkpoint. On as many
/// ranks as wrote it, each gets its own; on another number rank 0 gets the sum of all of them, for
/// only the sum matters to the gradient, and the others zero. Returns how many ranks wrote it; 0
/// when it has none, and all are zero. Throws CheckpointError.
int load_residuals(const std::filesystem::path& checkpoint, int rank, int rank_count,
                   const std::vector<NamedTensor>& residuals);

}  // namespace lambert
