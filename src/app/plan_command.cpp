// SPDX-License-Identifier: Apache-2.0
#include <iostream>

#include "app/commands.h"
#include "app/plan_report.h"
#include "base/error.h"
#include "cluster/cluster_plan.h"
#include "comm/make_communicator.h"
#include "config/load_run_config.h"

namespace lambert {

int run_plan(const PlanOptions& options) {
  if (launch_rank() > 0) {
    return 0;  // under a launcher the first rank plans, once
  }
  if (options.has_network && !(options.network_gigabits > 0.0)) {
    throw ConfigError("planning a cluster: --network is " +
                      std::to_string(options.network_gigabits) +
                      "; give Gbit/s per GPU between nodes, above 0");
  }
  const RunConfig config = load_run_config(options.config, options.overrides);
  const Cluster cluster{options.gpu,           options.gpus,
                        options.gpus_per_node, options.network_gigabits,
                        options.software,      options.mean_lengths};
  const ClusterPlan plan = plan_cluster(config, cluster);
  std::cout << (options.json ? describe_cluster_plan_as_json(plan) : describe_cluster_plan(plan))
            << std::flush;
  return 0;
}

}  // namespace lambert
