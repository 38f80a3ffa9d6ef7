// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "app/commands.h"
#include "config/run_config.h"

namespace lambert {

/// The published size that the options name, as a run of one phase; vocabulary of 30,522, dropout
/// 0.1.
RunConfig bench_config(const BenchOptions& options);

/// Bytes per second, read and written counted, that all threads copy between two arrays of so many
/// floats; the default is larger than any cache.
double measure_copy_bandwidth(std::int64_t elements = std::int64_t{1} << 26);

}  // namespace lambert
