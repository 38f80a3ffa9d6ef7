// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "comm/communicator.h"
#include "gradients/gradient_buckets.h"

namespace lambert {

/// Throws DivergenceError when the ranks' weights differ in any bit, naming the ranks that differ,
/// or when a weight is not finite, naming the tensor. Reads every weight once.
void check_replicas(Communicator& communicator, const std::vector<NamedParameter>& parameters);

}  // namespace lambert
