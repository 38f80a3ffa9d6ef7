// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "config/run_config.h"
#include "model/model_inputs.h"

namespace lambert {

/// The kernels trust ids and shapes, so a micro-batch is checked once, here. Throws DataError for
/// values outside the model's tables, InternalError for wrong shapes or types.
void check_inputs(const ModelConfig& config, const EncoderInputs& inputs);
void check_inputs(const ModelConfig& config, const ModelInputs& inputs);
void check_inputs(const ModelConfig& config, const QuestionAnsweringInputs& inputs);

}  // namespace lambert
