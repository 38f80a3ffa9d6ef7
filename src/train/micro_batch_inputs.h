// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "data/batch.h"
#include "model/model_inputs.h"

namespace lambert {

/// Host vectors to tensors; the tensors own copies.
ModelInputs to_model_inputs(const Batch& batch, const DropoutStream& dropout);

}  // namespace lambert
