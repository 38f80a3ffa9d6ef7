// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "config/mistakes.h"
#include "config/run_config.h"
#include "config/yaml_reader.h"

namespace lambert {

/// Adds what is impossible although each value alone is fine. A rule is silent when one of its
/// values is already reported. file: named where a value was left at its default.
void check_rules_between_fields(const RunConfig& config, const std::string& file,
                                const Origins& origins, Mistakes& mistakes);

/// The rules of the sections that fine-tuning has too.
void check_shared_sections(const OptimizerConfig& optimizer, const CommConfig& communication,
                           const LoggingConfig& logging, std::int64_t threads_per_rank,
                           const std::string& file, const Origins& origins, Mistakes& mistakes);

}  // namespace lambert
