// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>

#include "comm/communicator.h"
#include "config/run_config.h"
#include "ops/weight_products.h"

namespace lambert {

/// With pack_weights: rank 0 measures the products of every kind of encoder matrix, and all ranks
/// take its choice. row_count: tokens of a micro-batch; uses: micro-batches of a rank in a step.
/// Logged for --verbose.
std::map<MatrixShape, ProductForms> choose_products(const RunConfig& config, std::int64_t row_count,
                                                    std::int64_t uses, Communicator& communicator);

}  // namespace lambert
