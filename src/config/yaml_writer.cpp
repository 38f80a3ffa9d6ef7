// SPDX-License-Identifier: Apache-2.0
#include "config/yaml_writer.h"

#include "config/load_run_config.h"
#include "config/load_squad_config.h"
#include "config/run_config_fields.h"
#include "config/squad_config_fields.h"

namespace lambert {

std::string write_run_config(const RunConfig& config) {
  return write_config(config);
}

std::string write_squad_config(const SquadConfig& config) {
  return write_config(config);
}

}  // namespace lambert
