// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "config/run_config.h"
#include "config/run_plan.h"

namespace lambert {

/// What `lambert check` prints, as text for people and as JSON.
std::string describe_plan(const RunConfig& config, const RunPlan& plan);
std::string describe_plan_as_json(const RunConfig& config, const RunPlan& plan);

}  // namespace lambert
