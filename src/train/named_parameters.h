// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "gradients/gradient_buckets.h"
#include "model/bert_for_pretraining.h"

namespace lambert {

/// The network's parameters as buckets and optimizers take them; the tensors are shared.
std::vector<NamedParameter> named_parameters(const BertForPreTraining& model);

}  // namespace lambert
