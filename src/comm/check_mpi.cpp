// SPDX-License-Identifier: Apache-2.0
#include "comm/check_mpi.h"

#include <array>

#include <mpi.h>

#include "base/error.h"

namespace lambert {

void check_mpi(int result, const std::string& call) {
  if (result == MPI_SUCCESS) {
    return;
  }
  std::array<char, MPI_MAX_ERROR_STRING> text = {};
  int length = 0;
  MPI_Error_string(result, text.data(), &length);
  throw CommError("calling " + call + ": " + text.data() +
                  "; start the job again to resume from the last checkpoint");
}

}  // namespace lambert
