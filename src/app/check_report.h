// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include <nlohmann/json_fwd.hpp>

#include "config/run_config.h"
#include "config/run_plan.h"

namespace lambert {

/// What `lambert check` prints, as text for people and as JSON.
std::string describe_plan(const RunConfig& config, const RunPlan& plan);
std::string describe_plan_as_json(const RunConfig& config, const RunPlan& plan);

/// 336226108 -> 336,226,108.
std::string grouped(std::int64_t value);
nlohmann::ordered_json json_of_memory(const MemoryEstimate& memory);

}  // namespace lambert
