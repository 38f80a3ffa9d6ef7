// SPDX-License-Identifier: Apache-2.0
// The residuals of error feedback in a checkpoint.
#pragma once

#include <vector>

#include "checkpoint/safetensors.h"
#include "comm/communicator.h"
#include "gradients/gradient_reducer.h"

namespace lambert {

/// This rank's, named as the parameters.
std::vector<NamedTensor> own_residuals(const GradientReducer& reducer,
                                       const std::vector<NamedParameter>& parameters);

/// Every rank's, under their names in the file; rank 0 gets the others' one by one when it writes.
std::vector<NamedTensor> bind_residuals(Communicator& communicator,
                                        const std::vector<NamedTensor>& own);

}  // namespace lambert
