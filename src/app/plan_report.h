// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "cluster/cluster_plan.h"

namespace lambert {

/// What `lambert plan` prints, as text for people and as JSON.
std::string describe_cluster_plan(const ClusterPlan& plan);
std::string describe_cluster_plan_as_json(const ClusterPlan& plan);

}  // namespace lambert
