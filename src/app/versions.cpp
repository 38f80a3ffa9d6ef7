// SPDX-License-Identifier: Apache-2.0
#include "app/versions.h"

#include <torch/version.h>

#include "comm/make_communicator.h"
#include "kernels/cpu_level.h"
#include "kernels/matmul.h"

namespace lambert {

std::string program_version() {
  return LAMBERT_VERSION;
}

std::vector<std::pair<std::string, std::string>> library_versions() {
  return {{"lambert", program_version()},       {"libtorch", TORCH_VERSION},
          {"matmul", matmul_library_version()}, {"cpu_level", cpu_level()},
          {"mpi", mpi_library_version()},       {"compiler", __VERSION__}};
}

}  // namespace lambert
